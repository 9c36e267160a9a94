import re
from datetime import date, timedelta

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from eligibility.code_pages import CODE_COOKIE
from eligibility.enums import Source
from eligibility.models import Decision, Person, PhoneCode, ProxyRequest
from eligibility.sessions import COOKIE, sign_in
from messaging.models import Message
from tests.eligibility import signing_in
from tests.factories import CohortFactory, PersonFactory
from waiting_room.models import Room
from waiting_room.services.rooms import open_room
from web.marking import unbroken

pytestmark = pytest.mark.django_db

TYPED = {"name": "김시험", "birth_date": "640512", "phone": "010-0000-1234"}


def last_code() -> str:
    message = Message.objects.filter(kind="code").order_by("-pk").first()
    return re.search(r"\b\d{6}\b", message.text)[0]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def test_identity_page_asks_for_name_birth_date_and_phone(client):
    page = client.get("/identity/").content.decode()

    assert re.findall(r'<input type="text" name="(\w+)"', page) == ["name", "birth_date", "phone"]


def test_right_code_signs_in_and_shows_the_cohort(client, contexts):
    cohort = CohortFactory(name_ko="55–59세")
    open_room(cohort=cohort)
    person = PersonFactory(name="김시험", phone="+821000001234")

    sent = client.post("/identity/", TYPED)
    signed_in = client.post("/identity/code/", {"code": last_code()})
    page = client.get("/eligibility/")

    assert (sent.status_code, sent["Location"]) == (302, "/identity/code/")
    assert (signed_in.status_code, signed_in["Location"]) == (302, "/eligibility/")
    assert [card["name"] for card in page.context["possible"]] == [unbroken(cohort.name)]
    assert reverse("queue_join", args=[cohort.code]) in page.content.decode()
    assert Decision.objects.get(person=person).eligible


def test_code_page_shows_the_message_in_the_sample_campaign_only(client, settings):
    client.post("/identity/", TYPED)

    ordinary = client.get("/identity/code/").content.decode()
    settings.SAMPLE = True
    sample = client.get("/identity/code/").content.decode()

    assert last_code() not in ordinary
    assert last_code() in sample


def test_wrong_code_stays_beside_its_field_and_counts_the_tries(client):
    client.post("/identity/", TYPED)

    pages = [client.post("/identity/code/", {"code": wrong(last_code())}) for _ in range(6)]

    assert [page.status_code for page in pages] == [422] * 6
    assert "남은 횟수: 4" in pages[0].content.decode()
    assert pages[5].context["form"].errors["code"] == pages[4].context["form"].errors["code"]
    assert COOKIE not in client.cookies


def test_right_code_after_five_wrong_ones_is_refused(client):
    client.post("/identity/", TYPED)
    code = last_code()
    for _ in range(5):
        client.post("/identity/code/", {"code": wrong(code)})

    refused = client.post("/identity/code/", {"code": code})

    assert refused.status_code == 422
    assert COOKIE not in client.cookies


def test_code_ends_after_three_minutes(client, clock):
    clock.freeze()
    client.post("/identity/", TYPED)
    clock.forward(minutes=3)
    late = client.post("/identity/code/", {"code": last_code()})

    assert late.status_code == 422
    assert not Person.objects.exists()


def test_a_code_counts_in_the_browser_that_asked_for_it_only(client):
    other, nobody = Client(), Client()
    client.post("/identity/", TYPED)
    code = last_code()
    other.post("/identity/", {**TYPED, "phone": "010-0000-9999"})

    assert nobody.post("/identity/code/", {"code": code})["Location"].startswith("/identity/")
    assert other.post("/identity/code/", {"code": code}).status_code == 422
    assert COOKIE not in other.cookies
    assert client.post("/identity/code/", {"code": code}).status_code == 302


def test_signing_in_again_ends_the_session_before(client, clock):
    clock.freeze()
    thief = Client()
    for browser in (thief, client):
        client.post("/identity/", TYPED)
        client.post("/identity/code/", {"code": last_code()})
        browser.cookies[COOKIE] = client.cookies[COOKIE].value
        clock.forward(minutes=5)

    assert thief.get("/identity/data/").status_code == 302
    assert client.get("/identity/data/").status_code == 200


def test_the_page_of_the_code_warns_of_passing_it_on(client):
    client.post("/identity/", TYPED)

    page = client.get("/identity/code/").content.decode()

    assert "인증번호를 아무에게도 알려 주지 마십시오" in page


def test_the_page_of_the_code_names_full_minutes_that_keep_its_promise(client, clock):
    clock.at("10:00")
    clock.forward(seconds=30)

    client.post("/identity/", TYPED)
    page = client.get("/identity/code/").content.decode()

    # It works until 10:03:30, and another is sent from 10:01:30 on.
    assert "오전 10:03까지" in page
    assert "오전 10:02부터" in page


