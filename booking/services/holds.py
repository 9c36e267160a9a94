"""Holding a slot for a person for ten minutes: hold, extend, release, take back what lapsed.

A hold is decided in two places that must agree: the fast path in booking/sql/booking_hold_at_once,
and `_hold_carefully` for all that the fast path leaves alone.
"""

import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.db import connection, transaction
from django.db.models import F
from django_stubs_ext import WithAnnotations

from booking.enums import Origin, ReservationStatus
from booking.exceptions import (
    AlreadyBooked,
    HeldLongEnough,
    HoldChanged,
    HoldLapsed,
    NoMoreTime,
    NotCalled,
    NothingHeld,
    Refused,
    SlotFull,
    SlotOver,
    WrongInterval,
)
from booking.models import Reservation, Slot
from booking.models.clinics import has_seat
from booking.rules import Booked, Course, day_of
from booking.services.at_once import HOLD_LIFETIME, new_hold
from booking.services.courses import best_seconds, course_of, interval_of, may_hold
from booking.services.offers import offer_freed
from booking.services.reading import vaccines_of
from booking.services.reservations import new_reservation
from booking.services.seats import (
    RowsChanged,
    lapse_holds,
    lock_person,
    lock_slots,
    release,
    retried_transaction,
    take_seat,
)
from database import functions
from database.clock import AtNow, Now, database_now
from messaging.enums import Channel
from staff.actors import CITIZEN

MOST_EXTENSIONS = 2
# Total time of all holds under one admission, however often they are exchanged or released: a seat
# can't be blocked for longer by holding one slot after another.
MOST_HELD = HOLD_LIFETIME * (1 + MOST_EXTENSIONS)
# A hold shorter than this is refused: it could not be confirmed in time.
LEAST_HELD = timedelta(minutes=1)


@dataclass(frozen=True)
class ContactChoice:
    """The channel for messages to the person, and the address for e-mail."""

    channel: Channel = Channel.SMS
    email: str | None = None


# Losers of a race for one slot are refused without queueing for its lock. Not where a hold has run
# out or is the person's own: the careful path may take that seat.
SURELY_FULL = f"""
SELECT NOT ({has_seat()}) AND NOT EXISTS (
    SELECT FROM booking_reservation
    WHERE slot_id = slot.id AND status = 'held'
        AND (held_until <= jari_now() OR person_id = %(person)s)
)
FROM booking_slot AS slot WHERE id = %(slot)s
"""  # noqa: S608


def hold_slot(
    *,
    person_id: int,
    slot_id: int,
    admission_id: int,
    second_id: int | None = None,
) -> uuid.UUID:
    """Hold a slot, and with `second_id` one for the second dose: both, or none.

    Returns the key that the holds share, by which they are confirmed. Earlier holds of the person
    are exchanged for it and pass their expiry on. Holding the same again returns the key of the
    existing hold. Raises NotCalled after the end of the admission,
    HeldLongEnough, SlotFull (with the `slot_id` of the two that is full), SlotOver, SlotClosed,
    AlreadyBooked, NoDoseLeft, WrongVaccine, WrongInterval or VaccineNotForYou.
    """
    if second_id == slot_id:
        raise WrongInterval  # also where both may be given on one day
    if second_id is None:
        key = _hold_at_once(person_id, slot_id, None, admission_id)
        if key:
            return key
        _refuse_if_full(person_id, slot_id)
    return _hold_carefully(person_id, slot_id, second_id, admission_id)


def hold_best_slots(
    *,
    person_id: int,
    slot_id: int,
    admission_id: int,
    second_id: int | None = None,
) -> uuid.UUID:
    """Hold the slot that was clicked; for a vaccine of two doses also the best second slot.

    Where no second slot is free the first is held alone. Returns and raises what `hold_slot` does.
    """
    if second_id is None:
        key = _hold_at_once(person_id, slot_id, None, admission_id, single=True)
        if key:
            return key
        for second in best_seconds(person_id, slot_id):
            key = _hold_at_once(person_id, slot_id, second, admission_id)
            if key:
                return key
            _refuse_if_full(person_id, slot_id)
            with suppress(_SecondFull):
                return _hold_both(person_id, slot_id, second, admission_id)
    return hold_slot(
        person_id=person_id,
        slot_id=slot_id,
        second_id=second_id,
        admission_id=admission_id,
    )


