"""Times with places for others beside them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.utils import timezone

from booking.finder.availability import OpenSlot, OpenSpan
from booking.rules import BESIDE, seat_all


@dataclass(frozen=True)
class Beside:
    """Another person who needs a place at the same clinic within an hour, of these vaccines."""

    vaccines: frozenset[int] | None = None  # None: any
    days: tuple[date, date] | None = None

    def suits(self, slot: OpenSlot) -> bool:
        on = timezone.localtime(slot.starts_at).date()
        suits = self.vaccines is None or slot.vaccine_id in self.vaccines
        return suits and (self.days is None or self.days[0] <= on <= self.days[1])


def have_room(others: tuple[Beside, ...], slot: OpenSlot, of_day: Iterable[OpenSlot]) -> bool:
    """Whether places are left for all of these beside one at this slot; `of_day` may be of other
    clinics."""
    near = [
        each
        for each in of_day
        if each.clinic_id == slot.clinic_id
        and each.left > 0
        and abs(each.starts_at - slot.starts_at) <= BESIDE
    ]
    options = [[each.id for each in near if other.suits(each)] for other in others]
    left = {each.id: each.left for each in near}
    return seat_all([[slot.id], *options], left | {slot.id: slot.left}) is not None


def with_room(
    others: tuple[Beside, ...], spans: dict[int, list[OpenSpan]]
) -> dict[int, list[OpenSpan]]:
    """The spans by clinic without days that have too few seats for all; whether the seats of a day
    lie near enough is asked of its times (`have_room`)."""
    if not others:
        return spans
    roomy: dict[int, list[OpenSpan]] = {}
    for clinic_id, of_clinic in spans.items():
        left: Counter[date] = Counter()
        for span in of_clinic:
            left[span.on] += span.left
        roomy[clinic_id] = [span for span in of_clinic if left[span.on] > len(others)]
    return roomy
