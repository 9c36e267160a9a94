"""Which dose a person may book when. Pure: facts in, answers out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from fractions import Fraction

from django.utils import timezone

from booking.exceptions import (
    AlreadyBooked,
    NoDoseLeft,
    Refused,
    VaccineNotForYou,
    WrongInterval,
    WrongVaccine,
)


@dataclass(frozen=True)
class Booked:
    """A dose with its day: given, or to be given."""

    dose: int
    vaccine_id: int
    on: date
    given: bool = False


@dataclass(frozen=True)
class Interval:
    """A vaccine's doses and the days between them."""

    vaccine_id: int
    doses: int
    min_days: int | None = None
    best_days: int | None = None
    max_days: int | None = None

    def days_for_second(self, first: date) -> tuple[date, date]:
        """The first and the last day on which the second dose may be given."""
        return first + timedelta(days=self.min_days or 0), first + timedelta(
            days=self.max_days or 0
        )

    def days_for_first(self, second: date) -> tuple[date, date]:
        return second - timedelta(days=self.max_days or 0), second - timedelta(
            days=self.min_days or 0
        )

    def best_for_second(self, first: date) -> date:
        return first + timedelta(days=self.best_days or 0)

    def fits(self, first: date, second: date) -> bool:
        earliest, latest = self.days_for_second(first)
        return earliest <= second <= latest


@dataclass(frozen=True)
class Course:
    """What one person has been given or has booked, by dose."""

    doses: dict[int, Booked] = field(default_factory=dict)

    @classmethod
    def of(cls, booked: Iterable[Booked]) -> "Course":
        """Of two facts about one dose the one that was given stands."""
        doses: dict[int, Booked] = {}
        for one in sorted(booked, key=lambda one: one.given):
            doses[one.dose] = one
        return cls(doses)

    def next_dose(self, vaccine: Interval) -> int:
        """The first dose of this vaccine not yet given or booked; NoDoseLeft, AlreadyBooked."""
        for dose in range(1, vaccine.doses + 1):
            if dose not in self.doses:
                return dose
        raise self.nothing_more()

    def nothing_more(self) -> Refused:
        """Why there is no dose to book: all were given, or one is booked still to come."""
        given = all(booked.given for booked in self.doses.values())
        return NoDoseLeft() if given else AlreadyBooked()

    def what_next(
        self, intervals: Iterable[Interval], admitted_for: frozenset[int] | None = None
    ) -> "Next":
        """The dose that comes next and what it must suit, or why there is none.

        `intervals` are those of the vaccines this course has begun with. A first dose is of a
        vaccine that the person is admitted for (None: any), after a missed first dose of that of
        the second; a second dose follows its first.
        """
        by_vaccine = {interval.vaccine_id: interval for interval in intervals}
        first, second = self.doses.get(1), self.doses.get(2)
        begun = first or second
        if begun is None:
            return Next(vaccines=admitted_for)
        vaccine = by_vaccine[begun.vaccine_id]
        if first and (second or vaccine.doses < 2):
            return Next(refusal=self.nothing_more())
        dose = 2 if first else 1
        return Next(dose, frozenset([vaccine.vaccine_id]), self.days(dose, vaccine))

    def check(self, dose: int, on: date, vaccine: Interval) -> None:
        """Whether `dose` on this day suits the other dose; WrongVaccine or WrongInterval if not."""
        other = self.doses.get(3 - dose) if dose in (1, 2) else None
        if other is None:
            return
        if other.vaccine_id != vaccine.vaccine_id:
            raise WrongVaccine
        first, second = (on, other.on) if dose == 1 else (other.on, on)
        if not vaccine.fits(first, second):
            raise WrongInterval

    def check_vaccine(self, vaccine: Interval, admitted_for: frozenset[int] | None) -> None:
        """Whether somebody may have this vaccine; VaccineNotForYou if not.

        `admitted_for` are the vaccines their cohort names, None where it names none. A series
        that has begun is finished with its own vaccine.
        """
        begun = {one.vaccine_id for one in self.doses.values()}
        if admitted_for is not None and vaccine.vaccine_id not in admitted_for | begun:
            raise VaccineNotForYou

    def days(self, dose: int, vaccine: Interval) -> tuple[date, date] | None:
        """Between which days `dose` may be given; None where no other dose limits it."""
        other = self.doses.get(3 - dose) if dose in (1, 2) else None
        if other is None:
            return None
        if dose == 1:
            return vaccine.days_for_first(other.on)
        return vaccine.days_for_second(other.on)


