"""Another language in the middle of the forms before booking: nothing typed is lost, or sent."""

import pytest
from django.urls import reverse

from eligibility.enums import ReviewReason
from eligibility.models import Correction, PhoneCode, Proxy, Review
from eligibility.sessions import COOKIE
from messaging.models import Message
from tests.eligibility.signing_in import sign_in
from tests.eligibility.test_pages import last_code
from tests.factories import CohortFactory, PersonFactory, RoomFactory, TicketFactory
from tests.forms import Forms, switch
from waiting_room.models import Alert

pytestmark = pytest.mark.django_db

WHO = {"name": "김", "birth_date": "6405", "phone": "010-12"}


def lists(values: dict) -> dict:
    return {name: [value] for name, value in values.items()}


def kept(answer, form: str) -> dict:
    assert answer.status_code == 200
    assert "is-wrong" not in answer.content.decode()
    return Forms(answer).typed(form)


def language_of(answer) -> str:
    return answer.content.decode().split('<html lang="')[1][:2]


def test_who_one_is_stays_typed_and_no_code_goes_out(client):
    shown = client.get("/identity/", {"next": "/booking/"})

    english = switch(client, shown, "identity", **WHO)
    korean = switch(client, english, "identity")

    expected = lists({"next": "/booking/", **WHO, "by": "sms"})
    assert (kept(english, "identity"), kept(korean, "identity")) == (expected, expected)
    assert (language_of(english), language_of(korean)) == ("en", "ko")
    assert client.cookies["jari_language"].value == "ko"
    assert not PhoneCode.objects.exists()


def test_the_question_for_the_century_stays(client):
    asked = client.post("/identity/", {**WHO, "birth_date": "200512"})

    english = switch(client, asked, "identity", century="20")

    assert kept(english, "identity") == lists({**WHO, "birth_date": "200512", "century": "20"})


def test_a_resident_registration_number_does_not_come_back(client):
    shown = client.get("/identity/")

    english = switch(client, shown, "identity", **{**WHO, "birth_date": "640512-1234567"})

    assert kept(english, "identity")["birth_date"] == ["640512"]
    assert "1234567" not in english.content.decode()


def test_the_code_stays_typed_and_counts_as_no_try(client):
    client.post("/identity/", {"name": "김시험", "birth_date": "640512", "phone": "010-0000-1234"})
    shown = client.get("/identity/code/")

    english = switch(client, shown, "code", code="12")
    signed_in = client.post("/identity/code/", {"code": last_code()})

    assert kept(english, "code") == {"code": ["12"]}
    assert language_of(english) == "en"
    assert signed_in.url == "/eligibility/"
    assert Message.objects.filter(kind="code").count() == 1


def test_the_district_stays_chosen(client):
    for district, index in [("강남구", b"1" * 16), ("종로구", b"2" * 16)]:
        PersonFactory(name="김시험", phone="+821000001234", district=district, identity_index=index)
    client.post("/identity/", {"name": "김시험", "birth_date": "640512", "phone": "010-0000-1234"})
    client.post("/identity/code/", {"code": last_code()})
    shown = client.get("/identity/district/")

    english = switch(client, shown, "district", home="서울특별시|강남구")

    assert kept(english, "district") == {"home": ["서울특별시|강남구"]}
    assert COOKIE not in client.cookies


def test_what_was_wrong_with_an_answer_stays_typed(client):
    person, cohort = PersonFactory(), CohortFactory()
    sign_in(client, person)
    shown = client.get(reverse("review", args=[cohort.code]))
    typed = {"reason": ReviewReason.values[-1], "note": "두 줄\n병원"}

    english = switch(client, shown, "review", **typed)

    assert kept(english, "review") == lists(typed)
    assert not Review.objects.exists()


def test_a_correction_stays_typed(client):
    sign_in(client, PersonFactory())
    shown = client.get(reverse("my_data"))

    english = switch(client, shown, "correction", field="phone", wanted="010")

    assert kept(english, "correction") == {"field": ["phone"], "wanted": ["010"]}
    assert not Correction.objects.exists()


def test_whom_one_books_for_stays_typed(client):
    sign_in(client, PersonFactory())
    shown = client.get(reverse("family"))

    english = switch(client, shown, "ward", **WHO)

    assert kept(english, "ward") == lists(WHO)
    assert not Proxy.objects.exists()


def test_how_to_be_told_and_the_resume_code_stay_typed(client):
    ticket = TicketFactory(room=RoomFactory(gathering=True))
    sign_in(client, ticket.person)

    told = client.get(reverse("tell", args=[ticket.pk]))
    told = switch(client, told, "tell", channel="email", email="me@")
    resumed = switch(client, client.get(reverse("resume")), "resume", code="7K2M")

    assert kept(told, "tell") == {"channel": ["email"], "email": ["me@"]}
    assert kept(resumed, "resume") == {"code": ["7K2M"]}
    assert not Alert.objects.exists()
