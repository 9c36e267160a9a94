"""The statement of a hold in one round trip, with the session of who holds (booking.fast_path)."""

import uuid
from datetime import timedelta
from typing import Any

from django.utils.translation import get_language

from booking.services.reservations import new_number
from eligibility.sessions import SESSION, Claim

HOLD_LIFETIME = timedelta(minutes=10)

# The slot of a vaccine of one dose, for the live admission of the session's person: no row, or
# NULL, where the function booking_hold_at_once leaves it to the careful path.
HOLD_IN_SESSION = f"""
SELECT made.reservation
FROM {SESSION}, LATERAL waiting_room_live_admission(session.person_id) AS live,
    LATERAL booking_hold_at_once(
        %(slot)s, NULL, true, session.person_id, live.id,
        %(number)s, %(second_number)s, %(key)s, %(lifetime)s, %(language)s
    ) AS made
"""  # noqa: S608  (a constant)


def hold_in_session(claim: Claim, slot_id: int) -> tuple[str, dict[str, Any]]:
    """The statement with its values; the language is the active one."""
    return HOLD_IN_SESSION, claim.values | {"slot": slot_id} | new_hold(uuid.uuid4())


def new_hold(key: uuid.UUID) -> dict[str, Any]:
    """The last parameters of booking_hold_at_once, in its order."""
    return {
        "number": new_number(),
        "second_number": new_number(),
        "key": key,
        "lifetime": HOLD_LIFETIME,
        "language": get_language() or "ko",
    }
