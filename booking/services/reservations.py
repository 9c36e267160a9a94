"""The one constructor of new reservations; its SQL twin are the INSERTs of booking_hold_at_once."""

import uuid
from datetime import datetime
from typing import Any

from django.utils.translation import get_language

from booking.models import Reservation
from booking.models.reservations import NUMBER_LETTERS
from web.codes import random_number


def new_number() -> str:
    return random_number(NUMBER_LETTERS)


def new_reservation(
    *,
    dose: int,
    by: str,
    now: datetime,
    key: uuid.UUID,
    language: str | None = None,
    **values: Any,
) -> Reservation:
    """An unsaved reservation; `values` are further fields, such as person, slot and status.

    The status is HELD by default. Doses booked together share one key. The default language is
    the active one.
    """
    return Reservation(
        dose=dose,
        by=by,
        key=key,
        created_at=now,
        changed_at=now,
        # get_language() is None where translations are deactivated.
        language=language or get_language() or "ko",
        **({"number": new_number()} | values),
    )
