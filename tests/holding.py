"""The services of a hold, answered with the reservations that they made."""

from typing import Any
from uuid import UUID

from booking.models import Reservation
from booking.services import holds


def reservations_of_key(key: UUID) -> list[Reservation]:
    return list(Reservation.objects.filter(key=key).order_by("dose"))


def hold_slot(**choice: Any) -> list[Reservation]:
    return reservations_of_key(holds.hold_slot(**choice))


def hold_best_slots(**choice: Any) -> list[Reservation]:
    return reservations_of_key(holds.hold_best_slots(**choice))
