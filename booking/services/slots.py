"""Capacity, margins and stock of a clinic's slots."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Count, Max, Q, Sum
from django.db.models.functions import TruncDate

from booking.enums import ReservationStatus
from booking.exceptions import CapacityBelowBooked, HoursClosed, SlotOfVisit
from booking.models import Clinic, ClosedSlot, Reservation, Slot, Stock, Vaccine
from booking.rules import SlotLoad, day_bounds, day_of, spread_margin
from booking.services.offers import offer_freed
from booking.services.seats import lapse_holds, lock_slots
from database.clock import database_now

# The no-show rate of a clinic is measured over these days, and is None for fewer people.
MEASURED = timedelta(days=28)
ENOUGH = 50
_CAME = [ReservationStatus.VACCINATED, ReservationStatus.NOT_DONE]


@transaction.atomic
def set_capacity(*, slot: Slot, capacity: int, by: str) -> Slot:
    """Set the capacity of a slot.

    Raises CapacityBelowBooked, HoursClosed for a closed slot, SlotOfVisit for one of a visit.

    New seats are offered to the cancellation list. `by` is in the history's context.
    """
    now = database_now()
    slots = lock_slots([slot.pk])
    slot = slots[slot.pk]
    if slot.home_id:
        raise SlotOfVisit
    lapse_holds(slots, now=now)
    if capacity < slot.booked:
        raise CapacityBelowBooked
    if capacity > slot.booked and ClosedSlot.objects.filter(slot=slot, reopened=False).exists():
        raise HoursClosed
    slot.capacity = capacity
    # A margin was measured for the old capacity; the next measuring sets it anew.
    slot.margin = 0
    slot.save(update_fields=["capacity", "margin"])
    offer_freed(slot, now=now)
    return slot


def no_shows_of(*, clinic: Clinic, now: datetime | None = None) -> tuple[int, int]:
    """(came, did not come) of this clinic's people within MEASURED."""
    now = now or database_now()
    marked = Reservation.objects.filter(
        slot__clinic=clinic, slot__starts_at__range=(now - MEASURED, now)
    )
    count = marked.aggregate(
        came=Count("pk", filter=Q(status__in=_CAME)),
        missing=Count("pk", filter=Q(status=ReservationStatus.NO_SHOW)),
    )
    return count["came"], count["missing"]


@transaction.atomic
def measure_no_shows(*, clinic: Clinic, now: datetime | None = None) -> float | None:
    """Store and return the share of people who did not come; None below ENOUGH people."""
    came, missing = no_shows_of(clinic=clinic, now=now)
    rate = missing / (came + missing) if came + missing >= ENOUGH else None
    Clinic.objects.filter(pk=clinic.pk).update(no_show_rate=rate)
    clinic.no_show_rate = rate
    return rate


@transaction.atomic
def set_margins(*, clinic: Clinic, day: date, now: datetime | None = None) -> dict[int, int]:
    """Set the margins of one day's slots; returns the margin by slot id.

    The share is the measured no-show rate, limited by the clinic's `margin_percent`; 0 without a
    rate. Over the day no more than the doses on hand plus that share of them are bookable.
    Existing bookings stay. rules.spread_margin carries fractions over from slot to slot.
    """
    now = now or database_now()
    start, end = day_bounds(day)
    ids = Slot.objects.filter(clinic=clinic, home=None, starts_at__gte=start, starts_at__lt=end)
    slots = lock_slots(ids.values_list("pk", flat=True))
    share = min(clinic.no_show_rate or 0.0, clinic.margin_percent / 100)
    stock = dict(Stock.objects.filter(clinic=clinic, on=day).values_list("vaccine_id", "doses"))
    margins: dict[int, int] = {}
    # By vaccine: doses on hand of one are no use for slots of another.
    for vaccine_id, of_vaccine in _by_vaccine(slots.values()).items():
        loads = [
            SlotLoad(slot.capacity, max(0, slot.booked - slot.capacity)) for slot in of_vaccine
        ]
        spread = spread_margin(loads, share, stock.get(vaccine_id))
        margins |= {slot.pk: margin for slot, margin in zip(of_vaccine, spread, strict=True)}
    for slot in slots.values():
        # Unchanged rows are not written: the history records every update.
        if margins[slot.pk] != slot.margin:
            slot.margin = margins[slot.pk]
            Slot.objects.filter(pk=slot.pk).update(margin=slot.margin)
            offer_freed(slot, now=now)
    return margins