def test_new_code_goes_out_after_one_minute_and_ends_the_old_one(client, clock):
    clock.freeze()
    client.post("/identity/", TYPED)
    first = last_code()
    too_soon = client.post("/identity/code/", {"resend": "1"})
    clock.forward(minutes=1)
    again = client.post("/identity/code/", {"resend": "1"})
    with_old = client.post("/identity/code/", {"code": first})
    with_new = client.post("/identity/code/", {"code": last_code()})

    assert too_soon.status_code == 429
    assert again.status_code == 302
    assert Message.objects.filter(kind="code").count() == 2
    assert with_old.status_code == 422
    assert with_new.status_code == 302


@pytest.mark.parametrize(
    "code",
    [
        "{}",
        " {} ",
        "{0[0]}{0[1]}{0[2]} {0[3]}{0[4]}{0[5]}",
        "{0[0]}{0[1]}{0[2]}-{0[3]}{0[4]}{0[5]}",
    ],
)
def test_code_may_be_typed_with_spaces_and_hyphens(client, code):
    client.post("/identity/", TYPED)

    signed_in = client.post("/identity/code/", {"code": code.format(last_code())})

    assert signed_in.status_code == 302


def test_code_may_be_typed_in_full_width_digits(client):
    client.post("/identity/", TYPED)

    wide = last_code().translate({ord(str(n)): chr(0xFF10 + n) for n in range(10)})
    signed_in = client.post("/identity/code/", {"code": wide})

    assert signed_in.status_code == 302


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "가" * 61}, "name"),
        ({"name": "--"}, "name"),
        ({"birth_date": ""}, "birth_date"),
        ({"birth_date": "640230"}, "birth_date"),
        ({"birth_date": "2999-01-01"}, "birth_date"),
        ({"birth_date": "x" * 5000}, "birth_date"),
        ({"phone": ""}, "phone"),
        ({"phone": "02-123-4567"}, "phone"),
        ({"phone": "+1 212 555 0100"}, "phone"),
        ({"phone": "9" * 5000}, "phone"),
    ],
)
def test_bad_field_is_named_and_everything_typed_is_kept(client, typed, field):
    values = {**TYPED, **typed}

    page = client.post("/identity/", values)

    form = page.context["form"]
    assert page.status_code == 422
    assert list(form.errors) == [field]
    assert {name: form[name].value() for name in TYPED} == values
    assert not PhoneCode.objects.exists()


@pytest.mark.parametrize(
    "name", ["[질병청] 취소됨 http://evil.kr/a", "evil.kr", "김하나 010-1234-5678"]
)
def test_a_name_that_reads_as_a_link_or_a_number_is_taken_by_no_form(client, name):
    identity = client.post("/identity/", {**TYPED, "name": name})
    signing_in.sign_in(client, PersonFactory())
    family = client.post("/family/", {**TYPED, "name": name})

    assert (identity.status_code, family.status_code) == (422, 422)
    assert list(identity.context["form"].errors) == ["name"]
    assert not PhoneCode.objects.exists()
    assert not ProxyRequest.objects.exists()


def test_resident_number_is_refused_and_does_not_come_back(client):
    page = client.post("/identity/", {**TYPED, "birth_date": "640512-1234567"})

    assert page.status_code == 422
    assert page.context["form"]["birth_date"].value() == "640512"
    assert "1234567" not in page.content.decode()


def test_century_is_asked_only_when_unclear(client):
    clear = client.post("/identity/", {**TYPED, "name": ""})
    unclear = client.post("/identity/", {**TYPED, "birth_date": "120512"})
    chosen = client.post("/identity/", {**TYPED, "birth_date": "120512", "century": "19"})

    assert 'name="century"' not in clear.content.decode()
    assert re.findall(r'name="century" value="(\d+)"', unclear.content.decode()) == ["19", "20"]
    assert chosen.status_code == 302
    assert PhoneCode.objects.get().birth_date == date(1912, 5, 12)


def test_pages_on_the_way_do_not_tell_who_is_on_the_roster(client, clock):
    """Known or not, the same statuses, addresses and texts until the phone is proven."""
    PersonFactory(name="김시험", phone="+821000001234")
    seen = []
    clock.freeze()
    for name in ["김시험", "박모름"]:
        sent = client.post("/identity/", {**TYPED, "name": name})
        page = client.get(sent["Location"])
        failed = client.post("/identity/code/", {"code": wrong(last_code())})
        bare = re.sub(r"csrfmiddlewaretoken.*?>", "", page.content.decode())
        seen.append((sent.status_code, sent["Location"], bare, failed.status_code))

    assert seen[0] == seen[1]


def test_other_phone_and_unknown_name_read_the_same(client):
    """Somebody who knows a name and a birth date learns nothing with a phone of their own."""
    CohortFactory()
    PersonFactory(name="김시험", phone="+821000009999")
    texts = []
    for name in ["김시험", "박모름"]:
        client.post("/identity/", {**TYPED, "name": name})
        client.post("/identity/code/", {"code": last_code()})
        page = client.get("/eligibility/").content.decode()
        texts.append(re.sub(r"csrfmiddlewaretoken.*?>|<time.*?</time>", "", page.replace(name, "")))
        client.post("/identity/sign-out/")

    assert texts[0] == texts[1]


