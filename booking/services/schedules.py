"""Making and changing a clinic's slots from its opening hours, after a preview."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from booking.enums import CLOSED
from booking.exceptions import CapacityBelowBooked, HoursClosed, ScheduleChanged
from booking.finder.availability import HORIZON
from booking.models import Clinic, Closure, OpeningHours, Slot, SpecialDay, Stock
from booking.rules import day_bounds
from booking.schedules import (
    DayPlan,
    DayRule,
    Key,
    WeeklyHours,
    plan_day,
    public_holidays,
)
from booking.services.seats import lock_slots
from booking.services.slots import set_capacity, set_margins
from database.clock import database_now

MOST_DAYS = HORIZON.days  # as far ahead as citizens can book


@dataclass(frozen=True)
class SlotChange:
    """One slot before and after; `before` is None for a new one.

    `wanted` is what the hours alone would give; `after` takes no seat that is booked.
    """

    starts_at: datetime
    vaccine_id: int
    before: int | None
    wanted: int
    booked: int = 0

    @property
    def after(self) -> int:
        if self.before is None or self.wanted >= self.booked:
            return self.wanted
        # A margin lets `booked` pass the capacity; that is no reason to raise it.
        return self.wanted if self.wanted == self.before else min(self.before, self.booked)

    @property
    def is_new(self) -> bool:
        return self.before is None and self.after > 0

    @property
    def is_changed(self) -> bool:
        return self.before is not None and self.before != self.after

    @property
    def kept_for_booked(self) -> bool:
        return self.wanted < self.after


@dataclass(frozen=True)
class DayChanges:
    """What becomes of one day; `plan` says why it has no slots, `doses` what is expected."""

    plan: DayPlan
    changes: list[SlotChange]
    doses: dict[int, int] = field(default_factory=dict)

    @property
    def new(self) -> list[SlotChange]:
        return [change for change in self.changes if change.is_new]

    @property
    def changed(self) -> list[SlotChange]:
        return [change for change in self.changes if change.is_changed]

    @property
    def kept(self) -> list[SlotChange]:
        """Slots that keep more seats than the hours give, because these are booked."""
        return [change for change in self.changes if change.kept_for_booked]

    @property
    def seats(self) -> int:
        return sum(change.after for change in self.changes)


@dataclass(frozen=True)
class Options:
    """The days, and how: `fit_doses` bounds each day's seats by the doses on hand of that day.

    `close_others` takes the free seats of slots outside the opening hours; else these stay.
    """

    first: date
    last: date
    fit_doses: bool = False
    close_others: bool = False


def preview(*, clinic: Clinic, options: Options, korean: bool = True) -> list[DayChanges]:
    """What `make_slots` would do now, day by day; days that have begun keep what has begun."""
    now = database_now()
    slots = _slots_of(clinic, options, now)
    return _changes(clinic, options, {_key(slot): slot for slot in slots}, now, korean)


def fingerprint(days: list[DayChanges]) -> str:
    """Names a preview, so that what is made is what was shown; bookings in between don't matter."""
    facts = [
        (change.starts_at.isoformat(), change.vaccine_id, change.before, change.wanted)
        for day in days
        for change in day.changes
    ]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


@transaction.atomic
def make_slots(*, clinic: Clinic, options: Options, shown: str, by: str) -> tuple[int, int]:
    """Add and change the slots of the preview whose fingerprint is `shown`, all or none.

    Returns how many were added and changed. Raises ScheduleChanged if the preview would look
    different by now. `by` is in the history's context.
    """
    # Serialises two users of one clinic; bookings lock slots only.
    Clinic.objects.select_for_update(no_key=True).get(pk=clinic.pk)
    now = database_now()
    ids = _slots_of(clinic, options, now).values_list("pk", flat=True)
    slots = {_key(slot): slot for slot in lock_slots(ids).values()}
    days = _changes(clinic, options, slots, now, korean=True)
    if fingerprint(days) != shown:
        raise ScheduleChanged
    new = [change for day in days for change in day.new]
    changed = [change for day in days for change in day.changed]
    try:
        with transaction.atomic():
            Slot.objects.bulk_create([_slot(clinic, change) for change in new], batch_size=1000)
    except IntegrityError:  # one_slot_per_clinic_vaccine_time_and_home: added by hand meanwhile
        raise ScheduleChanged from None
    _set_capacities(changed, slots, by)
    for day in sorted({day.plan.on for day in days if day.new or day.changed}):
        set_margins(clinic=clinic, day=day, now=now)
    return len(new), len(changed)


