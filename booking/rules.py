"""Which dose a person may book on which day. Pure functions and values, no queries."""

from collections.abc import Collection, Iterable, Mapping, Sequence
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
    """A dose of a course: given, or booked for a day to come."""

    dose: int
    vaccine_id: int
    on: date
    given: bool = False


@dataclass(frozen=True)
class Interval:
    """A vaccine's number of doses and the days between them."""

    vaccine_id: int
    doses: int
    min_days: int | None = None
    best_days: int | None = None
    max_days: int | None = None

    def days_for_second(self, first: date) -> tuple[date, date]:
        """The first and the last possible day of the second dose."""
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
    """A person's doses given and booked, by number of the dose."""

    doses: dict[int, Booked] = field(default_factory=dict)

    @classmethod
    def of(cls, booked: Iterable[Booked]) -> "Course":
        """Build a course; of two facts about one dose, the given one counts."""
        # False sorts before True: a given dose overwrites a booked one.
        in_order = sorted(booked, key=lambda dose: dose.given)
        return cls({dose.dose: dose for dose in in_order})

    def next_dose(self, vaccine: Interval) -> int:
        """The first dose of this vaccine neither given nor booked.

        Raises NoDoseLeft or AlreadyBooked.
        """
        for dose in range(1, vaccine.doses + 1):
            if dose not in self.doses:
                return dose
        raise self.nothing_more()

    @property
    def dose_in_turn(self) -> int:
        """2 after a first dose given or booked, else 1, also where the first was missed."""
        return 2 if 1 in self.doses else 1

    def nothing_more(self) -> Refused:
        """The refusal when no dose is left to book: AlreadyBooked if one is still to come."""
        given = all(booked.given for booked in self.doses.values())
        return NoDoseLeft() if given else AlreadyBooked()

    def what_next(
        self, intervals: Iterable[Interval], admitted_for: frozenset[int] | None = None
    ) -> "NextDose":
        """The next dose with its vaccines and days, or the refusal if there is none.

        `intervals` are those of the vaccines in this course. The vaccine of a second dose is that
        of the first; of a first dose that of the second, if the first was missed, else any that
        the person is admitted for (None: any).
        """
        by_vaccine = {interval.vaccine_id: interval for interval in intervals}
        first, second = self.doses.get(1), self.doses.get(2)
        begun = first or second
        if begun is None:
            return NextDose(vaccines=admitted_for)
        vaccine = by_vaccine[begun.vaccine_id]
        if first and (second or vaccine.doses < 2):
            return NextDose(refusal=self.nothing_more())
        dose = self.dose_in_turn
        return NextDose(dose, frozenset([vaccine.vaccine_id]), self.days(dose, vaccine))

    def check(self, dose: int, on: date, vaccine: Interval) -> None:
        """Raise WrongVaccine or WrongInterval unless `dose` on this day suits the other dose."""
        other = self._other_dose(dose)
        if other is None:
            return
        if other.vaccine_id != vaccine.vaccine_id:
            raise WrongVaccine
        first, second = (on, other.on) if dose == 1 else (other.on, on)
        if not vaccine.fits(first, second):
            raise WrongInterval

    def check_vaccine(self, vaccine: Interval, admitted_for: frozenset[int] | None) -> None:
        """Raise VaccineNotForYou for a vaccine the person was not admitted for.

        `admitted_for` are the vaccines that the cohort names (None: any). A series that has
        begun is finished with its own vaccine.
        """
        begun = {booked.vaccine_id for booked in self.doses.values()}
        if admitted_for is not None and vaccine.vaccine_id not in admitted_for | begun:
            raise VaccineNotForYou

    def days(self, dose: int, vaccine: Interval) -> tuple[date, date] | None:
        """The first and last possible day of `dose`; None where no other dose limits it."""
        other = self._other_dose(dose)
        if other is None:
            return None
        if dose == 1:
            return vaccine.days_for_first(other.on)
        return vaccine.days_for_second(other.on)

    def with_day(self, dose: int, vaccine_id: int, on: date) -> "Course":
        """This course with `dose` booked for a day."""
        return Course(self.doses | {dose: Booked(dose, vaccine_id, on)})

    def _other_dose(self, dose: int) -> Booked | None:
        # Intervals exist between the first and the second dose only: 3 - 1 = 2, 3 - 2 = 1.
        return self.doses.get(3 - dose) if dose in (1, 2) else None


@dataclass(frozen=True)
class NextDose:
    """The dose a person may book next, or the refusal if there is none."""

    dose: int = 1
    vaccines: frozenset[int] | None = None  # None: any
    days: tuple[date, date] | None = None  # None: any
    refusal: Refused | None = None


def vaccines_named(codes: Iterable[str], by_code: Mapping[str, int]) -> frozenset[int] | None:
    """Ids of the vaccines that a cohort names; None (any) where it names none.

    Codes without a vaccine are left out. SQL twins: booking_hold_at_once,
    booking.services.offers._SUITS.
    """
    codes = list(codes)
    return frozenset(by_code[code] for code in codes if code in by_code) if codes else None


