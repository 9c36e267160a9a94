"""Cancelling an appointment, undoing that, and moving it to another slot."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from booking.enums import LIVE, ReservationStatus
from booking.exceptions import (
    AlreadyBooked,
    BookedForVisit,
    NotConfirmed,
    NothingToUndo,
    Refused,
    SlotFull,
    TooLate,
)
from booking.models import OutsideDose, Reservation, Slot
from booking.rules import Booked, Course, day_of
from booking.services.courses import course_from, course_of, interval_of
from booking.services.notices import notify_cancelled, notify_changed, notify_restored
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
    """Raise TooLate for a citizen after the clinic's cut-off; staff may act at any time."""
    if by == CITIZEN and now >= reservation.changes_until:
        raise TooLate


def locked_with_slots(
    reservation: Reservation,
) -> tuple[list[Reservation], dict[int, Slot]]:
    """The person's holds and appointments from this dose on, and their slots, all locked.

    Ending a first dose ends the second too, also one that is only held or offered. Raises
    RowsChanged.
    """
    live = Reservation.objects.filter(
        person=reservation.person_id,
        dose__gte=reservation.dose,
        status__in=[ReservationStatus.HELD, ReservationStatus.CONFIRMED],
    )
    slots = lock_slots(live.values_list("slot_id", flat=True))
    reservations = list(live.with_slot().select_related("person").order_by("pk").locked())
    if any(row.slot_id not in slots for row in reservations):
        raise RowsChanged
    return sorted(reservations, key=lambda row: row.dose), slots


@retried_transaction
def cancel_reservation(*, reservation: Reservation, by: str) -> list[Reservation]:
    """Cancel an appointment, and with a first dose the second too; returns what was cancelled.

    Raises TooLate after the clinic's cut-off (not for staff) and NotConfirmed. Cancelling
    again returns an empty list.
    """
    now = lock_person(reservation.person_id)
    # Under the person's lock: the caller's instance may be outdated.
    reservation.refresh_from_db(fields=["status", "slot"])
    if reservation.status == ReservationStatus.CANCELLED:
        return []
    if reservation.status != ReservationStatus.CONFIRMED:
        raise NotConfirmed
    rows, slots = locked_with_slots(reservation)
    # By dose: any other first row means that this one changed between refresh and lock.
    if not rows or rows[0].pk != reservation.pk:
        raise RowsChanged
    check_in_time(rows[0], by, now)
    for row in rows:
        end(row, slots, by=by, now=now)
    for slot_id in sorted({row.slot_id for row in rows}):
        offer_freed(slots[slot_id], now=now)
    cancelled = [row for row in rows if row.status == ReservationStatus.CANCELLED]
    notify_cancelled(cancelled)
    return cancelled


@retried_transaction
def undo_cancel(*, reservation: Reservation, by: str) -> list[Reservation]:
    """Undo a cancellation while every seat it gave up is still free.

    Raises what `why_not_undo` returns: NothingToUndo, AlreadyBooked, WrongInterval,
    WrongVaccine, TooLate, SlotFull, SlotOver or SlotClosed.
    """
    now = lock_person(reservation.person_id)
    reservation.refresh_from_db()
    if reservation.status == ReservationStatus.CONFIRMED:
        return [reservation]
    everything = Reservation.objects.filter(person=reservation.person_id)
    slots = lock_slots(row.slot_id for row in cancelled_together(reservation, everything))
    for slot in slots.values():
        # Seats of lapsed holds belong to the cancellation list first.
        if lapse_holds({slot.pk: slot}, now=now):
            offer_freed(slot, now=now)
    reservations = list(everything.with_slot().select_related("person"))
    for row in reservations:
        row.slot = slots.get(row.slot_id, row.slot)  # with the counter read under the lock
    refusal = why_not_undo(reservation, reservations, by=by, now=now)
    if refusal:
        raise refusal
    together = cancelled_together(reservation, reservations)
    for row in together:
        take_seat(slots[row.slot_id], now=now, of_visit=True)
        row.status, row.by, row.changed_at = ReservationStatus.CONFIRMED, by, now
        row.save(update_fields=["status", "by", "changed_at"])
    notify_restored(together)
    return together


def cancelled_together(
    reservation: Reservation, reservations: Iterable[Reservation]
) -> list[Reservation]:
    """The reservations cancelled in the same transaction as this one, by dose.

    They share `changed_at`, which is the transaction's one reading of the clock.
    """
    together = [
        row
        for row in reservations
        if row.status == ReservationStatus.CANCELLED
        and row.changed_at == reservation.changed_at
        and (row.pk == reservation.pk or row.dose != reservation.dose)
    ]
    return sorted(together, key=lambda row: row.dose)


