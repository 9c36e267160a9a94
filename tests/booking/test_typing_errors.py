"""What is typed wrong in the admin and in files is refused before anybody can book it."""

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages

from booking.models import Clinic, Slot
from staff.enums import Role
from tests.booking.test_path import page
from tests.factories import ClinicFactory, ReservationFactory, StaffFactory, VaccineFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def authority(client):
    client.force_login(StaffFactory(role=Role.AUTHORITY))
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def add_slot(client, clock, *, hour: int, capacity: int):
    day = clock.now() + timedelta(days=3)
    fields = {
        "clinic": ClinicFactory().pk,
        "vaccine": VaccineFactory().pk,
        "starts_at_0": f"{day:%Y-%m-%d}",
        "starts_at_1": f"{hour:02}:00",
        "capacity": capacity,
    }
    return client.post("/admin/booking/slot/add/", fields)


@pytest.mark.parametrize(
    ("hour", "capacity", "says"),
    [
        (3, 10, "Appointments begin at 06:00 or later."),
        (15, 32_767, "At most 1000 people at one time."),
    ],
)
def test_a_slot_that_must_be_a_typing_error_is_refused(authority, clock, hour, capacity, says):
    answer = add_slot(authority, clock, hour=hour, capacity=capacity)

    assert says in page(answer)
    assert not Slot.objects.exists()


@pytest.mark.parametrize("hour", [6, 23])
def test_a_slot_at_the_ends_of_the_day_is_taken(authority, clock, hour):
    assert add_slot(authority, clock, hour=hour, capacity=1000).status_code == 302
    assert Slot.objects.get().capacity == 1000


def change_clinic(client, clinic: Clinic, **fields):
    values = {
        "name": clinic.name, "region": clinic.region, "district": clinic.district,
        "address": clinic.address, "phone": clinic.phone, "cutoff_hours": clinic.cutoff_hours,
        "margin_percent": clinic.margin_percent, "active": "on", "latitude": "", "longitude": "",
    }  # fmt: skip
    return client.post(f"/admin/booking/clinic/{clinic.pk}/change/", values | fields)


def test_a_clinic_stands_under_the_official_names_of_its_place(authority):
    clinic = ClinicFactory()

    answer = change_clinic(authority, clinic, region="서울", district="강남구")
    clinic.refresh_from_db()

    assert answer.status_code == 302, page(answer)
    assert (clinic.region, clinic.district) == ("서울특별시", "강남구")


def test_a_place_that_does_not_exist_is_refused(authority):
    answer = change_clinic(authority, ClinicFactory(), region="서울", district="화성")

    assert "There is no such district." in page(answer)


def test_switching_a_clinic_off_says_who_is_still_booked_there(authority):
    reservation = ReservationFactory()

    answer = change_clinic(authority, reservation.slot.clinic, active="")

    texts = [str(message) for message in get_messages(answer.wsgi_request)]
    assert any(text.startswith("1 appointment to come stands as it is") for text in texts), texts
