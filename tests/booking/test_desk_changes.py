"""Staff cancel and move for a caller, also where the citizen can't any more."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import localtime, now

from booking.models import Reservation
from booking.services.changes import cancel_reservation
from booking.services.staff_bookings import book_for
from messaging.models import Message
from staff.enums import Role
from staff.models import Access
from tests.booking.test_path import page
from tests.booking.test_series import booked
from tests.booking.test_staff_pages import said
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    ReservationFactory,
    SlotFactory,
    StaffFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def reservation(client, clock) -> Reservation:
    """An hour before the appointment, long after the citizen's cut-off."""
    reservation = ReservationFactory()
    clock.move_to(reservation.slot.starts_at - timedelta(hours=1))
    client.user = StaffFactory(role=Role.CLINIC, clinic=reservation.slot.clinic)
    client.force_login(client.user)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return reservation


def address(name: str, reservation: Reservation) -> str:
    return reverse(f"admin:booking_reservation_{name}", args=[reservation.pk])


def offered_to_move(response) -> list[int]:
    return [int(pk) for pk in re.findall(r"href=\"[^\"]*/move/\?slot=(\d+)", page(response))]


def later_slot(reservation: Reservation, *, hours: int = 2, **values):
    slot = reservation.slot
    starts_at = slot.starts_at + timedelta(hours=hours)
    return SlotFactory(
        **{"clinic": slot.clinic, "vaccine": slot.vaccine, "starts_at": starts_at, **values}
    )


def test_a_caller_after_the_cut_off_is_cancelled_told_and_on_record(client, reservation):
    assert now() > reservation.changes_until

    asked = client.get(address("cancel", reservation))
    answer = client.post(address("cancel", reservation), {"reason": "person"})

    assert reservation.person.name in page(asked)
    assert said(answer) == [f"Cancelled: {reservation.number}. A message goes to the person."]
    reservation.refresh_from_db()
    assert (reservation.status, reservation.by) == ("cancelled", f"staff:{client.user.pk}")
    assert Message.objects.filter(kind="cancelled", person_id=reservation.person_id).count() == 1
    record = Access.objects.get(what="cancel")
    assert record.data == {"numbers": reservation.number, "reason": "person"}


def test_without_a_reason_nothing_is_cancelled(client, reservation):
    answer = client.post(address("cancel", reservation), {"reason": ""})

    assert answer.status_code == 422
    reservation.refresh_from_db()
    assert reservation.status == "confirmed"


def test_with_the_first_dose_goes_the_second_and_the_page_says_so(client):
    first = SlotFactory(double=True)
    second = SlotFactory(
        clinic=first.clinic, vaccine=first.vaccine, starts_at=first.starts_at + timedelta(days=21)
    )
    admission = AdmissionFactory()
    both = book_for(person=admission.ticket.person, slot=first, second=second, by="staff:1")
    client.force_login(StaffFactory(role=Role.CLINIC, clinic=first.clinic))
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    asked = client.get(address("cancel", both[0]))
    client.post(address("cancel", both[0]), {"reason": "person"})

    assert f"Dose 2 on {localtime(second.starts_at):%Y-%m-%d}" in page(asked)
    assert {row.status for row in Reservation.objects.all()} == {"cancelled"}
    record = Access.objects.get(what="cancel")
    assert record.data["numbers"] == ", ".join(row.number for row in both)


def test_a_cancellation_is_taken_back_by_its_button(client, reservation):
    client.post(address("cancel", reservation), {"reason": "mistake"})
    shown = client.get(address("change", reservation))

    answer = client.post(address("restore", reservation))

    assert address("restore", reservation) in page(shown)
    assert said(answer)[-1] == f"Stands again: {reservation.number}. A message goes to the person."
    reservation.refresh_from_db()
    assert reservation.status == "confirmed"
    assert address("restore", reservation) not in page(client.get(address("change", reservation)))


def test_a_caller_is_moved_to_another_time_and_keeps_the_number(client, reservation):
    slot = later_slot(reservation)

    listed = client.get(address("move", reservation))
    asked = client.get(f"{address('move', reservation)}?slot={slot.pk}")
    answer = client.post(f"{address('move', reservation)}?slot={slot.pk}")

    assert offered_to_move(listed) == [slot.pk]
    assert "Until now" in page(asked)
    assert said(answer) == ["Moved. A message goes to the person."]
    moved = Reservation.objects.get(pk=reservation.pk)
    assert (moved.number, moved.slot_id) == (reservation.number, slot.pk)
    assert booked(reservation.slot, slot) == [0, 1]
    assert Message.objects.filter(kind="changed", person_id=moved.person_id).count() == 1
    assert Access.objects.get(what="move").data["to_slot"] == str(slot.pk)


def test_a_full_time_leaves_the_old_one_and_names_others(client, reservation):
    full, free = later_slot(reservation, full=True), later_slot(reservation, hours=3)

    answer = client.post(f"{address('move', reservation)}?slot={full.pk}")

    assert answer.status_code == 409
    assert offered_to_move(answer) == [free.pk]
    reservation.refresh_from_db()
    assert reservation.status == "confirmed"
    assert reservation.slot_id != full.pk


@pytest.mark.parametrize("name", ["cancel", "move", "restore"])
@pytest.mark.parametrize("role", [Role.AUTHORITY, Role.OPERATOR, Role.AUDITOR])
def test_who_may_not_book_may_not_change(client, reservation, name, role):
    client.force_login(StaffFactory(role=role))

    assert client.post(address(name, reservation), {"reason": "person"}).status_code == 403
    assert address("cancel", reservation) not in page(client.get(address("change", reservation)))


@pytest.mark.parametrize("name", ["cancel", "move", "restore"])
def test_another_clinic_finds_nothing(client, reservation, name):
    client.force_login(StaffFactory(role=Role.CLINIC, clinic=ClinicFactory()))

    assert client.post(address(name, reservation), {"reason": "person"}).status_code == 404


def test_a_time_of_another_clinic_cannot_be_chosen(client, reservation):
    elsewhere = later_slot(reservation, clinic=ClinicFactory())

    answer = client.post(f"{address('move', reservation)}?slot={elsewhere.pk}")

    assert answer.status_code == 404


def test_what_was_cancelled_meanwhile_says_so(client, reservation):
    cancel_reservation(reservation=reservation, by="staff:1")

    again = client.post(address("cancel", reservation), {"reason": "person"})
    move = client.get(address("move", reservation))

    assert said(again) == ["It was cancelled already."]
    assert said(move)[-1] == "This reservation is not confirmed, or not any more."