# Between the time pressed for one person and those of others who are booked side by side.
BESIDE = timedelta(hours=1)


def seat_all(options: Sequence[Sequence[int]], left: Mapping[int, int]) -> list[int] | None:
    """A slot for each person out of their options, the first that is possible; None without one.

    `left` is how many seats each slot has. A person who has a seat moves on to another of their
    options where another person has no other (Kuhn's matching of a bipartite graph).
    """
    seated: dict[int, list[int]] = {slot: [] for slot in left}

    def seat(person: int, tried: set[int]) -> bool:
        new = [slot for slot in options[person] if slot not in tried]
        free = next((slot for slot in new if len(seated[slot]) < left[slot]), None)
        if free is not None:
            seated[free].append(person)
            return True
        tried.update(new)
        for slot in new:
            for other in seated[slot]:
                if seat(other, tried):
                    seated[slot].remove(other)
                    seated[slot].append(person)
                    return True
        return False

    if not all(seat(person, set()) for person in range(len(options))):
        return None
    slot_of = {person: slot for slot, people in seated.items() for person in people}
    return [slot_of[person] for person in range(len(options))]


NOON, EVENING = time(12), time(18)
ANY_HOUR = time(0), time(23, 59, 59)


def part_of(at: time) -> str:
    """The part of the day that people search by; SQL twin: finder.availability.SPANS."""
    return "morning" if at < NOON else "afternoon" if at < EVENING else "evening"


def hours_of(part: str) -> tuple[time, time]:
    """Start and end of a part of the day; ANY_HOUR for an empty `part`."""
    hours = {
        "morning": (ANY_HOUR[0], NOON),
        "afternoon": (NOON, EVENING),
        "evening": (EVENING, ANY_HOUR[1]),
    }
    return hours.get(part, ANY_HOUR)


def is_any_hour(start: time, end: time) -> bool:
    """Whether these hours cover every appointment of a day."""
    # To the minute: no slot starts within the last one.
    return start == ANY_HOUR[0] and end >= ANY_HOUR[1].replace(second=0)


def suits_weekday(weekdays: Collection[int], on: date) -> bool:
    """Whether a day is one of these weekdays (Monday is 0), or none is named.

    SQL twin: booking.services.offers._SUITS.
    """
    return not weekdays or on.weekday() in weekdays


def day_of(instant: datetime) -> date:
    """The calendar day in the portal's time zone; intervals count days, not hours."""
    return timezone.localtime(instant).date()


# Appointments begin at 06:00 or later; an hour before it is a typing error (03:00 for 15:00).
FIRST_START = time(6)


def is_clinic_hour(starts_at: datetime) -> bool:
    """Whether an appointment may begin at this time of day in the portal's time zone."""
    return timezone.localtime(starts_at).time() >= FIRST_START


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """Start and end (exclusive) of a calendar day in the portal's time zone."""
    # A day has 24 hours here: Asia/Seoul has had no summer time since 1988.
    start = datetime(day.year, day.month, day.day, tzinfo=timezone.get_default_timezone())
    return start, start + timedelta(days=1)


# The hard limit, whatever was measured: constraints slot_margin_is_bounded and
# clinic_margin_is_bounded hold it.
MOST_MARGIN_PERCENT = 20


@dataclass(frozen=True)
class SlotLoad:
    """A slot's capacity, and how many seats are booked above it already."""

    capacity: int
    overbooked: int = 0

    @property
    def max_margin(self) -> int:
        return self.capacity * MOST_MARGIN_PERCENT // 100


def spread_margin(slots: Sequence[SlotLoad], share: float, doses: int | None = None) -> list[int]:
    """The margin of each slot of a day, in the order in which they start.

    The day gains `share` (0 to 1) of its capacity, rounded down to whole people; with `doses` on
    hand no more people than doses plus that share of them. The gain is spread in proportion to
    the capacity so far, and fractions are carried over: additional people come only after as
    many are likely to have stayed away. Seats overbooked already stay, and count.
    """
    # Exact: 0.29 of 100 is 29 people, but int(100 * 0.29) is 28.
    part = Fraction(share).limit_denominator(1_000_000)
    capacity = sum(slot.capacity for slot in slots)
    overbooked = sum(slot.overbooked for slot in slots)
    gain = int(capacity * part)
    if doses is not None:
        gain = min(gain, int(doses * (1 + part)) - capacity)
    spare = max(0, gain - overbooked)
    margins, capacity_so_far, spread = [], 0, 0
    for slot in slots:
        capacity_so_far += slot.capacity
        due = gain * capacity_so_far // capacity - spread if capacity else 0
        margin = max(slot.overbooked, min(due, slot.max_margin, slot.overbooked + spare))
        spare -= margin - slot.overbooked
        spread += margin
        margins.append(margin)
    return margins
