"""Confirming a hold: idempotent, one SQL call."""

import uuid
from typing import Any

from django.db import connection
from django.utils.translation import get_language

from booking.enums import ReservationStatus
from booking.exceptions import HeldWithOthers, HoldChanged, HoldLapsed, NothingHeld
from booking.models import Reservation
from booking.services.holds import ContactChoice
from database import functions
from database.clock import database_now
from eligibility.models import Person
from eligibility.sessions import SESSION, Claim, Session, find_session
from messaging.enums import Channel
from messaging.receivers import checked_receiver

_email = Reservation._meta.get_field("email")


# booking/sql/booking_confirm_at_once inserts the message without its text. The worker renders it
# (notices.render_confirmed), which keeps that work out of the opening minute.
CONFIRM = """
booking_confirm_at_once(
    %(key)s, {person}, %(language)s, %(channel)s, %(email)s, %(party)s::uuid
) AS made
"""
CONFIRM_OF_PERSON = f"SELECT made.* FROM {CONFIRM.format(person='%(person)s')}"  # noqa: S608
# A session that has ended has no person_id, so it confirms nothing.
CONFIRM_IN_SESSION = f"""
SELECT session.sees_from, made.*
FROM {SESSION}, LATERAL {CONFIRM.format(person="session.person_id")}
"""  # noqa: S608  (constants)


def confirm_hold(
    *,
    person_id: int,
    key: uuid.UUID,
    contact: ContactChoice | None = None,
    party: uuid.UUID | None = None,
) -> list[Reservation]:
    """Confirm all holds with this key or none, and queue one message about them.

    Repeating it returns the same reservations. Raises NothingHeld, HoldLapsed or HoldChanged,
    HeldWithOthers while others of the hold's party hold a place and `party` does not name it, and
    BadReceiver for an e-mail address that the form would have refused.
    """
    values = {"person": person_id, **_values(key, contact, party)}
    row = functions.attempt(CONFIRM_OF_PERSON, values)
    return _confirmed(person_id, key, *(row or _NOTHING))


def confirm_in_session(
    *,
    claim: Claim,
    key: uuid.UUID,
    contact: ContactChoice | None = None,
    party: uuid.UUID | None = None,
) -> tuple[Session | None, list[Reservation]]:
    """Confirm as `confirm_hold` for the person of this session; one statement when it succeeds.

    Returns (None, []) and changes nothing when the session has ended.
    """
    answer = functions.attempt(*confirming(claim, key, contact, party))
    # None if a constraint refused: then nothing is known about the session either.
    sees_from, *columns = answer or (None, *_NOTHING)
    session = claim.session(sees_from) if answer else find_session(claim)
    return session, _confirmed(session.person_id, key, *columns) if session else []


def confirming(
    claim: Claim,
    key: uuid.UUID,
    contact: ContactChoice | None = None,
    party: uuid.UUID | None = None,
) -> tuple[str, dict[str, Any]]:
    """The statement of `confirm_in_session`: when the session sees from, ids, numbers, doses."""
    values = _values(key, contact, party)
    if claim.by_id:
        # The message goes to the person's own phone, not to who acts for them.
        spoken = Person.objects.filter(pk=claim.person_id).values_list("language", flat=True)
        values["language"] = spoken.first() or values["language"]
    return CONFIRM_IN_SESSION, claim.values | values


# The row of booking_confirm_at_once when it confirmed nothing.
_NOTHING = (None, None, None)


def _values(
    key: uuid.UUID, contact: ContactChoice | None, party: uuid.UUID | None
) -> dict[str, Any]:
    contact = contact or ContactChoice()
    if contact.email:
        checked_receiver(Channel.EMAIL, contact.email)
    return {
        "key": key,
        "language": get_language() or "ko",
        "channel": contact.channel,
        "email": _email.get_db_prep_value(contact.email or None, connection),
        "party": party,
    }


def _confirmed(
    person_id: int,
    key: uuid.UUID,
    ids: list[int] | None,
    numbers: list[str] | None,
    doses: list[int] | None,
) -> list[Reservation]:
    if not (ids and numbers and doses):
        return _confirmed_before(person_id, key)
    return [
        # In the model's field order; the deferred fields are read on access.
        Reservation.from_db(
            connection.alias,
            ["id", "number", "person_id", "dose", "status", "key"],
            [pk, number, person_id, dose, ReservationStatus.CONFIRMED, key],
        )
        for pk, number, dose in zip(ids, numbers, doses, strict=True)
    ]


def _confirmed_before(person_id: int, key: uuid.UUID) -> list[Reservation]:
    rows = list(Reservation.objects.filter(key=key, person=person_id).with_slot().order_by("dose"))
    if not rows:
        raise NothingHeld
    now = database_now()
    if all(row.party and row.is_holding(now) for row in rows):
        raise HeldWithOthers
    statuses = {row.status for row in rows}
    if statuses & {ReservationStatus.HELD, ReservationStatus.LAPSED}:
        raise HoldLapsed
    if ReservationStatus.RELEASED in statuses:
        raise HoldChanged
    return rows
