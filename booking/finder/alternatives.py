"""Open slots to offer instead of one that was lost."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from django.utils import timezone

from booking.finder import availability
from booking.finder.availability import Directory, OpenSlot
from booking.finder.search import Search, districts_by_distance, nearest, nearest_open_clinics


def alternatives(
    *,
    clinic_id: int,
    vaccines: frozenset[int],
    starts_at: datetime,
    days: tuple[date, date] | None = None,
) -> list[OpenSlot]:
    """At most three open slots instead of one that was lost.

    Up to two at the same clinic near in time, and one at a nearby clinic at the same hour; if
    there are too few, any near slots of other days.
    """
    directory = availability.directory()
    day = timezone.localtime(starts_at).date()
    # The lost slot itself may still be in the cache for a second: _same_clinic leaves it out.
    at_clinic = _same_clinic(clinic_id, vaccines, starts_at, day, days)
    nearby = _nearby(directory, clinic_id, vaccines, starts_at, day)
    chosen = [*at_clinic[:2], *nearby[:1]]
    for slot in [*at_clinic[2:], *nearby[1:]]:
        if len(chosen) >= 3:
            break
        chosen.append(slot)
    if len(chosen) < 3:
        chosen += _beyond_the_day(directory, clinic_id, vaccines, starts_at, days, chosen)
    return chosen[:3]


def _beyond_the_day(
    directory: Directory,
    clinic_id: int,
    vaccines: frozenset[int],
    starts_at: datetime,
    days: tuple[date, date] | None,
    chosen: Sequence[OpenSlot],
) -> Iterator[OpenSlot]:
    """Slots of the nearest clinics on their first open day, if the clinic and day have too few."""
    home = directory.clinics.get(clinic_id)
    if home is None:
        return
    search = Search(region=home.region, district=home.district, vaccines=vaccines, days=days)
    chosen_ids = {slot.id for slot in chosen}
    for open_clinic in nearest_open_clinics(search):
        of_day = [
            slot
            for slot in availability.times([open_clinic.clinic.id], open_clinic.on)
            if slot.vaccine_id in vaccines and slot.id not in chosen_ids
        ]
        if of_day and open_clinic.clinic.id != clinic_id:
            yield min(of_day, key=lambda slot: _hours_apart(slot.starts_at, starts_at))


def _hours_apart(first: datetime, second: datetime) -> timedelta:
    """The difference of two times of day, without their dates."""
    start, end = timezone.localtime(first), timezone.localtime(second)
    return abs(timedelta(hours=start.hour - end.hour, minutes=start.minute - end.minute))


def _same_clinic(
    clinic_id: int,
    vaccines: frozenset[int],
    starts_at: datetime,
    day: date,
    days: tuple[date, date] | None,
) -> list[OpenSlot]:
    open_days = sorted(
        {
            span.on
            for span in availability.spans([clinic_id])[clinic_id]
            if span.vaccine_id in vaccines and (days is None or days[0] <= span.on <= days[1])
        },
        # The nearest day first, of two the later one.
        key=lambda on: (abs((on - day).days), on < day),
    )
    slots: list[OpenSlot] = []
    for on in open_days[:3]:
        of_day = [
            slot
            for slot in availability.times([clinic_id], on)
            if slot.vaccine_id in vaccines and slot.starts_at != starts_at
        ]
        slots += sorted(of_day, key=lambda slot: abs(slot.starts_at - starts_at))
        if len(slots) >= 3:
            break
    return slots[:3]


def _nearby(
    directory: Directory, clinic_id: int, vaccines: frozenset[int], starts_at: datetime, day: date
) -> list[OpenSlot]:
    home = directory.clinics.get(clinic_id)
    if home is None or home.coordinates is None:
        return []
    near = directory.by_district[home.region, home.district]
    # A district with few clinics: the nearest districts too.
    if len(near) < 3:
        districts = districts_by_distance(home.coordinates, directory)[:4]
        near = [clinic for key in districts for clinic in directory.by_district[key]]
    others = [clinic for clinic in near if clinic.id != clinic_id]
    around = [clinic.id for clinic in nearest(home.coordinates, others)[:12]]
    rank = {pk: number for number, pk in enumerate(around)}
    open_times = [slot for slot in availability.times(around, day) if slot.vaccine_id in vaccines]
    return sorted(
        open_times,
        # Half an hour earlier or later weighs as much as one clinic further away.
        key=lambda slot: (
            abs(slot.starts_at - starts_at) / timedelta(minutes=30) + rank[slot.clinic_id]
        ),
    )[:3]
