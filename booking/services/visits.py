"""What the desk marks on the day."""

from typing import cast

from django.db import IntegrityError, transaction
from django_stubs_ext import WithAnnotations

from booking.enums import ReservationStatus
from booking.exceptions import AlreadyBooked, NotConfirmed, NothingToUndo, TooEarly
from booking.models import Reservation
from database.clock import AtNow, Now

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
    return _mark(reservation, ReservationStatus.NO_SHOW, by)


@transaction.atomic
def _mark(reservation: Reservation, status: ReservationStatus, by: str) -> Reservation:
    """One mark; the same again changes nothing. NotConfirmed if it can't follow."""
    row = _locked(reservation)
    if status == ReservationStatus.NO_SHOW and reservation.slot.starts_at > row.now:
        raise TooEarly
    if row.status == status:
        return row
    if row.status == ReservationStatus.CANCELLED or not row.may_become(status):
        raise NotConfirmed
    return _set(row, status, by)


def _locked(reservation: Reservation) -> "WithAnnotations[Reservation, AtNow]":
    """The row with the database's clock, as `now`."""
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
    """Take the last mark back. NothingToUndo, or AlreadyBooked if a new time was booked since."""
    row = _locked(reservation)
    before = _BACK.get(ReservationStatus(row.status))
    if before is None:
        raise NothingToUndo
    try:
        with transaction.atomic():
            return _set(row, before, by)
    except IntegrityError:
        raise AlreadyBooked from None
