"""What the desk marks on the day."""

from django.db import IntegrityError, transaction
from django.utils import timezone

from booking.enums import ReservationStatus
from booking.exceptions import AlreadyBooked, NotConfirmed, NothingToUndo, TooEarly
from booking.models import Reservation

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
