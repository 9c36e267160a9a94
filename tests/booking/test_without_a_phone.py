"""People without a mobile phone: a code by a call, letters that the local government prints."""

import re
from datetime import date

import pytest
from django.urls import reverse

from booking.services.changes import cancel_reservation
from booking.services.staff_bookings import book_for
from eligibility.models import Person, PhoneCode
from eligibility.services.identity import find_or_declare
from eligibility.spelling import any_phone, masked_phone, shown_phone
from messaging.models import Message
from messaging.services import send_waiting
from staff.enums import Role
from staff.models import Access
from tests.booking.test_caller_page import local, page, said, search  # noqa: F401 - a fixture
from tests.factories import ClinicFactory, CohortFactory, PersonFactory, SlotFactory, StaffFactory

pytestmark = pytest.mark.django_db
LETTERS, CARD = "/admin/desk/letters/", "/admin/desk/card/"
HONG = {"name": "홍길동", "birth_date": "19640512", "phone": "02-2123-4567"}
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@pytest.fixture(autouse=True)
def _outbox(settings, tmp_path):
    settings.HOME = tmp_path


def without_phone(**values) -> Person:
    return PersonFactory(phone="", **values)


@pytest.mark.parametrize(
    ("typed", "e164", "shown", "masked"),
    [
        ("02-212-4567", "+8222124567", "02-212-4567", "02-***-4567"),
        ("02 2123 4567", "+82221234567", "02-2123-4567", "02-****-4567"),
        ("031-234-5678", "+82312345678", "031-234-5678", "031-***-5678"),
        ("070-7123-4567", "+827071234567", "070-7123-4567", "070-****-4567"),
        ("010-1234-5678", "+821012345678", "010-1234-5678", "010-****-5678"),
    ],
)
def test_a_landline_is_read_and_shown_as_usual(typed, e164, shown, masked):
    assert any_phone(typed) == e164
    assert (shown_phone(e164), masked_phone(e164)) == (shown, masked)


@pytest.mark.parametrize(
    "typed", ["060-700-1234", "1588-1234", "02-023-4567", "0505-123-4567", "02-12-4567", "x", "112"]
)
def test_numbers_that_cost_or_do_not_exist_are_no_phones(typed):
    with pytest.raises(ValueError, match="number"):
        any_phone(typed)


def test_a_landline_gets_its_code_by_a_call_and_signs_in(client):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    asked = client.post(reverse("identity"), HONG)
    assert asked.status_code == 302

    message = Message.objects.get(kind="code")

    assert (message.channel, message.to) == ("voice", "+82221234567")
    first, second = re.findall(r": ([a-z, ]+)\.", message.text)
    assert first == second
    code = "".join(str(DIGITS.index(word)) for word in first.split(", "))
    assert "A voice reads six digits out" in page(client.get(asked.url))
    assert client.post(reverse("identity_code"), {"code": code}).status_code == 302
    assert Person.objects.get().phone == "+82221234567"


def test_a_call_may_be_chosen_for_a_mobile_phone(client):
    client.post(reverse("identity"), {**HONG, "phone": "010-1234-5678", "by": "voice"})

    assert PhoneCode.objects.get().by_voice
    assert Message.objects.get().channel == "voice"


def test_without_a_gateway_for_calls_a_landline_is_refused_and_none_is_offered(client, settings):
    settings.OUTBOX_ALLOWED = False
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    answer = client.post(reverse("identity"), {**HONG, "by": "voice"})

    assert answer.status_code == 422
    assert "Enter a Korean mobile number" in page(answer)
    assert "By a call" not in page(answer)


def test_a_person_without_a_phone_is_entered_booked_and_written_to(local):  # noqa: F811
    CohortFactory(proof="counter")
    typed = {"card": "welfare", **HONG, "phone": "", "no_phone": "on"}

    answer = local.post(CARD, typed)

    person = Person.objects.get()
    assert (answer.status_code, person.phone) == (302, "")
    assert Person.objects.filter(phone_index=person.phone_index).count() == 1
    clinic = ClinicFactory(region="서울특별시", district="강남구")
    [reservation] = book_for(person=person, slot=SlotFactory(clinic=clinic), by="staff:1")
    cancel_reservation(reservation=reservation, by="staff:1")
    send_waiting()
    assert set(Message.objects.values_list("channel", "status")) == {("letter", "waiting")}

    printed = local.post(LETTERS)

    assert printed["Content-Type"] == "application/pdf"
    content = printed.content
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b", content)) == 2
    access = Access.objects.get(what="letters")
    assert (access.people, access.data) == ([person.pk], {"count": 2, "again": False})
    assert said(local.post(LETTERS))[-1] == "No letter waits to be printed."
    text = page(local.get(LETTERS))
    assert "0 letters wait" in text
    key = re.search(r'name="again" value="([^"]+)"', text)[1].replace("&#x27;", "'")
    assert local.post(LETTERS, {"again": key})["Content-Type"] == "application/pdf"
    assert Access.objects.filter(what="letters", data__again=True).count() == 1


def test_two_people_without_a_phone_are_not_one():
    first = find_or_declare(name="홍길동", birth_date=date(1964, 5, 12), phone="")
    other = find_or_declare(name="임꺽정", birth_date=date(1964, 5, 12), phone="")

    assert first.pk != other.pk
    assert find_or_declare(name="홍길동", birth_date=date(1964, 5, 12), phone="") == first


def test_namesakes_without_a_phone_are_compared_by_staff(local):  # noqa: F811
    CohortFactory()
    known = without_phone(name="홍길동")
    typed = {"card": "welfare", **HONG, "phone": "", "no_phone": "on"}

    choice = local.post(CARD, typed)
    new = local.post(CARD, {**typed, "person": "new"})
    same = local.post(CARD, {**typed, "person": str(known.pk)})

    assert (choice.status_code, new.status_code, same.status_code) == (422, 422, 302)
    assert "is known already" in page(new)
    assert Person.objects.count() == 1


def test_letters_of_another_area_are_not_printed_here(local):  # noqa: F811
    far = without_phone(region="부산광역시", district="해운대구")
    clinic = ClinicFactory(region="부산광역시", district="해운대구")
    CohortFactory()
    book_for(person=far, slot=SlotFactory(clinic=clinic), by="staff:1")
    send_waiting()

    assert said(local.post(LETTERS)) == ["No letter waits to be printed."]
    assert "0 letters wait" in page(local.get(LETTERS))
    local.force_login(StaffFactory(role=Role.LOCAL, region="부산광역시"))
    assert local.post(LETTERS)["Content-Type"] == "application/pdf"
    for again in ["", "x", "2026-11-29T10:00:00|staff:1", "\0|", "9999-99-99T00:00:00Z|x"]:
        assert local.post(LETTERS, {"again": again}).status_code in (302, 400)


@pytest.mark.parametrize("role", [Role.CLINIC, Role.AUTHORITY, Role.OPERATOR])
def test_only_the_local_government_prints(local, role):  # noqa: F811
    local.force_login(StaffFactory(role=role, clinic=ClinicFactory()))

    assert (local.get(LETTERS).status_code, local.post(LETTERS).status_code) == (403, 403)


def test_a_caller_is_found_by_a_landline(local):  # noqa: F811
    person = PersonFactory(phone="+82221234567")

    for typed in ["02-2123-4567", "02 2123 4567", "+82 2 2123 4567", f"{person.name} 0221234567"]:
        assert search(local, typed).status_code == 302, typed