@dataclass(frozen=True)
class Next:
    """The dose a person may book next and what it must suit, or why there is none."""

    dose: int = 1
    vaccines: frozenset[int] | None = None  # None: any
    days: tuple[date, date] | None = None  # None: any
    refusal: Refused | None = None


def vaccines_named(codes: Iterable[str], by_code: Mapping[str, int]) -> frozenset[int] | None:
    """The vaccines that a cohort names; None, any of them, where it names none.

    Twins in SQL: booking_hold_at_once, booking.services.offers._SUITS.
    """
    codes = list(codes)
    return frozenset(by_code[code] for code in codes if code in by_code) if codes else None


NOON, EVENING = time(12), time(18)
ANY_HOUR = time(0), time(23, 59, 59)


def part_of(at: time) -> str:
    """The part of the day, as people choose it; finder.availability.SPANS says it in SQL."""
    return "morning" if at < NOON else "afternoon" if at < EVENING else "evening"


def hours_of(part: str) -> tuple[time, time]:
    """From when to when a part of the day lasts; any hour where none is chosen."""
    hours = {
        "morning": (ANY_HOUR[0], NOON),
        "afternoon": (NOON, EVENING),
        "evening": (EVENING, ANY_HOUR[1]),
    }
    return hours.get(part, ANY_HOUR)


def is_any_hour(start: time, end: time) -> bool:
    """Whether these hours leave out no appointment of a day."""
    return start == ANY_HOUR[0] and end >= ANY_HOUR[1].replace(second=0)


def day_of(instant: datetime) -> date:
    """The calendar day in the portal's time zone: doses are counted in days, not hours."""
    return timezone.localtime(instant).date()


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """When a calendar day begins and ends here."""
    start = datetime(day.year, day.month, day.day, tzinfo=timezone.get_default_timezone())
    return start, start + timedelta(days=1)


# Beyond what is measured: no time takes more than a fifth above its capacity.
MOST_MARGIN_PERCENT = 20


@dataclass(frozen=True)
class Opening:
    """What one time takes, and how many are booked beyond that already."""

    capacity: int
    beyond: int = 0

    @property
    def most(self) -> int:
        return self.capacity * MOST_MARGIN_PERCENT // 100


def spread_margin(openings: Sequence[Opening], share: float, doses: int | None = None) -> list[int]:
    """How many more each time of a day takes, in the order in which they start.

    The day gains `share` of its capacity in whole people, and with `doses` never more people
    than those and that share of them. Each time gets its part of it by then (the fractions are
    carried from one to the next), so that nobody comes on top before as many are likely to have
    stayed away. Whoever is booked already stays, and counts.
    """
    # As somebody says it: 0.07 of 300 is 21, not a hair less.
    part = Fraction(share).limit_denominator(1_000_000)
    capacity = sum(one.capacity for one in openings)
    beyond = sum(one.beyond for one in openings)
    gain = int(capacity * part)
    if doses is not None:
        gain = min(gain, int(doses * (1 + part)) - capacity)
    spare = max(0, gain - beyond)
    margins, upto, given = [], 0, 0
    for one in openings:
        upto += one.capacity
        due = gain * upto // capacity - given if capacity else 0
        margin = max(one.beyond, min(due, one.most, one.beyond + spare))
        spare -= margin - one.beyond
        given += margin
        margins.append(margin)
    return margins
