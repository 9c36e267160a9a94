"""Slots cut from opening hours: weekdays, lunch, special days, public holidays, expected doses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from django.utils import timezone
from holidays import country_holidays

Key = tuple[datetime, int]  # start and vaccine of a slot


@dataclass(frozen=True)
class WeeklyHours:
    """OpeningHours without the clinic."""

    weekday: int
    vaccine_id: int
    opens: time
    closes: time
    lunch_from: time | None
    lunch_to: time | None
    minutes: int
    capacity: int

    def starts_on(self, day: date) -> list[datetime]:
        """Starts of the slots; none reaches into lunch or past closing."""
        if self.lunch_from is None or self.lunch_to is None:
            return list(cut(day, self.opens, self.closes, self.minutes))
        morning = cut(day, self.opens, self.lunch_from, self.minutes)
        return [*morning, *cut(day, self.lunch_to, self.closes, self.minutes)]


@dataclass(frozen=True)
class DayRule:
    """SpecialDay without the clinic: closed, or open, if need be between two hours only."""

    closed: bool
    opens: time | None = None
    closes: time | None = None


class NoSlots(StrEnum):
    """Why a day has no slots."""

    CLOSED = "closed"
    HOLIDAY = "holiday"
    NO_HOURS = "no hours"


@dataclass(frozen=True)
class DayPlan:
    """The slots of one day, capacity by start and vaccine; `reason` if there are none.

    `holiday` is the name of the public holiday, also where the clinic is open.
    """

    on: date
    slots: dict[Key, int]
    reason: NoSlots | None = None
    holiday: str = ""


def cut(day: date, opens: time, closes: time, minutes: int) -> Iterator[datetime]:
    """Starts of the slots that end by closing time; a shorter remainder is left out."""
    length = timedelta(minutes=minutes)
    start = timezone.make_aware(datetime.combine(day, opens))
    end = timezone.make_aware(datetime.combine(day, closes))
    while start + length <= end:
        yield start
        start += length


def public_holidays(first: date, last: date, *, korean: bool) -> dict[date, str]:
    """Names of the Korean public holidays between two days, substitute days included."""
    years = range(first.year, last.year + 1)
    calendar = country_holidays("KR", years=years, language="ko" if korean else "en_US")
    return {day: name for day, name in calendar.items() if first <= day <= last}


def plan_day(
    day: date,
    *,
    hours: Sequence[WeeklyHours],
    rule: DayRule | None,
    holiday: str,
    doses: Mapping[int, int],
) -> DayPlan:
    """The slots of `day`; `doses` by vaccine bounds the seats of that vaccine."""
    if rule is not None and rule.closed:
        return DayPlan(day, {}, NoSlots.CLOSED, holiday)
    if holiday and rule is None:
        return DayPlan(day, {}, NoSlots.HOLIDAY, holiday)
    slots: dict[Key, int] = {}
    for row in hours:
        if row.weekday == day.weekday():
            starts = [start for start in row.starts_on(day) if _within(start, row.minutes, rule)]
            seats = spread_doses(len(starts), row.capacity, doses.get(row.vaccine_id))
            slots |= {
                (start, row.vaccine_id): capacity
                for start, capacity in zip(starts, seats, strict=True)
            }
    return DayPlan(day, slots, None if slots else NoSlots.NO_HOURS, holiday)


def _within(start: datetime, minutes: int, rule: DayRule | None) -> bool:
    if rule is None or rule.opens is None or rule.closes is None:
        return True
    local = timezone.localtime(start)
    closes = local.replace(hour=rule.closes.hour, minute=rule.closes.minute)
    return local.time() >= rule.opens and local + timedelta(minutes=minutes) <= closes


def spread_doses(slots: int, capacity: int, doses: int | None) -> list[int]:
    """The capacity of each of `slots` slots: `capacity`, or less if the doses don't suffice.

    What is missing is spread evenly; of seats that can't be divided the earliest slots get one
    more. Slots may get none.
    """
    if doses is None or not slots:
        return [capacity] * slots
    each, more = divmod(min(doses, slots * capacity), slots)
    return [each + (number < more) for number in range(slots)]
