"""A clinic with a closed afternoon: rows for the tests of closures, made in bulk."""

import uuid
from datetime import timedelta

from booking.closing import Plan
from booking.enums import ClosureMode, ClosureReason, Origin, ReservationStatus
from booking.models import Clinic, Reservation, Slot
from booking.services.closure_plans import Hours, Wish
from booking.services.closures import close_hours
from booking.services.reservations import new_reservation
from tests.clock import clock
from tests.factories import ClinicFactory, PersonFactory, SlotFactory

BY = "staff:1"
MOVE, CANCEL = Wish(ClosureMode.MOVE, days=14), Wish(ClosureMode.CANCEL)


def book(slot: Slot, count: int, **values) -> list[Reservation]:
    """Confirmed appointments of new people, booked by staff."""
    rows = Reservation.objects.bulk_create(
        new_reservation(
            person=person,
            slot=slot,
            dose=1,
            status=ReservationStatus.CONFIRMED,
            key=uuid.uuid4(),
            origin=Origin.STAFF,
            by=BY,
            confirmed_at=clock.now(),
            now=clock.now(),
            **values,
        )
        for person in PersonFactory.create_batch(count)
    )
    Slot.objects.filter(pk=slot.pk).update(booked=slot.booked + count)
    slot.refresh_from_db()
    return rows


def slot_at(slot: Slot, days: int = 0, **values) -> Slot:
    """Another slot of the same vaccine, and clinic unless given, so many days later."""
    values = {"clinic": slot.clinic, "vaccine": slot.vaccine, **values}
    return SlotFactory(starts_at=slot.starts_at + timedelta(days=days), **values)


def clinic_near(clinic: Clinic, **values) -> Clinic:
    """A clinic about five kilometres to the north."""
    Clinic.objects.filter(pk=clinic.pk).update(latitude=37.5, longitude=127.0)
    return ClinicFactory(latitude=37.545, longitude=127.0, **values)


def hours_of(slot: Slot, hours: float = 4) -> Hours:
    return Hours(slot.clinic, slot.starts_at, slot.starts_at + timedelta(hours=hours))


def close(slot: Slot, wish: Wish = MOVE, *, without: int = 0, hours: float = 4):
    return close_hours(
        hours=hours_of(slot, hours),
        wish=wish,
        reason=ClosureReason.BUILDING,
        shown_without=without,
        by=BY,
    )


def places(rows) -> list[tuple[str, int]]:
    """(status, slot) of these reservations now."""
    ids = [row.pk for row in rows]
    found = Reservation.objects.in_bulk(ids)
    return [(found[pk].status, found[pk].slot_id) for pk in ids]


def seats() -> dict[int, tuple[int, int, int]]:
    rows = Slot.objects.values_list("pk", "capacity", "margin", "booked")
    return {pk: tuple(values) for pk, *values in rows}


def destinations(plan: Plan) -> list[int | None]:
    return [step.to.slot_id if step.to else None for step in plan.steps]
