"""Times with a place for another person beside them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.utils import timezone

from booking.finder.availability import OpenSlot
from booking.rules import BESIDE


@dataclass(frozen=True)
class Beside:
    """Another person who needs a place at the same clinic within an hour, of these vaccines."""

    vaccines: frozenset[int] | None = None  # None: any
    days: tuple[date, date] | None = None

    def finds(self, slot: OpenSlot, others: Iterable[OpenSlot]) -> bool:
        """Whether a place is left beside one at this slot; `others` may be of other clinics."""
        return any(
            other.left > (other.id == slot.id)
            for other in others
            if other.clinic_id == slot.clinic_id
            and abs(other.starts_at - slot.starts_at) <= BESIDE
            and self._suits(other)
        )

    def _suits(self, slot: OpenSlot) -> bool:
        on = timezone.localtime(slot.starts_at).date()
        suits = self.vaccines is None or slot.vaccine_id in self.vaccines
        return suits and (self.days is None or self.days[0] <= on <= self.days[1])
