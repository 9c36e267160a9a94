"""Two people of one name, birth date and phone: told apart by where they live."""

from datetime import date
from io import StringIO

import pytest
from django.core.management import call_command

from eligibility.enums import Source
from eligibility.exceptions import ProxyRefused
from eligibility.models import Person, Proxy
from eligibility.services.family import answer_proxy_request, ask_to_book_for
from eligibility.sessions import COOKIE
from tests.eligibility.test_pages import last_code, wrong
from tests.factories import CohortFactory, PersonFactory

pytestmark = pytest.mark.django_db

HEADER = "person_id,name,birth_date,phone,region,district"
TYPED = {"name": "김시험", "birth_date": "640512", "phone": "010-0000-1234"}
GANGNAM, JUNG = "서울특별시|강남구", "부산광역시|중구"


@pytest.fixture
def load(tmp_path):
    def load(*places: str) -> None:
        rows = [
            f"K{number},김시험,1964-05-12,010-0000-1234,{place}"
            for number, place in enumerate(places)
        ]
        path = tmp_path / "roster.csv"
        path.write_text("\n".join([HEADER, *rows]), encoding="utf-8")
        call_command("import_roster", path, stdout=StringIO(), stderr=StringIO())

    return load


@pytest.fixture
def twins(load):
    CohortFactory()
    load("서울,강남구", "부산,중구")


def prove(client, **typed):
    client.post("/identity/", {**TYPED, **typed})
    return client.post("/identity/code/", {"code": last_code()})


def who(client) -> Person:
    return client.get("/eligibility/").wsgi_request._jari_session.person_id


@pytest.mark.parametrize(("home", "key"), [(GANGNAM, "K0"), (JUNG, "K1")])
def test_two_people_of_all_the_same_details_are_told_apart_by_district(client, twins, home, key):
    proven = prove(client)
    page = client.get("/identity/district/")
    before = COOKIE in client.cookies
    chosen = client.post("/identity/district/", {"home": home})

    assert (proven.status_code, proven["Location"]) == (302, "/identity/district/")
    assert (page.status_code, before) == (200, False)
    assert (chosen.status_code, chosen["Location"]) == (302, "/eligibility/")
    assert who(client) == Person.objects.get(roster_key=key).pk
    assert Person.objects.count() == 2


def test_signing_in_again_is_the_same_person(client, twins):
    signed_in = []
    for _ in range(2):
        prove(client)
        client.post("/identity/district/", {"home": JUNG})
        signed_in.append(who(client))
        client.post("/identity/sign-out/")

    assert signed_in[0] == signed_in[1]
    assert Person.objects.count() == 2


def test_nothing_before_the_code_shows_that_there_are_two(client, twins):
    """The same answers for twins, one person on the roster, and nobody."""
    PersonFactory(name="박혼자", phone="+821000001234")
    answers = []
    for name in ["김시험", "박혼자", "아무개"]:
        client.cookies.clear()
        sent = client.post("/identity/", {**TYPED, "name": name})
        asked = client.get("/identity/district/")
        chosen = client.post("/identity/district/", {"home": GANGNAM})
        refused = client.post("/identity/code/", {"code": wrong(last_code())})
        answers.append(
            [(page.status_code, page.get("Location")) for page in (sent, asked, chosen, refused)]
        )
        assert COOKIE not in client.cookies

    assert answers[0] == answers[1] == answers[2]
    assert answers[0][1:3] == [(302, "/identity/")] * 2


def test_the_page_tells_nobody_where_the_two_live(client, twins):
    """It offers every district of the country, whoever asks."""
    prove(client)

    page = client.get("/identity/district/").content.decode()

    assert page.count("<option") > 200
    assert "selected" not in page.replace('<option value="" selected>', "")


def test_a_person_alone_is_not_asked(client, load):
    load("서울,강남구")

    assert prove(client)["Location"] == "/eligibility/"


def test_whoever_is_called_exactly_so_is_not_asked(client):
    PersonFactory(name="John Paul Smith", phone="+821000001234")
    exact = PersonFactory(name="John Smith", phone="+821000001234")

    proven = prove(client, name="john smith")

    assert proven["Location"] == "/eligibility/"
    assert who(client) == exact.pk


def test_a_district_where_nobody_is_registered_is_asked_again_and_makes_nobody(client, twins):
    prove(client)

    refused = client.post("/identity/district/", {"home": "대구광역시|수성구"})
    empty = client.post("/identity/district/", {"home": ""})
    other = client.post("/identity/district/", {"home": "none"})

    assert [page.status_code for page in (refused, empty, other)] == [422] * 3
    assert COOKIE not in client.cookies
    assert Person.objects.count() == 2


def test_whose_district_the_roster_does_not_tell_is_the_one_who_lives_elsewhere(client, load):
    load("서울,", "부산,중구")
    prove(client)

    client.post("/identity/district/", {"home": GANGNAM})

    assert who(client) == Person.objects.get(roster_key="K0").pk


def test_trying_districts_ends_after_five(client, twins):
    prove(client)

    wrong_ones = [client.post("/identity/district/", {"home": "none"}) for _ in range(5)]
    right = client.post("/identity/district/", {"home": GANGNAM})

    assert [page.status_code for page in wrong_ones] == [422] * 5
    assert right.status_code == 429
    assert COOKIE not in client.cookies


def test_the_question_is_asked_in_english_too(client, twins):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    prove(client)

    page = client.get("/identity/district/").content.decode()

    assert "<h1>Where do you live?</h1>" in page


def test_a_yes_for_one_of_two_who_share_all_details_must_be_given_signed_in(twins):
    request = ask_to_book_for(
        by=PersonFactory(), name="김시험", birth_date=date(1964, 5, 12), phone="+821000001234"
    )

    with pytest.raises(ProxyRefused):
        answer_proxy_request(request=request, yes=True, by="phone")

    assert not Proxy.objects.exists()
    assert not Person.objects.filter(source=Source.DECLARED).exists()
