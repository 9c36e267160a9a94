"""Confirming what is held: exactly once, however often it is asked."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import get_language

from eligibility.models import Person
from waiting_room.enums import Ending
from waiting_room.models import Admission
from waiting_room.services import end_admission

from ..enums import OfferStatus, Origin, ReservationStatus
from ..exceptions import HoldChanged, HoldLapsed, NothingHeld
from ..models import Clinic, Offer, Reservation, Slot
from .holds import Wanted
from .notices import tell_confirmed

# Checks, writes and reads what the message says, all in one (migration 0003_booking_statements).
CONFIRM = """
SELECT * FROM booking_confirm(%(key)s, %(person)s, %(now)s, %(language)s, %(channel)s, %(email)s)
"""
DOSES = 6  # which column of it
_email = Reservation._meta.get_field("email")
_phone = Person._meta.get_field("phone")


@transaction.atomic
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
    values = {
        "key": key,
        "person": person_id,
        "now": now,
        "language": get_language() or "ko",
        "channel": wanted.channel,
        "email": _encrypted(wanted.email),
        "plain_email": wanted.email,
    }
    with connection.cursor() as cursor:
        cursor.execute(CONFIRM, values)
        rows = cursor.fetchall()
    if not rows:
        return _confirmed_before(person_id, key)
    confirmed = sorted((_from(row, values) for row in rows), key=lambda one: one.dose)
    first, last = confirmed[0], confirmed[-1]
    tell_confirmed(confirmed)
    if first.origin == Origin.OFFER:
        _take_offer(first, now)
    if first.admission_id and last.dose >= rows[0][DOSES]:
        end_admission(admission=Admission(pk=first.admission_id), ending=Ending.BOOKED)
    return confirmed


def _from(row: Sequence, values: dict) -> Reservation:
    pk, number, dose, slot_id, starts_at, clinic, _doses, admission_id, origin, phone = row
    return Reservation(
        pk=pk,
        number=number,
        dose=dose,
        slot=Slot(pk=slot_id, starts_at=starts_at, clinic=Clinic(name=clinic)),
        person=Person(pk=values["person"], phone=_phone.from_db_value(phone, None, connection)),
        status=ReservationStatus.CONFIRMED,
        key=values["key"],
        admission_id=admission_id,
        origin=origin,
        by="citizen",
        confirmed_at=values["now"],
        changed_at=values["now"],
        language=values["language"],
        channel=values["channel"],
        email=values["plain_email"],
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


def _take_offer(reservation: Reservation, now: datetime) -> None:
    Offer.objects.filter(reservation=reservation, status=OfferStatus.OPEN).update(
        status=OfferStatus.TAKEN, answered_at=now
    )
