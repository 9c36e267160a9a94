"""Marks of the desk on the day of the appointment: arrived, vaccinated, did not come."""

from typing import cast

from django.db import IntegrityError, transaction
from django_stubs_ext import WithAnnotations

from booking.enums import ReservationStatus
from booking.exceptions import AlreadyBooked, NotConfirmed, NothingToUndo, TooEarly
from booking.models import Reservation
from database.clock import AtNow, Now

# The status that undoing a mark restores.
_BEFORE_MARK = {
    ReservationStatus.ARRIVED: ReservationStatus.CONFIRMED,
    ReservationStatus.VACCINATED: ReservationStatus.ARRIVED,
    ReservationStatus.NO_SHOW: ReservationStatus.CONFIRMED,
}


def mark_arrived(*, reservation: Reservation, by: str) -> Reservation:
    return _mark(reservation, ReservationStatus.ARRIVED, by)


def mark_vaccinated(*, reservation: Reservation, by: str) -> Reservation:
    return _mark(reservation, ReservationStatus.VACCINATED, by)


def mark_no_show(*, reservation: Reservation, by: str) -> Reservation:
    """Mark as not come; raises TooEarly before the appointment and NotConfirmed."""
    return _mark(reservation, ReservationStatus.NO_SHOW, by)


@transaction.atomic
def _mark(reservation: Reservation, status: ReservationStatus, by: str) -> Reservation:
    """Set a mark; repeating it changes nothing. Raises TooEarly or NotConfirmed."""
    row = _locked(reservation)
    if status == ReservationStatus.NO_SHOW and reservation.slot.starts_at > row.now:
        raise TooEarly
    if row.status == status:
        return row
    # CANCELLED may become CONFIRMED, but only by undo_cancel, which takes the seat again.
    if row.status == ReservationStatus.CANCELLED or not row.may_become(status):
        raise NotConfirmed
    return _set(row, status, by)


def _locked(reservation: Reservation) -> "WithAnnotations[Reservation, AtNow]":
    """The locked row, annotated with the database's clock as `now`."""
    row = Reservation.objects.locked().annotate(now=Now()).get(pk=reservation.pk)
    return cast("WithAnnotations[Reservation, AtNow]", row)


def _set(
    row: "WithAnnotations[Reservation, AtNow]", status: ReservationStatus, by: str
) -> Reservation:
    row.status, row.by, row.changed_at = status, by, row.now
    row.save(update_fields=["status", "by", "changed_at"])
    return row


@transaction.atomic
def undo_mark(*, reservation: Reservation, by: str) -> Reservation:
    """Undo the last mark; raises NothingToUndo, or AlreadyBooked if the dose was booked anew."""
    row = _locked(reservation)
    before = _BEFORE_MARK.get(ReservationStatus(row.status))
    if before is None:
        raise NothingToUndo
    try:
        with transaction.atomic():
            return _set(row, before, by)
    except IntegrityError:
        # one_live_reservation_per_person_and_dose: a no-show may book the dose again.
        raise AlreadyBooked from None
