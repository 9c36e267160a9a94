"""Cancelling, taking that back, and moving to another time."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from booking.enums import LIVE, ReservationStatus
from booking.exceptions import (
    AlreadyBooked,
    NotConfirmed,
    NothingToUndo,
    Refused,
    SlotFull,
    TooLate,
)
from booking.models import OutsideDose, Reservation, Slot
from booking.rules import Booked, Course, day_of
from booking.services.courses import course_from, course_of, interval_of
from booking.services.notices import tell_cancelled, tell_changed, tell_restored
from booking.services.offers import offer_freed
from booking.services.reading import vaccines_for
from booking.services.seats import (
    RowsChanged,
    check_seat,
    end,
    give_back,
    lapse_holds,
    lock_person,
    lock_slots,
    retried_transaction,
    take_seat,
)
from staff.actors import CITIZEN, is_staff


def check_in_time(reservation: Reservation, by: str, now: datetime) -> None:
    """People may change things until the clinic's cut-off; staff at any time."""
    if by == CITIZEN and now >= reservation.changes_until:
        raise TooLate


def locked_with_slots(
    reservation: Reservation,
) -> tuple[list[Reservation], dict[int, Slot]]:
    """What the person has booked or holds from this dose on, and the slots of it, all locked.

    The first dose pulls the second along, also one that is only held or offered: a second without
    a first makes no sense.
    """
    mine = Reservation.objects.filter(
        person=reservation.person_id,
        dose__gte=reservation.dose,
        status__in=[ReservationStatus.HELD, ReservationStatus.CONFIRMED],
    )
    slots = lock_slots(mine.values_list("slot_id", flat=True))
    rows = list(
        mine.select_related("person", "slot__clinic", "slot__vaccine").order_by("pk").locked()
    )
    if any(row.slot_id not in slots for row in rows):
        raise RowsChanged
    return sorted(rows, key=lambda row: row.dose), slots


@retried_transaction
def cancel_reservation(*, reservation: Reservation, by: str) -> list[Reservation]:
    """Give the appointment back, and with a first dose the second one too; what was cancelled.

    Raises TooLate after the clinic's cut-off (not for staff) and NotConfirmed. Cancelling
    what is cancelled answers an empty list.
    """
    now = lock_person(reservation.person_id)
    reservation.refresh_from_db(fields=["status", "slot"])
    if reservation.status == ReservationStatus.CANCELLED:
        return []
    if reservation.status != ReservationStatus.CONFIRMED:
        raise NotConfirmed
    rows, slots = locked_with_slots(reservation)
    if not rows or rows[0].pk != reservation.pk:
        raise RowsChanged
    check_in_time(rows[0], by, now)
    for row in rows:
        end(row, slots, by=by, now=now)
    for slot_id in sorted({row.slot_id for row in rows}):
        offer_freed(slots[slot_id], now=now)
    cancelled = [row for row in rows if row.status == ReservationStatus.CANCELLED]
    tell_cancelled(cancelled)
    return cancelled


@retried_transaction
def undo_cancel(*, reservation: Reservation, by: str) -> list[Reservation]:
    """Take a cancellation back while every place it gave up is still free.

    Raises what `why_not_undo` answers: NothingToUndo, AlreadyBooked, WrongInterval, TooLate,
    SlotFull, SlotOver or SlotClosed.
    """
    now = lock_person(reservation.person_id)
    reservation.refresh_from_db()
    if reservation.status == ReservationStatus.CONFIRMED:
        return [reservation]
    everything = Reservation.objects.filter(person=reservation.person_id)
    slots = lock_slots(row.slot_id for row in cancelled_together(reservation, everything))
    for slot in slots.values():
        if lapse_holds({slot.pk: slot}, now=now):
            offer_freed(slot, now=now)
    reservations = list(everything.select_related("person", "slot__clinic", "slot__vaccine"))
    for row in reservations:
        row.slot = slots.get(row.slot_id, row.slot)  # as it is counted under the lock
    refusal = why_not_undo(reservation, reservations, by=by, now=now)
    if refusal:
        raise refusal
    together = cancelled_together(reservation, reservations)
    for row in together:
        take_seat(slots[row.slot_id], now=now)
        row.status, row.by, row.changed_at = ReservationStatus.CONFIRMED, by, now
        row.save(update_fields=["status", "by", "changed_at"])
    tell_restored(together)
    return together


