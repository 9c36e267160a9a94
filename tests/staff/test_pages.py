"""Every page of the admin, as each kind of user."""

import pytest
from django.contrib import admin
from django.urls import reverse

from staff.enums import Role
from tests.factories import (
    ClinicFactory,
    CohortFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    StaffFactory,
)

pytestmark = pytest.mark.django_db


def staff_of_each_kind() -> dict:
    clinic = ClinicFactory()
    return {
        "superuser": StaffFactory(superuser=True),
        "clinic": StaffFactory(role=Role.CLINIC, clinic=clinic),
        "local": StaffFactory(role=Role.LOCAL, region=clinic.region),
        "authority": StaffFactory(role=Role.AUTHORITY),
        "operator": StaffFactory(role=Role.OPERATOR),
    }


def lists_seen_by(client, user) -> set[str]:
    client.force_login(user)
    seen = set()
    for model in admin.site._registry:
        name = model._meta.label_lower.replace(".", "_")
        answer = client.get(reverse(f"admin:{name}_changelist"))
        assert answer.status_code in (200, 403), model
        if answer.status_code == 200:
            seen.add(model._meta.label_lower)
    return seen


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_overview_opens_for_everybody_but_clinics(client, language):
    client.cookies["jari_language"] = language
    users = staff_of_each_kind()
    del users["clinic"]  # lands on the day of the clinic: tests/booking/test_day.py
    for user in users.values():
        client.force_login(user)

        page = client.get("/admin/")

        assert page.status_code == 200
        assert ("한눈에 보기" if language == "ko" else "Overview") in page.content.decode()


@pytest.mark.one_moment
def test_each_kind_of_user_sees_the_lists_of_their_role(client):
    staff = staff_of_each_kind()
    ReservationFactory(slot=SlotFactory(clinic=staff["clinic"].clinic))
    CohortFactory()

    seen = {name: lists_seen_by(client, user) for name, user in staff.items()}

    assert seen["clinic"] == {
        "booking.clinic",
        "booking.vaccine",
        "booking.slot",
        "booking.stock",
        "booking.reservation",
        "booking.listentry",
        "booking.outsidedose",
        "booking.carehome",
        "booking.homevisit",
        "vaccination.dosegiven",
        "vaccination.lot",
        "vaccination.recall",
    }
    assert "booking.reservation" not in seen["operator"]
    assert "eligibility.person" not in seen["operator"] | seen["clinic"]
    assert {"booking.reservation", "eligibility.person"} < seen["local"]
    assert "eligibility.cohort" not in seen["local"]
    assert set.union(*seen.values()) == seen["superuser"]


def test_a_person_page_opens(client):
    client.force_login(StaffFactory())
    person = PersonFactory(name="남궁민수")

    page = client.get(reverse("admin:eligibility_person_change", args=[person.pk]))

    assert "남궁민수" in page.content.decode()