def why_not_undo(
    reservation: Reservation,
    reservations: list[Reservation],
    *,
    by: str,
    now: datetime,
    outside_doses: list[OutsideDose] | None = None,
) -> Refused | None:
    """The refusal of undoing this cancellation; None if it can be undone.

    The one rule for the receipt's button and for `undo_cancel`. `reservations` are all of the
    person's, with their slots; `outside_doses` too, if they are loaded.
    """
    try:
        _check_undo(reservation, reservations, by, now, outside_doses)
    except Refused as refusal:
        return refusal
    return None


def _check_undo(
    reservation: Reservation,
    reservations: list[Reservation],
    by: str,
    now: datetime,
    outside_doses: list[OutsideDose] | None = None,
) -> None:
    if reservation.status != ReservationStatus.CANCELLED:
        raise NothingToUndo
    together = cancelled_together(reservation, reservations)
    live = [row for row in reservations if row.status in LIVE]
    held = {row.dose for row in live if row.status == ReservationStatus.HELD}
    booked = [row for row in live if row.status != ReservationStatus.HELD]
    if outside_doses is None:
        outside_doses = list(OutsideDose.objects.filter(person=reservation.person_id))
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
        check_seat(row.slot, now=now, seats=seats[row.slot_id], of_visit=True)


@dataclass(frozen=True)
class ChangeLimits:
    """To what a reservation may be moved."""

    vaccines: frozenset[int] | None  # None: any
    days: tuple[date, date] | None  # the first and the last; None: any


def change_limits(reservation: Reservation) -> ChangeLimits:
    """Another dose fixes the vaccine and limits the days; alone, it may be any of the cohort's.

    What the pages offer; `change_reservation` checks again under its locks.
    """
    others = (
        Reservation.objects.live()
        .filter(person=reservation.person_id)
        .exclude(pk=reservation.pk)
        .exclude(status=ReservationStatus.HELD)
        .select_related("slot")
    )
    course = course_of(reservation.person_id, others)
    days = course.days(reservation.dose, interval_of(reservation.slot.vaccine))
    own = frozenset([reservation.slot.vaccine_id])
    if days is not None:
        return ChangeLimits(own, days)
    admitted_for = vaccines_for(reservation)
    return ChangeLimits(None if admitted_for is None else admitted_for | own, None)


@retried_transaction
def change_reservation(*, reservation: Reservation, slot_id: int, by: str) -> Reservation:
    """Move an appointment to another slot; the old seat is given back once the new one is taken.

    The number stays. Raises TooLate, NotConfirmed, BookedForVisit, SlotFull, SlotOver, SlotClosed,
    WrongVaccine, WrongInterval or VaccineNotForYou, all of which leave the old appointment.
    """
    now = lock_person(reservation.person_id)
    reservation.refresh_from_db(fields=["slot"])
    slots = lock_slots([reservation.slot_id, slot_id])
    if slot_id not in slots:
        raise SlotFull(slot_id=slot_id)
    rows = Reservation.objects.with_slot().select_related("person").locked()
    row = rows.get(pk=reservation.pk)
    if row.status != ReservationStatus.CONFIRMED:
        raise NotConfirmed
    if row.slot_id == slot_id:
        return row
    if row.slot_id not in slots:
        raise RowsChanged
    check_in_time(row, by, now)
    if row.slot.home_id:
        raise BookedForVisit
    target, old = slots[slot_id], slots[row.slot_id]
    vaccine = interval_of(target.vaccine)
    others = (
        Reservation.objects.live().filter(person=row.person_id).exclude(pk=row.pk)
    ).select_related("slot")
    course = course_of(row.person_id, others)  # without the appointment that moves
    if target.vaccine_id != old.vaccine_id:
        course.check_vaccine(vaccine, vaccines_for(row))
    course.check(row.dose, day_of(target.starts_at), vaccine)
    if lapse_holds({slot_id: target}, now=now):
        offer_freed(target, now=now)
    # The new seat first: a refusal leaves the old one.
    take_seat(target, now=now, begun=is_staff(by))
    give_back(Counter([old.pk]), slots)
    row.slot, row.by, row.changed_at = target, by, now
    row.save(update_fields=["slot", "by", "changed_at"])
    offer_freed(old, now=now)
    notify_changed(row)
    return row