def _set_capacities(changed: list[SlotChange], slots: Mapping[Key, Slot], by: str) -> None:
    rows = [(slots[change.starts_at, change.vaccine_id], change.after) for change in changed]
    for slot, capacity in sorted(rows, key=lambda row: row[0].pk):
        try:
            set_capacity(slot=slot, capacity=capacity, by=by)
        except (CapacityBelowBooked, HoursClosed):
            raise ScheduleChanged from None


def _slots_of(clinic: Clinic, options: Options, now: datetime) -> QuerySet[Slot]:
    start, _end = day_bounds(options.first)
    _start, end = day_bounds(options.last)
    slots = Slot.objects.filter(clinic=clinic, home=None)
    return slots.filter(starts_at__gt=max(start, now), starts_at__lt=end)


def _key(slot: Slot) -> Key:
    return slot.starts_at, slot.vaccine_id


def _slot(clinic: Clinic, change: SlotChange) -> Slot:
    return Slot(
        clinic=clinic,
        vaccine_id=change.vaccine_id,
        starts_at=change.starts_at,
        capacity=change.after,
    )


def _changes(
    clinic: Clinic, options: Options, slots: Mapping[Key, Slot], now: datetime, korean: bool
) -> list[DayChanges]:
    # Hours that the clinic closed stay closed until it opens them again.
    closures = list(Closure.objects.filter(clinic=clinic, status__in=CLOSED, ends_at__gt=now))
    return [
        DayChanges(plan, _changes_of(plan, options, slots, now, closures), doses)
        for plan, doses in _plans(clinic, options, korean)
    ]


def _changes_of(
    plan: DayPlan,
    options: Options,
    slots: Mapping[Key, Slot],
    now: datetime,
    closures: Sequence[Closure],
) -> list[SlotChange]:
    start, end = day_bounds(plan.on)
    of_day = {key: slot for key, slot in slots.items() if start <= key[0] < end}
    wanted = {
        key: capacity
        for key, capacity in plan.slots.items()
        if key[0] > now and not any(closure.covers(*key) for closure in closures)
    }
    for key, slot in of_day.items():
        wanted.setdefault(key, 0 if options.close_others else slot.capacity)
    return [
        SlotChange(
            starts_at=key[0],
            vaccine_id=key[1],
            before=of_day[key].capacity if key in of_day else None,
            wanted=wanted[key],
            booked=of_day[key].booked if key in of_day else 0,
        )
        for key in sorted(wanted)
    ]


def _plans(clinic: Clinic, options: Options, korean: bool) -> list[tuple[DayPlan, dict[int, int]]]:
    hours = [
        WeeklyHours(**values)
        for values in OpeningHours.objects.filter(clinic=clinic)
        .order_by("weekday", "opens", "vaccine_id")
        .values(*WeeklyHours.__dataclass_fields__)
    ]
    days = [
        options.first + timedelta(days=number)
        for number in range((options.last - options.first).days + 1)
    ]
    rules = {
        row.on: DayRule(row.closed, row.opens, row.closes)
        for row in SpecialDay.objects.filter(clinic=clinic, on__range=(days[0], days[-1]))
    }
    holidays = public_holidays(days[0], days[-1], korean=korean)
    doses: dict[date, dict[int, int]] = {day: {} for day in days}
    stock = Stock.objects.filter(clinic=clinic, on__range=(days[0], days[-1]))
    for on, vaccine_id, number in stock.values_list("on", "vaccine_id", "doses"):
        doses[on][vaccine_id] = number
    return [
        (
            plan_day(
                day,
                hours=hours,
                rule=rules.get(day),
                holiday=holidays.get(day, ""),
                doses=doses[day] if options.fit_doses else {},
            ),
            doses[day],
        )
        for day in days
    ]


@transaction.atomic
def set_hours(*, clinic: Clinic, wanted: WeeklyHours, weekdays: list[int]) -> None:
    """Set the hours of one vaccine on these weekdays; slots change only by `make_slots`."""
    for weekday in weekdays:
        OpeningHours.objects.update_or_create(
            clinic=clinic,
            weekday=weekday,
            vaccine_id=wanted.vaccine_id,
            defaults={
                name: getattr(wanted, name)
                for name in ("opens", "closes", "lunch_from", "lunch_to", "minutes", "capacity")
            },
        )
