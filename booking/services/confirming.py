"""Confirming what is held: exactly once, however often it is asked."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import get_language

from waiting_room.enums import Ending
from waiting_room.models import Admission
from waiting_room.services import end_admission

from ..enums import OfferStatus, Origin, ReservationStatus
from ..exceptions import HoldChanged, HoldLapsed, NothingHeld
from ..models import Offer, Reservation
from .holds import Wanted
from .notices import tell_confirmed

# One statement checks, writes and reads what the message says. The rows are locked in the order
# of their ids, as whoever takes holds back does.
CONFIRM = """
WITH held AS MATERIALIZED (
    SELECT id FROM booking_reservation
    WHERE key = %(key)s AND person_id = %(person)s AND status = 'held' AND held_until > %(now)s
    ORDER BY id FOR NO KEY UPDATE
), fulfilled AS (
    -- Whoever has an appointment is off the cancellation list.
    UPDATE booking_wish SET status = 'fulfilled', ended_at = %(now)s
    WHERE person_id = %(person)s AND status IN ('waiting', 'offered')
        AND dose IN (SELECT dose FROM booking_reservation WHERE id IN (SELECT id FROM held))
)
UPDATE booking_reservation AS reservation
SET status = 'confirmed', by = 'citizen', confirmed_at = %(now)s, changed_at = %(now)s,
    language = %(language)s, channel = %(channel)s, email = %(email)s
FROM held, booking_slot AS slot, booking_vaccine AS vaccine
WHERE reservation.id = held.id AND slot.id = reservation.slot_id AND vaccine.id = slot.vaccine_id
RETURNING reservation.id, reservation.number, reservation.dose, reservation.slot_id,
    reservation.admission_id, reservation.origin, vaccine.doses,
    (SELECT count(*) FROM booking_reservation AS one WHERE one.key = %(key)s)
"""


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
    with connection.cursor() as cursor:
        cursor.execute(
            CONFIRM,
            {
                "key": key,
                "person": person_id,
                "now": now,
                "language": get_language() or "ko",
                "channel": wanted.channel,
                "email": _encrypted(wanted.email),
            },
        )
        rows = cursor.fetchall()
    if not rows:
        return _confirmed_before(person_id, key)
    if len(rows) < rows[0][-1]:
        raise HoldLapsed  # one of the two was taken back this moment; undo the other
    confirmed = _read_back(rows)
    first = confirmed[0]
    tell_confirmed(confirmed)
    if first.origin == Origin.OFFER:
        _take_offer(first, now)
    if first.admission_id and confirmed[-1].dose >= rows[0][6]:
        end_admission(admission=Admission(pk=first.admission_id), ending=Ending.BOOKED)
    return confirmed


def _encrypted(email: str | None):
    field = Reservation._meta.get_field("email")
    return field.get_db_prep_value(email, connection) if email else None


def _read_back(rows: Sequence) -> list[Reservation]:
    return list(
        Reservation.objects.filter(pk__in=[row[0] for row in rows])
        .select_related("slot__clinic", "slot__vaccine", "person")
        .order_by("dose")
    )


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
