"""What every new reservation has in common, however it came about.

Its twin in SQL are the two INSERTs of booking/sql/booking_hold_at_once.
"""

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
    """A reservation that is not saved yet, of the person and the slot that `values` name.

    It is held unless they say otherwise. Doses that are booked together have one key. Without a
    language it is the one in use.
    """
    return Reservation(
        dose=dose,
        by=by,
        key=key,
        created_at=now,
        changed_at=now,
        language=language or get_language() or "ko",
        **({"number": new_number()} | values),
    )
