"""Taking a cancellation back: the receipt's button and the service ask one rule."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from booking.enums import ReservationStatus
from booking.exceptions import NothingToUndo, SlotClosed
from booking.models import Clinic, Reservation
from booking.services.changes import cancel_reservation, undo_cancel, why_not_undo
from booking.services.confirmations import confirm_hold
from booking.services.reading import reservations_of
from tests.booking.test_path import page, sign_in
from tests.factories import AdmissionFactory, ReservationFactory, SlotFactory, put_into
from tests.holding import hold_best_slots

pytestmark = pytest.mark.django_db(transaction=True)
BUTTON = "Take it back: I will come"


def receipt(client, reservation):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    sign_in(client, reservation.person)
    return page(client.get(reverse("reservation", args=[reservation.number])))


def both_doses() -> list[Reservation]:
    first = SlotFactory(double=True)
    SlotFactory(
        clinic=first.clinic,
        vaccine=first.vaccine,
        starts_at=first.starts_at + timedelta(days=28),
    )
    admission = AdmissionFactory()
    person_id = admission.ticket.person_id
    held = hold_best_slots(person_id=person_id, slot_id=first.pk, admission_id=admission.pk)
    confirm_hold(person_id=person_id, key=held[0].key)
    return list(Reservation.objects.with_slot().filter(person=person_id).order_by("dose"))


def test_a_clinic_switched_off_since_gives_nothing_back(client):
    reservation = ReservationFactory()
    cancel_reservation(reservation=reservation, by="citizen")
    Clinic.objects.update(active=False)

    shown = receipt(client, reservation)
    answer = client.post(reverse("undo", args=[reservation.number]))

    assert BUTTON not in shown
    assert "This clinic takes no bookings at the moment. Choose another clinic." in shown
    assert answer.status_code == 409
    with pytest.raises(SlotClosed):
        undo_cancel(reservation=reservation, by="citizen")


def test_a_second_dose_does_not_come_back_without_its_first(client):
    first, second = both_doses()
    cancel_reservation(reservation=second, by="citizen")
    cancel_reservation(reservation=first, by="citizen")

    shown = receipt(client, second)

    assert BUTTON not in shown
    with pytest.raises(NothingToUndo):
        undo_cancel(reservation=second, by="citizen")
    assert BUTTON in receipt(client, first)


@pytest.mark.parametrize("status", ReservationStatus)
def test_only_what_is_cancelled_has_the_button(client, status):
    reservation = ReservationFactory()
    put_into(reservation, status, held_until=timezone.now())
    reservation.refresh_from_db()

    refusal = why_not_undo(
        reservation, reservations_of(reservation.person_id), by="citizen", now=timezone.now()
    )
    shown = receipt(client, reservation)

    cancelled = status == ReservationStatus.CANCELLED
    assert (refusal is None, BUTTON in shown) == (cancelled, cancelled)


def test_doses_cancelled_together_at_one_time_need_two_places():
    first, _second = both_doses()
    cancel_reservation(reservation=first, by="citizen")
    cancelled = reservations_of(first.person_id)
    for row in cancelled:
        row.slot = first.slot
        row.slot.booked = row.slot.capacity - 1
        row.slot.vaccine.min_days = 0
    now = timezone.now()

    refused = why_not_undo(cancelled[0], cancelled, by="citizen", now=now)
    first.slot.booked -= 1

    assert type(refused).__name__ == "SlotFull"
    assert why_not_undo(cancelled[0], cancelled, by="citizen", now=now) is None
