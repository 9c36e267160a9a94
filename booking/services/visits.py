"""What the desk marks on the day, and bookings made for somebody by staff."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from eligibility.models import Person
from waiting_room.codes import random_number

from ..enums import Origin, ReservationStatus
from ..exceptions import AlreadyBooked, NotConfirmed, NothingToUndo, SlotFull, TooEarly
from ..models import Reservation, Slot
from ..rules import day_of
from .holds import NUMBER_LETTERS, course_of, interval_of
from .notices import tell_confirmed
from .offers import offer_freed
from .places import Moved, lapse_holds, lock_person, lock_slots, release, take_place, whole

_BACK = {
    ReservationStatus.ARRIVED: ReservationStatus.CONFIRMED,
    ReservationStatus.VACCINATED: ReservationStatus.ARRIVED,
    ReservationStatus.NO_SHOW: ReservationStatus.CONFIRMED,
}


def mark_arrived(*, reservation: Reservation, by: str) -> Reservation:
    return _mark(reservation, ReservationStatus.ARRIVED, by)


def mark_vaccinated(*, reservation: Reservation, by: str) -> Reservation:
    return _mark(reservation, ReservationStatus.VACCINATED, by)


def mark_no_show(*, reservation: Reservation, by: str) -> Reservation:
    """TooEarly before the appointment: until then the person may still come."""
    if reservation.slot.starts_at > timezone.now():
        raise TooEarly
    return _mark(reservation, ReservationStatus.NO_SHOW, by)


@transaction.atomic
def _mark(reservation: Reservation, status: ReservationStatus, by: str) -> Reservation:
    """One mark; the same again changes nothing. NotConfirmed if it can't follow."""
    row = Reservation.objects.locked().get(pk=reservation.pk)
    if row.status == status:
        return row
    if row.status == ReservationStatus.CANCELLED or not row.may_become(status):
        raise NotConfirmed
    return _set(row, status, by)


def _set(row: Reservation, status: ReservationStatus, by: str) -> Reservation:
    row.status, row.by, row.changed_at = status, by, timezone.now()
    row.save(update_fields=["status", "by", "changed_at"])
    return row


@transaction.atomic
def undo_mark(*, reservation: Reservation, by: str) -> Reservation:
    """Take the last mark back. NothingToUndo, or AlreadyBooked if a new time was booked since."""
    row = Reservation.objects.locked().get(pk=reservation.pk)
    if row.status not in _BACK:
        raise NothingToUndo
    try:
        with transaction.atomic():
            return _set(row, _BACK[row.status], by)
    except IntegrityError:
        raise AlreadyBooked from None


@whole
def book_for(*, person: Person, slot: Slot, by: str, now: datetime | None = None) -> Reservation:
    """A confirmed reservation made by staff, for a caller or a walk-in; the dose is the next one.

    A time that began today may still be booked. Raises SlotFull, SlotOver, SlotClosed,
    AlreadyBooked, NoDoseLeft, WrongVaccine or WrongInterval.
    """
    now = now or timezone.now()
    lock_person(person.pk)
    mine = Reservation.objects.filter(person=person, status=ReservationStatus.HELD)
    slots = lock_slots([slot.pk, *mine.values_list("slot_id", flat=True)])
    if slot.pk not in slots:
        raise SlotFull(slot_id=slot.pk)
    slot = slots[slot.pk]
    held = list(mine.order_by("pk").locked())
    if any(one.slot_id not in slots for one in held):
        raise Moved
    # What the person was choosing meanwhile is exchanged for what staff book.
    for one in held:
        release(one, slots, status=ReservationStatus.RELEASED, by=by, now=now)
    course = course_of(person.pk)
    vaccine = interval_of(slot.vaccine)
    dose = course.next_dose(vaccine)
    course.check(dose, day_of(slot.starts_at), vaccine)
    if lapse_holds({slot.pk: slot}, now=now):
        offer_freed(slot, now=now)
    take_place(slot, now=now, begun=day_of(slot.starts_at) == day_of(now))
    reservation = Reservation.objects.create(
        number=random_number(NUMBER_LETTERS),
        person=person,
        slot=slot,
        dose=dose,
        status=ReservationStatus.CONFIRMED,
        origin=Origin.STAFF,
        by=by,
        created_at=now,
        confirmed_at=now,
        changed_at=now,
    )
    for freed in {one.slot_id for one in held} - {slot.pk}:
        offer_freed(slots[freed], now=now)
    tell_confirmed([reservation])
    return reservation
