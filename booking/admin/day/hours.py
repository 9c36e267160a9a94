"""The hours of a clinic's day in numbers, and which part of the day a page shows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import NamedTuple

from django.db.models import Count, DecimalField, F, Q, Sum
from django.db.models.functions import Extract
from django.utils import timezone

from booking.enums import ReservationStatus
from booking.models import Clinic, Reservation, Slot
from booking.rules import day_bounds

# After so long a confirmed person counts as late.
LATE_AFTER = timedelta(minutes=10)
# The part around now: the half hour that was running so long ago, and one hour from its start.
LOOK_BACK, SPAN = timedelta(minutes=15), timedelta(hours=1)
# A part with fewer people is extended, so that a small clinic sees its day on one page.
FEWEST = 12
# Statuses of people who belong to the day.
ON_THE_DAY = [
    ReservationStatus.CONFIRMED,
    ReservationStatus.ARRIVED,
    ReservationStatus.VACCINATED,
    ReservationStatus.NOT_DONE,
    ReservationStatus.NO_SHOW,
]
_EXPECTED = [ReservationStatus.CONFIRMED]
_ARRIVED = [ReservationStatus.ARRIVED]
_ABSENT = [ReservationStatus.NO_SHOW]
# All other marks say that the visit is over.
DONE = [status for status in ON_THE_DAY if status not in (*_EXPECTED, *_ARRIVED, *_ABSENT)]


class SlotCounts(NamedTuple):
    """The people of one slot by status, its free seats, and a stamp that any change of them alters.

    The stamp is the sum of the times of change. A maximum would miss a change that began before
    another one and was committed after it.
    """

    starts_at: datetime
    free: int
    expected: int
    arrived: int
    done: int
    absent: int
    stamp: Decimal | None
    home_id: int | None = None  # of a visit to a care home

    @property
    def people(self) -> int:
        return self.expected + self.arrived + self.done + self.absent


@dataclass
class Hour:
    """One row of the table of hours; `free` counts only seats that can still be booked."""

    starts_at: datetime
    address: str = ""
    is_now: bool = False
    is_over: bool = False
    is_shown: bool = False
    counts: Counter[str] = field(default_factory=Counter)


class Window(NamedTuple):
    """The part of the day whose people a page lists: from `start` to before `end`."""

    start: datetime
    end: datetime


def bounds_of(on: date) -> Window:
    return Window(*day_bounds(on))


def counts_of(clinic: Clinic, on: date) -> list[SlotCounts]:
    """The slots of the day in order, by one query."""
    day = bounds_of(on)

    def people(statuses: Sequence[ReservationStatus]) -> Count:
        return Count("reservations", filter=Q(reservations__status__in=statuses))

    rows = Slot.objects.filter(
        clinic=clinic, starts_at__gte=day.start, starts_at__lt=day.end
    ).annotate(
        free=F("capacity") + F("margin") - F("booked"),
        expected=people(_EXPECTED),
        arrived=people(_ARRIVED),
        done=people(DONE),
        absent=people(_ABSENT),
        stamp=Sum(
            Extract("reservations__changed_at", "epoch"),
            filter=Q(reservations__status__in=ON_THE_DAY),
            output_field=DecimalField(max_digits=24, decimal_places=6),
        ),
    )
    names = SlotCounts._fields
    return [SlotCounts(*values) for values in rows.order_by("starts_at", "pk").values_list(*names)]


def is_late(status: str, slot: Slot | SlotCounts, now: datetime) -> bool:
    """Whether a person of this status is late; the residents of a care home, who are visited one
    after the other, never are."""
    is_expected = status == ReservationStatus.CONFIRMED and slot.home_id is None
    return is_expected and slot.starts_at + LATE_AFTER <= now


def hours_of(counts: Sequence[SlotCounts], window: Window, now: datetime) -> list[Hour]:
    """The hours that have slots."""
    hours: dict[datetime, Hour] = {}
    for slot in counts:
        begins = timezone.localtime(slot.starts_at).replace(minute=0, second=0, microsecond=0)
        ends = begins + timedelta(hours=1)
        hour = hours.setdefault(begins, Hour(begins))
        hour.is_now, hour.is_over = begins <= now < ends, ends <= now
        hour.is_shown = begins < window.end and window.start < ends
        late = is_late(ReservationStatus.CONFIRMED, slot, now)
        hour.counts["late" if late else "expected"] += slot.expected
        hour.counts["arrived"] += slot.arrived
        hour.counts["done"] += slot.done
        hour.counts["absent"] += slot.absent
        if not hour.is_over:
            hour.counts["free"] += max(slot.free, 0)
    return list(hours.values())


def totals_of(hours: Sequence[Hour]) -> Counter[str]:
    return sum((hour.counts for hour in hours), Counter())


def window_around(now: datetime, counts: Sequence[SlotCounts]) -> Window:
    """The part of the day around `now`: later slots join until it holds FEWEST, then earlier."""
    start = _half_hour(now - LOOK_BACK)
    end = start + SPAN
    people = sum(slot.people for slot in counts if start <= slot.starts_at < end)
    for slot in counts:
        if people < FEWEST and slot.starts_at >= end and slot.people:
            end = _half_hour(slot.starts_at) + timedelta(minutes=30)
            people += slot.people
    for slot in reversed(counts):
        if people < FEWEST and slot.starts_at < start and slot.people:
            start, people = _half_hour(slot.starts_at), people + slot.people
    return Window(start, end)


def _half_hour(at: datetime) -> datetime:
    """The beginning of the half hour that is running at this instant."""
    local = timezone.localtime(at)
    return local.replace(minute=local.minute // 30 * 30, second=0, microsecond=0)


def window_of_hour(on: date, hour: int) -> Window:
    start = bounds_of(on).start + timedelta(hours=hour)
    return Window(start, start + timedelta(hours=1))


def version_of(counts: Sequence[SlotCounts], hours: Sequence[Hour]) -> str:
    """An ETag of the numbers and rows of the day: equal as long as nothing on the page changes."""
    shown = [(slot.starts_at, *slot[1:]) for slot in counts]
    tables = [(hour.starts_at, hour.is_now, sorted(hour.counts.items())) for hour in hours]
    return '"' + sha256(repr((shown, tables)).encode()).hexdigest()[:24] + '"'


def next_day_with_people(clinic: Clinic, after: date) -> datetime | None:
    """The clinic's next appointment after this day."""
    rows = Reservation.objects.filter(
        slot__clinic=clinic,
        slot__starts_at__gte=bounds_of(after).end,
        status=ReservationStatus.CONFIRMED,
    )
    return rows.order_by("slot__starts_at").values_list("slot__starts_at", flat=True).first()
