from datetime import date

import pytest
from django.urls import reverse

from eligibility.enums import Correctable, ReviewStatus
from eligibility.exceptions import CorrectionRefused
from eligibility.models import Correction, Person
from eligibility.services.corrections import ask_correction, grant_correction, refuse_correction
from eligibility.services.identity import find_or_declare
from messaging.models import Message
from staff.models import Access
from staff.services import record_access
from tests.eligibility.signing_in import sign_in
from tests.factories import PersonFactory, StaffFactory

pytestmark = pytest.mark.django_db


def test_the_page_shows_what_is_held_and_who_looked(client):
    person = PersonFactory(name="홍길동", phone="+821000001234")
    staff = StaffFactory()
    Access.objects.create(user=staff, act="detail", what="person", people=[person.pk])
    Access.objects.create(user=staff, act="detail", what="person", people=[person.pk + 1])
    sign_in(client, person)

    page = client.get("/identity/data/")

    text = page.content.decode()
    assert "홍길동" in text
    assert "010-0000-1234" in text
    assert [access.people for access in page.context["accesses"]] == [[person.pk]]
    assert staff.username not in text


def test_a_look_at_a_sheet_of_many_people_is_shown_too(client):
    person = PersonFactory()
    user, people = StaffFactory(), set(range(10_000, 10_100))
    for shown in (people, people | {person.pk}, people | {person.pk, 20_000}, people):
        record_access(
            None, act="print", what="day_sheet", data={"day": "x"}, people=shown, user=user
        )
    sign_in(client, person)

    page = client.get("/identity/data/")

    assert [person.pk in access.numbers for access in page.context["accesses"]] == [True, True]


def test_strangers_are_sent_to_identity(client):
    assert client.get("/identity/data/")["Location"].startswith("/identity/?next=")


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ({"field": "name", "wanted": " 홍 길순 "}, "홍 길순"),
        ({"field": "birth_date", "wanted": "1964.5.13"}, "1964-05-13"),
        ({"field": "phone", "wanted": "010 0000 9999"}, "+821000009999"),
    ],
)
def test_a_correction_is_kept_as_it_will_be_written(client, typed, stored):
    sign_in(client, PersonFactory())

    answers = [client.post("/identity/data/", typed).status_code for _ in range(2)]

    assert answers == [302, 302]
    assert Correction.objects.get().wanted == stored


@pytest.mark.parametrize(
    "typed",
    [
        {},
        {"field": "name", "wanted": "--"},
        {"field": "phone", "wanted": "02-123-4567"},
        {"field": "birth_date", "wanted": "x"},
        {"field": "region", "wanted": "x"},
    ],
)
def test_what_can_not_be_read_is_said_beside_the_field(client, typed):
    sign_in(client, PersonFactory())

    page = client.post("/identity/data/", typed)

    assert page.status_code == 422
    assert page.context["form"].errors
    assert not Correction.objects.exists()


def test_a_granted_correction_finds_the_person_by_the_new_details():
    person = PersonFactory(name="홍길동")
    correction = ask_correction(person=person, field=Correctable.PHONE, wanted="+821000009999")

    grant_correction(correction=correction, by="staff:1")

    found = find_or_declare(name="홍길동", birth_date=date(1964, 5, 12), phone="+821000009999")
    assert found == person
    assert Message.objects.get(key=f"correction:{correction.pk}").to == "+821000009999"


def test_a_correction_does_not_make_two_people_one():
    PersonFactory(name="홍길동", phone="+821000009999")
    person = PersonFactory(name="홍길동")
    correction = ask_correction(person=person, field=Correctable.PHONE, wanted="+821000009999")

    with pytest.raises(CorrectionRefused):
        grant_correction(correction=correction, by="staff:1")

    correction.refresh_from_db()
    assert correction.status == ReviewStatus.OPEN
    assert Person.objects.get(pk=person.pk).phone == person.phone


def test_a_closed_correction_stays_closed():
    correction = ask_correction(person=PersonFactory(), field=Correctable.NAME, wanted="홍길순")
    refuse_correction(correction=correction, by="staff:1", answer="-")

    with pytest.raises(CorrectionRefused):
        grant_correction(correction=correction, by="staff:1")


def test_the_health_authority_decides_in_the_admin(client):
    person = PersonFactory(name="홍길동")
    correction = ask_correction(person=person, field=Correctable.NAME, wanted="홍길순")
    client.force_login(StaffFactory())
    url = reverse("admin:eligibility_correction_change", args=[correction.pk])

    page = client.get(url).content.decode()
    saved = client.post(url, {"verdict": "granted", "answer": ""})

    assert "홍길순" in page
    assert saved.status_code == 302
    assert Person.objects.get().name == "홍길순"