def _by_vaccine(slots: Iterable[Slot]) -> dict[int, list[Slot]]:
    """Slots by vaccine, each list in order of time."""
    grouped: dict[int, list[Slot]] = {}
    for slot in sorted(slots, key=lambda slot: slot.starts_at):
        grouped.setdefault(slot.vaccine_id, []).append(slot)
    return grouped


def set_all_margins(*, now: datetime | None = None) -> int:
    """Set the margins of all clinics with a margin; returns the number of clinics.

    Also of those that switched it off since: their slots still have one.
    """
    now = now or database_now()
    clinics = Clinic.objects.filter(
        Q(margin_percent__gt=0) | Q(slots__margin__gt=0, slots__starts_at__gt=now)
    ).distinct()
    count = 0
    for clinic in clinics:
        set_clinic_margins(clinic=clinic, now=now)
        count += 1
    return count


def set_clinic_margins(*, clinic: Clinic, now: datetime | None = None) -> None:
    """Measure the no-show rate of one clinic and set the margins of its open days."""
    now = now or database_now()
    measure_no_shows(clinic=clinic, now=now)
    starts = clinic.slots.filter(starts_at__gt=now).values_list("starts_at", flat=True)
    for day in sorted({day_of(start) for start in starts}):
        set_margins(clinic=clinic, day=day, now=now)


@transaction.atomic
def set_stock(
    *, clinic: Clinic, vaccine_id: int, day: date, doses: int | None, now: datetime | None = None
) -> dict[int, int]:
    """Store the doses on hand on one day (None: unknown) and set the day's margins.

    Returns the margin by slot id.
    """
    if doses is None:
        Stock.objects.filter(clinic=clinic, vaccine=vaccine_id, on=day).delete()
    else:
        Stock.objects.update_or_create(
            clinic=clinic, vaccine_id=vaccine_id, on=day, defaults={"doses": doses}
        )
    return set_margins(clinic=clinic, day=day, now=now)


@dataclass(frozen=True)
class DayOfDoses:
    """One day and vaccine at a clinic: seats, bookings and doses on hand (None: unknown)."""

    on: date
    vaccine_id: int
    vaccine: str
    places: int
    margin: int
    booked: int
    doses: int | None

    @property
    def too_few(self) -> int:
        """The number of seats without a dose, margin aside."""
        return max(0, self.places - self.doses) if self.doses is not None else 0


def days_of_doses(*, clinic: Clinic, now: datetime | None = None) -> list[DayOfDoses]:
    """The days from today on which this clinic has slots, one row per vaccine."""
    now = now or database_now()
    start, _end = day_bounds(day_of(now))
    stock = {
        (stock_row.on, stock_row.vaccine_id): stock_row.doses
        for stock_row in Stock.objects.filter(clinic=clinic, on__gte=day_of(now))
    }
    days = (
        # A visit brings doses of its own.
        Slot.objects.filter(clinic=clinic, home=None, starts_at__gte=start)
        .annotate(on=TruncDate("starts_at"))
        .values("on", "vaccine_id")
        .annotate(
            # Max only to aggregate: all slots of a group have the same vaccine.
            ko=Max("vaccine__name_ko"),
            en=Max("vaccine__name_en"),
            places=Sum("capacity"),
            extra=Sum("margin"),
            taken=Sum("booked"),
        )
        .order_by("on", "vaccine_id")
    )
    return [
        DayOfDoses(
            on=row["on"],
            vaccine_id=row["vaccine_id"],
            vaccine=Vaccine(name_ko=row["ko"], name_en=row["en"]).name,
            places=row["places"],
            margin=row["extra"],
            booked=row["taken"],
            doses=stock.get((row["on"], row["vaccine_id"])),
        )
        for row in days
    ]