class _SecondFull(Exception):
    """The slot of the second dose is full; the next best one is tried."""


def _hold_both(person_id: int, slot_id: int, second_id: int, admission_id: int) -> uuid.UUID:
    try:
        return _hold_carefully(person_id, slot_id, second_id, admission_id)
    except SlotFull as refusal:
        if refusal.slot_id == slot_id:
            raise
        raise _SecondFull from None


def _refuse_if_full(person_id: int, slot_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SURELY_FULL, {"slot": slot_id, "person": person_id})
        row = cursor.fetchone()
    if row is None or row[0]:
        raise SlotFull(slot_id=slot_id)


def _hold_at_once(
    person_id: int,
    slot_id: int,
    second_id: int | None,
    admission_id: int,
    *,
    single: bool = False,
) -> uuid.UUID | None:
    """Fast path, one SQL call (booking/sql/booking_hold_at_once); None when it does not apply.

    It does not when the person has a live reservation or an outside dose or held before under
    this admission, when the slot is full, closed or begun, or when the vaccine is not the
    cohort's. Then `_hold_carefully` holds the same or raises the reason.
    """
    key = uuid.uuid4()
    which = {"slot": slot_id, "second": second_id, "single": single}
    whose = {"person": person_id, "admission": admission_id}
    row = functions.call("booking_hold_at_once", which | whose | new_hold(key))
    reservation_id = row[0] if row else None
    return key if reservation_id else None


@retried_transaction
def _hold_carefully(
    person_id: int, slot_id: int, second_id: int | None, admission_id: int
) -> uuid.UUID:
    """Hold under row locks; the plain twin of the fast path, which it must agree with."""
    # Lock order: person, slots by id, reservations by id (docs/booking.md).
    now = lock_person(person_id)
    wanted = [slot_id] if second_id is None else [slot_id, second_id]
    seats = Reservation.objects.filter(person=person_id, status=ReservationStatus.HELD)
    slots = lock_slots([*wanted, *seats.values_list("slot_id", flat=True)])
    rows = list(Reservation.objects.live().filter(person=person_id).order_by("pk").locked())
    held = [row for row in rows if row.status == ReservationStatus.HELD]
    if any(row.slot_id not in slots for row in held):
        raise RowsChanged
    if not set(wanted) <= slots.keys():
        raise SlotFull(slot_id=slot_id)

    if _holds_exactly(held, wanted, now):
        return held[0].key
    fixed = [row for row in rows if row not in held]
    if not fixed and not may_hold(person_id, admission_id, now=now):
        raise NotCalled
    plan = plan_of(
        person_id,
        fixed,
        [slots[pk] for pk in wanted],
        vaccines_of(admission_id),
    )
    if lapse_holds({pk: slots[pk] for pk in wanted}, now=now):
        held = [row for row in held if not lapsed_meanwhile(row)]
        for pk in wanted:
            offer_freed(slots[pk], now=now)
    expiry = expiry_for(person_id, admission_id, held, now)
    # SlotFull from here on rolls back, and the person keeps their earlier hold.
    for row in held:
        release(row, slots, status=ReservationStatus.RELEASED, by=CITIZEN, now=now)
    for slot in plan.values():
        take_seat(slot, now=now)
    key = insert_holds(plan, person_id, admission_id, expiry, now)
    for freed_id in {row.slot_id for row in held} - set(wanted):
        offer_freed(slots[freed_id], now=now)
    return key


@dataclass(frozen=True)
class Expiry:
    until: datetime
    extensions: int = 0


