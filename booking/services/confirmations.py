"""Confirming a hold: idempotent, one SQL call."""

import uuid

from django.db import connection
from django.utils.translation import get_language

from booking.enums import ReservationStatus
from booking.exceptions import HoldChanged, HoldLapsed, NothingHeld
from booking.models import Reservation
from booking.services.holds import ContactChoice
from database import functions
from messaging.enums import Channel
from messaging.receivers import checked_receiver

_email = Reservation._meta.get_field("email")


def confirm_hold(
    *,
    person_id: int,
    key: uuid.UUID,
    contact: ContactChoice | None = None,
) -> list[Reservation]:
    """Confirm all holds with this key or none, and queue one message about them.

    Repeating it returns the same reservations. Raises NothingHeld, HoldLapsed or HoldChanged,
    and BadReceiver for an e-mail address that the form would have refused.
    """
    contact = contact or ContactChoice()
    if contact.email:
        checked_receiver(Channel.EMAIL, contact.email)
    # booking/sql/booking_confirm_at_once inserts the message without its text. The worker renders
    # it (notices.confirmed_letters), which keeps that work out of the opening minute.
    call_result = functions.call(
        "booking_confirm_at_once",
        {
            "key": key,
            "person": person_id,
            "language": get_language() or "ko",
            "channel": contact.channel,
            "email": _email.get_db_prep_value(contact.email or None, connection),
        },
    )
    if call_result is None or call_result[0] is None:
        return _confirmed_before(person_id, key)
    return [
        # In the model's field order; the deferred fields are read on access.
        Reservation.from_db(
            connection.alias,
            ["id", "number", "person_id", "dose", "status", "key"],
            [pk, number, person_id, dose, ReservationStatus.CONFIRMED, key],
        )
        for pk, number, dose in zip(*call_result, strict=True)
    ]


def _confirmed_before(person_id: int, key: uuid.UUID) -> list[Reservation]:
    rows = list(Reservation.objects.filter(key=key, person=person_id).with_slot().order_by("dose"))
    if not rows:
        raise NothingHeld
    statuses = {row.status for row in rows}
    if statuses & {ReservationStatus.HELD, ReservationStatus.LAPSED}:
        raise HoldLapsed
    if ReservationStatus.RELEASED in statuses:
        raise HoldChanged
    return rows
