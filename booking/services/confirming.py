"""Confirming what is held: exactly once, however often it is asked."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.utils import timezone
from django.utils.translation import get_language

from eligibility.models import Person
from messaging.services import sealed

from ..enums import ReservationStatus
from ..exceptions import HoldChanged, HoldLapsed, NothingHeld
from ..models import Clinic, Reservation, Slot
from .holds import Wanted
from .notices import confirmed_message

# What is held, and the confirming of it: functions of the database, planned once for each
# connection (migration 0006_confirm_in_one_statement).
HELD = "SELECT * FROM booking_held(%s, %s)"
CONFIRM = """
SELECT booking_confirm(%(key)s, %(person)s, %(now)s, %(language)s, %(channel)s, %(email)s,
    %(admission)s, %(message)s, %(to)s, %(text)s)
"""
_email = Reservation._meta.get_field("email")
_phone = Person._meta.get_field("phone")


def confirm_hold(
    *,
    person_id: int,
    key: uuid.UUID,
    wanted: Wanted | None = None,
    now: datetime | None = None,
) -> list[Reservation]:
    """Confirm what was held under this key, all of it or nothing, and say so by message.

    Asking again answers the same reservations. Raises NothingHeld, HoldLapsed or HoldChanged.
    """
    now, wanted = now or timezone.now(), wanted or Wanted()
    given = {
        "key": key,
        "person": person_id,
        "now": now,
        "language": get_language() or "ko",
        "channel": wanted.channel,
        "email": _encrypted(wanted.email),
    }
    with connection.cursor() as cursor:
        cursor.execute(HELD, [key, person_id])
        rows = cursor.fetchall()
        if rows:
            confirmed = [_from(row, given, wanted.email) for row in rows]
            cursor.execute(CONFIRM, given | _goes_along(confirmed, doses=rows[0][6]))
            [done] = cursor.fetchone()
            if done:
                return confirmed
    return _confirmed_before(person_id, key)


def _goes_along(confirmed: list[Reservation], *, doses: int) -> dict:
    """The message, and the admission that ends because nothing more is to be booked."""
    key, to, text = confirmed_message(confirmed)
    sealed_to, sealed_text = sealed(to=to, text=text)
    whole = confirmed[-1].dose >= doses
    admission = confirmed[0].admission_id if whole else None
    return {"message": key, "to": sealed_to, "text": sealed_text, "admission": admission}


def _from(row: Sequence, given: dict, email: str | None) -> Reservation:
    pk, number, dose, slot_id, starts_at, clinic, _doses, admission_id, origin, phone = row
    return Reservation(
        pk=pk,
        number=number,
        dose=dose,
        slot=Slot(pk=slot_id, starts_at=starts_at, clinic=Clinic(name=clinic)),
        person=Person(pk=given["person"], phone=_phone.from_db_value(phone, None, connection)),
        status=ReservationStatus.CONFIRMED,
        key=given["key"],
        admission_id=admission_id,
        origin=origin,
        by="citizen",
        confirmed_at=given["now"],
        changed_at=given["now"],
        language=given["language"],
        channel=given["channel"],
        email=email,
    )


def _encrypted(email: str | None):
    return _email.get_db_prep_value(email, connection) if email else None


def _confirmed_before(person_id: int, key: uuid.UUID) -> list[Reservation]:
    rows = list(Reservation.objects.filter(key=key, person=person_id).with_place().order_by("dose"))
    if not rows:
        raise NothingHeld
    statuses = {row.status for row in rows}
    if statuses & {ReservationStatus.HELD, ReservationStatus.LAPSED}:
        raise HoldLapsed
    if ReservationStatus.RELEASED in statuses:
        raise HoldChanged
    return rows