# Seconds held under this admission, one span per key: two doses held together count once. Only of
# the last day, since a person returns for the second dose under the same admission.
HELD_SO_FAR = """
SELECT coalesce(sum(extract(epoch FROM ended - began)), 0)::float FROM (
    SELECT min(created_at) AS began, max(
        CASE
            WHEN status IN ('held', 'lapsed') THEN least(%(now)s, held_until)
            WHEN status = 'released' THEN least(changed_at, held_until)
            ELSE coalesce(confirmed_at, created_at)
        END
    ) AS ended
    FROM booking_reservation
    WHERE person_id = %(person)s AND admission_id = %(admission)s AND origin = 'line'
        AND created_at > %(now)s - interval '1 day'
    GROUP BY key
) AS choices WHERE ended > began
"""


def _held_so_far(person_id: int, admission_id: int, now: datetime) -> timedelta:
    values: dict[str, Any] = {"person": person_id, "admission": admission_id, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(HELD_SO_FAR, values)
        return timedelta(seconds=cursor.fetchone()[0])


def expiry_for(
    person_id: int, admission_id: int, exchanged: list[Reservation], now: datetime
) -> Expiry:
    """When a new hold expires: as the hold it replaces, else after what is left of MOST_HELD.

    Raises HeldLongEnough if less than LEAST_HELD is left.
    """
    running = [
        (row.held_until, row.extensions)
        for row in exchanged
        if row.held_until and row.is_holding(now) and row.origin != Origin.OFFER
    ]
    if running:
        return Expiry(min(until for until, _n in running), max(n for _until, n in running))
    remaining = MOST_HELD - _held_so_far(person_id, admission_id, now)
    if remaining < LEAST_HELD:
        raise HeldLongEnough
    return Expiry(now + min(HOLD_LIFETIME, remaining))


def _holds_exactly(held: list[Reservation], wanted: list[int], now: datetime) -> bool:
    in_date = [
        reservation
        for reservation in held
        if reservation.is_holding(now) and reservation.origin != Origin.OFFER
    ]
    if len({reservation.key for reservation in in_date}) > 1:
        return False
    in_order = [
        reservation.slot_id
        for reservation in sorted(in_date, key=lambda reservation: reservation.dose)
    ]
    return len(in_date) == len(held) and in_order == wanted


def lapsed_meanwhile(reservation: Reservation) -> bool:
    reservation.refresh_from_db(fields=["status"])
    return reservation.status != ReservationStatus.HELD


def plan_of(
    person_id: int,
    fixed: Iterable[Reservation],
    wanted: list[Slot],
    admitted_for: frozenset[int] | None,
) -> dict[int, Slot]:
    """Slots by dose, after the doses given and booked.

    Raises AlreadyBooked, NoDoseLeft, WrongVaccine, WrongInterval or VaccineNotForYou.
    """
    return plan_in(course_of(person_id, fixed), wanted, admitted_for)


def plan_in(
    course: Course, wanted: list[Slot], admitted_for: frozenset[int] | None
) -> dict[int, Slot]:
    """`plan_of` in a course that is known."""
    plan: dict[int, Slot] = {}
    for slot in wanted:
        vaccine = interval_of(slot.vaccine)
        course.check_vaccine(vaccine, admitted_for)
        dose = course.next_dose(vaccine)
        course.check(dose, day_of(slot.starts_at), vaccine)
        plan[dose] = slot
        course = Course(
            course.doses | {dose: Booked(dose, slot.vaccine_id, day_of(slot.starts_at))}
        )
    return plan


def insert_holds(
    plan: dict[int, Slot],
    person_id: int,
    admission_id: int,
    expiry: Expiry,
    now: datetime,
    *,
    party: uuid.UUID | None = None,
) -> uuid.UUID:
    key = uuid.uuid4()
    Reservation.objects.bulk_create(
        new_reservation(
            person_id=person_id,
            slot=slot,
            dose=dose,
            held_until=expiry.until,
            extensions=expiry.extensions,
            key=key,
            party=party,
            admission_id=admission_id,
            by=CITIZEN,
            now=now,
        )
        for dose, slot in sorted(plan.items())
    )
    return key


@transaction.atomic
def extend_hold(*, person_id: int, key: uuid.UUID, extension: int | None = None) -> datetime:
    """Add ten minutes to a hold, at most twice and within MOST_HELD; returns the new expiry.

    `extension` is the number of the extension asked for (1 or 2): the same click sent twice
    counts once. Raises NothingHeld, HoldLapsed, HoldChanged, AlreadyBooked, SlotOver or
    NoMoreTime.
    """
    holds = Reservation.objects.filter(person=person_id, key=key).select_related("slot")
    rows = list(holds.order_by("pk").locked().annotate(now=Now()))
    if not rows:
        raise NothingHeld
    now = cast("WithAnnotations[Reservation, AtNow]", rows[0]).now
    if not all(row.is_holding(now) for row in rows):
        raise _why_not_held({row.status for row in rows})
    held_until = rows[0].held_until
    assert held_until  # constraint hold_has_a_clock
    if extension and rows[0].extensions >= extension:
        return held_until
    if rows[0].extensions >= MOST_EXTENSIONS or rows[0].origin == Origin.OFFER:
        raise NoMoreTime
    if any(row.slot.starts_at <= now for row in rows):
        raise SlotOver
    assert rows[0].admission_id  # holds that are no offers have one
    remaining = MOST_HELD - _held_so_far(person_id, rows[0].admission_id, now)
    if held_until >= now + remaining:
        raise NoMoreTime
    # Added to what is left: a person who presses at once must not lose what the wait would give.
    until: datetime = min(held_until + HOLD_LIFETIME, now + remaining)
    Reservation.objects.filter(pk__in=[row.pk for row in rows]).update(
        held_until=until,
        extensions=F("extensions") + 1,
        changed_at=now,
    )
    return until


def _why_not_held(statuses: set[str]) -> Refused:
    if ReservationStatus.RELEASED in statuses:
        return HoldChanged()  # by another tab, or another device
    if statuses <= {ReservationStatus.HELD, ReservationStatus.LAPSED}:
        return HoldLapsed()
    return AlreadyBooked()


@transaction.atomic
def release_hold(*, person_id: int) -> int:
    """Release all holds of this person but offers; returns the number of seats freed."""
    return release_of([person_id], now=lock_person(person_id))


def release_of(people: Iterable[int], *, now: datetime) -> int:
    """Release the holds of these people, who are locked; as `release_hold`."""
    held = Reservation.objects.filter(
        person__in=list(people), status=ReservationStatus.HELD
    ).exclude(origin=Origin.OFFER)
    slots = lock_slots(held.values_list("slot_id", flat=True))
    rows = list(held.filter(slot__in=slots).order_by("pk").locked())
    for row in rows:
        release(row, slots, status=ReservationStatus.RELEASED, by=CITIZEN, now=now)
    for slot in slots.values():
        offer_freed(slot, now=now)
    return len(rows)


def take_back_holds(*, now: datetime | None = None, batch: int = 200) -> int:
    """Free the seats of all holds that ran out; returns their number.

    In batches of `batch` holds, one transaction each, so that slots stay locked only briefly.
    """
    now = now or database_now()
    freed = 0
    while True:
        late = Reservation.objects.lapsed(now).order_by("held_until")
        slot_ids = set(late.values_list("slot_id", flat=True)[:batch])
        with transaction.atomic():
            slots = lock_slots(slot_ids)
            number = lapse_holds(slots, now=now)
            for slot in slots.values():
                offer_freed(slot, now=now)
        freed += number
        if not number:
            return freed


def keep_typed(*, key: uuid.UUID, contact: ContactChoice) -> None:
    """Store contact details typed into an unsent form with the hold of this key.

    No person is asked for: the form may come after the session ended, and the key is secret.
    """
    Reservation.objects.filter(key=key, status=ReservationStatus.HELD).update(
        channel=contact.channel, email=contact.email
    )
