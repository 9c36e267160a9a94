"""Marks of the desk on the day of the appointment: arrived, vaccinated or not, did not come.

Marks move a reservation forward only. Only `undo_mark` moves it back, and only from a page that
shows the present mark: a tablet with an outdated page changes nothing. What a mark means beyond
booking (the dose given, its lot) is recorded by `hooks.after_mark` in the same transaction.
"""

from datetime import datetime
from typing import cast

from django.db import IntegrityError, transaction
from django.utils import timezone
from django_stubs_ext import WithAnnotations

from booking import hooks
from booking.enums import ReservationStatus
from booking.exceptions import (
    AlreadyBooked,
    ChangedMeanwhile,
    NotArrived,
    NotConfirmed,
    NothingToUndo,
    OtherDay,
    Refused,
    TooEarly,
)
from booking.models import Reservation
from booking.rules import day_of
from database.clock import AtNow, Now
from staff.names import actor_name

# The marks that may follow a status; narrower than enums.LAWFUL_MOVES, which includes undoing.
FOLLOWS = {
    ReservationStatus.CONFIRMED: (ReservationStatus.ARRIVED, ReservationStatus.NO_SHOW),
    ReservationStatus.ARRIVED: (ReservationStatus.VACCINATED, ReservationStatus.NOT_DONE),
}
# The status that undoing a mark restores.
_BEFORE_MARK = {
    ReservationStatus.ARRIVED: ReservationStatus.CONFIRMED,
    ReservationStatus.VACCINATED: ReservationStatus.ARRIVED,
    ReservationStatus.NOT_DONE: ReservationStatus.ARRIVED,
    ReservationStatus.NO_SHOW: ReservationStatus.CONFIRMED,
}


def mark_arrived(*, reservation: Reservation, by: str, status_shown: str = "") -> Reservation:
    """Mark as arrived; raises OtherDay, ChangedMeanwhile or NotConfirmed."""
    return _mark(reservation, ReservationStatus.ARRIVED, by, status_shown)


def mark_vaccinated(
    *, reservation: Reservation, by: str, status_shown: str = "", details: object = None
) -> Reservation:
    """Mark as vaccinated; raises NotArrived, OtherDay, ChangedMeanwhile or NotConfirmed.

    `details` go to `hooks.after_mark`, whose refusals this raises too.
    """
    return _mark(reservation, ReservationStatus.VACCINATED, by, status_shown, details)


def mark_not_done(
    *, reservation: Reservation, by: str, status_shown: str = "", details: object = None
) -> Reservation:
    """Mark as come and not vaccinated: the dose may be booked anew. Raises as `mark_vaccinated`."""
    return _mark(reservation, ReservationStatus.NOT_DONE, by, status_shown, details)


def mark_no_show(*, reservation: Reservation, by: str, status_shown: str = "") -> Reservation:
    """Mark as not come; raises TooEarly before the appointment, ChangedMeanwhile, NotConfirmed."""
    return _mark(reservation, ReservationStatus.NO_SHOW, by, status_shown)


def why_not_mark(
    reservation: Reservation, status: ReservationStatus, *, now: datetime, status_shown: str = ""
) -> Refused | None:
    """The refusal of this mark; None if it can be set. The one rule for buttons and services.

    `status_shown` is the status on the page that sends the mark; empty without a page.
    """
    if status not in FOLLOWS.get(ReservationStatus(reservation.status), ()):
        if status_shown and status_shown != reservation.status:
            return changed_meanwhile(reservation)
        needs_arrival = status in FOLLOWS[ReservationStatus.ARRIVED]
        if needs_arrival and reservation.status == ReservationStatus.CONFIRMED:
            return NotArrived()
        marked = reservation.status in _BEFORE_MARK
        return changed_meanwhile(reservation) if marked else NotConfirmed()
    if status == ReservationStatus.NO_SHOW:
        return TooEarly() if reservation.slot.starts_at > now else None
    return OtherDay() if day_of(reservation.slot.starts_at) > day_of(now) else None


def changed_meanwhile(reservation: Reservation) -> ChangedMeanwhile:
    changed_at = reservation.changed_at or reservation.created_at
    return ChangedMeanwhile(
        status=ReservationStatus(reservation.status).label,
        time=f"{timezone.localtime(changed_at):%m-%d %H:%M}",
        actor=actor_name(reservation.by),
    )


@transaction.atomic
def _mark(
    reservation: Reservation,
    status: ReservationStatus,
    by: str,
    status_shown: str,
    details: object = None,
) -> Reservation:
    """Set a mark; repeating it changes nothing. Raises what `why_not_mark` returns."""
    row = _locked(reservation)
    if row.status == status:
        return row
    refusal = why_not_mark(row, status, now=row.now, status_shown=status_shown)
    if refusal:
        raise refusal
    return _set(row, status, by, details)


def _locked(reservation: Reservation) -> "WithAnnotations[Reservation, AtNow]":
    """The locked row with its slot, annotated with the database's clock as `now`."""
    rows = Reservation.objects.select_related("slot").locked().annotate(now=Now())
    try:
        row = rows.get(pk=reservation.pk)
    except Reservation.DoesNotExist:
        # Moved while this waited for its lock: Postgres joins the new row to the old slot only.
        row = rows.get(pk=reservation.pk)
    return cast("WithAnnotations[Reservation, AtNow]", row)


def _set(
    row: "WithAnnotations[Reservation, AtNow]",
    status: ReservationStatus,
    by: str,
    details: object = None,
) -> Reservation:
    before = ReservationStatus(row.status)
    row.status, row.by, row.changed_at = status, by, row.now
    row.save(update_fields=["status", "by", "changed_at"])
    for effect in hooks.after_mark:
        effect(row, before, by, details)
    return row


@transaction.atomic
def undo_mark(*, reservation: Reservation, by: str, status_shown: str = "") -> Reservation:
    """Undo the last mark.

    Raises ChangedMeanwhile if the page showed another mark than the present one, NothingToUndo,
    or AlreadyBooked if the dose was booked anew.
    """
    row = _locked(reservation)
    if status_shown and status_shown != row.status:
        raise changed_meanwhile(row)
    before = _BEFORE_MARK.get(ReservationStatus(row.status))
    if before is None:
        raise NothingToUndo
    try:
        with transaction.atomic():
            return _set(row, before, by)
    except IntegrityError:
        # one_live_reservation_per_person_and_dose: a no-show may book the dose again.
        raise AlreadyBooked from None
