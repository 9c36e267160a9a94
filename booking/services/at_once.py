"""The statement of a hold in one round trip (booking.fast_path): session, admission, hold, and what
is held then. A view asks these one by one."""

import uuid
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import get_language

from booking.services.reservations import new_number
from eligibility.sessions import SESSION, Claim

HOLD_LIFETIME = timedelta(minutes=10)

# What holds.hold_best_slots tries first: the slot of a vaccine of one dose, or with the best second
# one. No row where the function booking_hold_at_once leaves it to the careful path.
_HOLD = f"""
SELECT session.sees_from, held.*
FROM {SESSION}, LATERAL waiting_room_live_admission(session.person_id) AS live,
    LATERAL ({{second}}) AS second,
    LATERAL booking_hold_at_once(
        %(slot)s, second.slot, {{single}}, session.person_id, live.id,
        %(number)s, %(second_number)s, %(key)s, %(lifetime)s, %(language)s
    ) AS made,
    -- By the hold, so that it is read after it is made.
    LATERAL booking_of_person(
        CASE WHEN made.reservation IS NOT NULL THEN session.person_id END, true
    ) AS held
"""  # noqa: S608  (a constant)
_BEST = "SELECT slot FROM booking_best_seconds(session.person_id, %(slot)s, %(zone)s) LIMIT 1"
HOLD_ONE = _HOLD.format(second="SELECT NULL::bigint AS slot", single="true")
HOLD_BOTH = _HOLD.format(second=_BEST, single="false")


def hold_in_session(claim: Claim, slot_id: int, *, doses: int) -> tuple[str, dict[str, Any]]:
    """The statement with its values; reading.reservations_in reads its rows.

    The language is the active one.
    """
    values = claim.values | {"slot": slot_id} | new_hold(uuid.uuid4())
    if doses == 1:
        return HOLD_ONE, values
    return HOLD_BOTH, values | {"zone": timezone.get_default_timezone_name()}


def new_hold(key: uuid.UUID) -> dict[str, Any]:
    """The last parameters of booking_hold_at_once, in its order."""
    return {
        "number": new_number(),
        "second_number": new_number(),
        "key": key,
        "lifetime": HOLD_LIFETIME,
        "language": get_language() or "ko",
    }