def test_eligibility_page_sends_strangers_to_identity_and_back(client):
    CohortFactory()
    PersonFactory(name="김시험", phone="+821000001234")

    away = client.get("/eligibility/")
    client.post("/identity/", {**TYPED, "next": "/eligibility/"})
    back = client.post("/identity/code/", {"code": last_code()})

    assert away["Location"] == "/identity/?next=%2Feligibility%2F"
    assert back["Location"] == "/eligibility/"


@pytest.mark.parametrize(
    "address", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"]
)
def test_next_stays_on_this_site(client, address):
    client.post("/identity/", {**TYPED, "next": address})

    signed_in = client.post("/identity/code/", {"code": last_code()})

    assert signed_in["Location"] == "/eligibility/"


def test_code_page_without_a_challenge_goes_back_to_the_start(client):
    client.cookies[CODE_COOKIE] = "made-up"

    assert client.get("/identity/code/")["Location"] == "/identity/"


def test_sign_out_forgets_the_person_and_needs_a_post(client):
    client.post("/identity/", TYPED)
    client.post("/identity/code/", {"code": last_code()})

    by_link = client.get("/identity/sign-out/")
    out = client.post("/identity/sign-out/")
    away = client.get("/eligibility/")

    assert (by_link.status_code, COOKIE in by_link.cookies) == (302, False)
    assert out.status_code == 302
    assert away["Location"].startswith("/identity/")


def test_unknown_person_is_declared_and_told_what_to_do(client, contexts):
    cohort = CohortFactory()

    client.post("/identity/", TYPED)
    client.post("/identity/code/", {"code": last_code()})
    page = client.get("/eligibility/")

    assert Person.objects.get().source == Source.DECLARED
    assert [card["name"] for card in page.context["near"]] == [cohort.name]
    assert not Decision.objects.exists()


def test_who_is_new_proves_who_they_are_in_few_statements(client):
    Client().post("/identity/", {**TYPED, "phone": "010-0000-9999"})  # texts and budget are read
    with CaptureQueriesContext(connection) as of_form:
        client.post("/identity/", TYPED)
    code = last_code()
    with CaptureQueriesContext(connection) as of_code:
        client.post("/identity/code/", {"code": code})

    assert [len(statements(each)) for each in (of_form, of_code)] == [4, 10]
    assert COOKIE in client.cookies


def statements(captured: CaptureQueriesContext) -> list[str]:
    """Without what begins and ends transactions."""
    texts = [query["sql"] for query in captured.captured_queries]
    return [text for text in texts if not text.startswith(("SAVEPOINT", "RELEASE"))]


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("count", [1, 3])
def test_eligibility_page_costs_the_same_for_one_and_three_cohorts(
    client, contexts, django_assert_num_queries, language, count
):
    for _ in range(count):
        CohortFactory()
    PersonFactory(name="김시험", phone="+821000001234")
    client.post("/identity/", TYPED)
    client.post("/identity/code/", {"code": last_code()})

    with django_assert_num_queries(5):
        page = client.get("/eligibility/", headers={"accept-language": language})

    assert len(page.context["possible"]) == count


def test_eligibility_offers_to_join_only_from_when_the_line_can_be_joined(client):
    person = PersonFactory()
    cohort = CohortFactory(soon=True)
    signed = HttpResponse()
    sign_in(signed, person_id=person.pk)
    client.cookies = signed.cookies
    join = reverse("queue_join", args=[cohort.code])

    without_line = client.get("/eligibility/").content.decode()
    room = open_room(cohort=cohort, joins_from=cohort.opens_at - timedelta(hours=1))
    too_early = client.get("/eligibility/").content.decode()
    Room.objects.filter(pk=room.pk).update(joins_from=timezone.now())
    in_time = client.get("/eligibility/").content.decode()

    assert [join in page for page in (without_line, too_early, in_time)] == [False, False, True]


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("/identity/sign-out/", "/"),
        ("/family/back/", "/family/"),
        ("/family/1/act/", "/family/"),
        ("/family/1/end/", "/family/"),
        ("/eligibility/fifties/review/withdraw/", "/eligibility/"),
    ],
)
def test_an_address_that_acts_leads_to_its_page_when_it_is_only_opened(client, address, page):
    person = PersonFactory()
    signed = HttpResponse()
    sign_in(signed, person_id=person.pk)
    client.cookies[COOKIE] = signed.cookies[COOKIE].value

    opened, other = client.get(address), client.delete(address)

    assert (opened.status_code, opened["Location"]) == (302, page)
    assert other.status_code == 405
    assert COOKIE not in opened.cookies