def cancelled_together(
    reservation: Reservation, reservations: Iterable[Reservation]
) -> list[Reservation]:
    """What was cancelled with one act has one instant, and comes back together; by dose."""
    together = [
        row
        for row in reservations
        if row.status == ReservationStatus.CANCELLED
        and row.changed_at == reservation.changed_at
        and (row.pk == reservation.pk or row.dose != reservation.dose)
    ]
    return sorted(together, key=lambda row: row.dose)


def why_not_undo(
    reservation: Reservation, reservations: list[Reservation], *, by: str, now: datetime
) -> Refused | None:
    """Why this cancellation can't be taken back; None if it can.

    The one rule of the receipt's button and of `undo_cancel`. `reservations` are all of the
    person's, with their slots.
    """
    try:
        _check_undo(reservation, reservations, by, now)
    except Refused as refusal:
        return refusal
    return None


def _check_undo(
    reservation: Reservation, reservations: list[Reservation], by: str, now: datetime
) -> None:
    if reservation.status != ReservationStatus.CANCELLED:
        raise NothingToUndo
    together = cancelled_together(reservation, reservations)
    live = [row for row in reservations if row.status in LIVE]
    held = {row.dose for row in live if row.status == ReservationStatus.HELD}
    booked = [row for row in live if row.status != ReservationStatus.HELD]
    outside_doses = OutsideDose.objects.filter(person=reservation.person_id)
    course = course_from(booked, outside_doses)
    seats = Counter(row.slot_id for row in together)
    for row in together:
        if row.dose in course.doses or row.dose in held:
            raise AlreadyBooked
        if row.dose > 1 and 1 not in course.doses:
            raise NothingToUndo  # a second dose without a first
        on = day_of(row.slot.starts_at)
        course.check(row.dose, on, interval_of(row.slot.vaccine))
        course = Course(course.doses | {row.dose: Booked(row.dose, row.slot.vaccine_id, on)})
        check_in_time(row, by, now)
        check_seat(row.slot, now=now, seats=seats[row.slot_id])


@retried_transaction
def change_reservation(*, reservation: Reservation, slot_id: int, by: str) -> Reservation:
    """Move to another time: the old place goes only with the new one secured.

    The number stays. Raises TooLate, NotConfirmed, SlotFull, SlotOver, SlotClosed,
    WrongVaccine, WrongInterval or VaccineNotForYou; after each of them the old appointment stands.
    """
    now = lock_person(reservation.person_id)
    reservation.refresh_from_db(fields=["slot"])
    slots = lock_slots([reservation.slot_id, slot_id])
    if slot_id not in slots:
        raise SlotFull(slot_id=slot_id)
    row = (
        Reservation.objects.select_related("person", "slot__clinic", "slot__vaccine")
        .locked()
        .get(pk=reservation.pk)
    )
    if row.status != ReservationStatus.CONFIRMED:
        raise NotConfirmed
    if row.slot_id == slot_id:
        return row
    if row.slot_id not in slots:
        raise RowsChanged
    check_in_time(row, by, now)
    target, old = slots[slot_id], slots[row.slot_id]
    vaccine = interval_of(target.vaccine)
    others = (
        Reservation.objects.live().filter(person=row.person_id).exclude(pk=row.pk)
    ).select_related("slot")
    course = course_of(row.person_id, others)
    if target.vaccine_id != old.vaccine_id:
        course.check_vaccine(vaccine, vaccines_for(row))
    course.check(row.dose, day_of(target.starts_at), vaccine)
    if lapse_holds({slot_id: target}, now=now):
        offer_freed(target, now=now)
    take_seat(target, now=now, begun=is_staff(by))
    give_back(Counter([old.pk]), slots)
    row.slot, row.by, row.changed_at = target, by, now
    row.save(update_fields=["slot", "by", "changed_at"])
    offer_freed(old, now=now)
    tell_changed(row)
    return row
