"""Holding a time for somebody, for ten minutes, and letting it go."""

import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import get_language
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
from booking.models.clinics import has_place
from booking.rules import Booked, Course, day_of
from booking.services.courses import best_seconds, course_of, interval_of
from booking.services.offers import offer_freed
from booking.services.reading import vaccines_of
from booking.services.reservations import new_number, new_reservation
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
from waiting_room.models import Admission

HOLD_LIFETIME = timedelta(minutes=10)
MOST_EXTENSIONS = 2
# All that one admission may keep times for, whatever is exchanged or given up between.
MOST_HELD = HOLD_LIFETIME * (1 + MOST_EXTENSIONS)
# A hold that would be shorter is none.
LEAST_HELD = timedelta(minutes=1)


@dataclass(frozen=True)
class ContactChoice:
    """How the person wants to hear from us."""

    channel: Channel = Channel.SMS
    email: str | None = None


# Losers of a race for one slot need not queue for its lock to learn that they lost.
SURELY_FULL = f"""
SELECT NOT ({has_place()}) AND NOT EXISTS (
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
) -> list[Reservation]:
    """Hold a time, and with `second_id` one for the second dose: both, or none.

    Whatever the person held before is exchanged for it, and its clock goes on. Raises NotCalled
    where the stay has ended, HeldLongEnough, SlotFull (which says which of
    the two), SlotOver, SlotClosed, AlreadyBooked, NoDoseLeft, WrongVaccine, WrongInterval or
    VaccineNotForYou.
    Holding the same again answers what is held.
    """
    if second_id == slot_id:
        raise WrongInterval  # also where both may be given on one day
    if second_id is None:
        held = _hold_at_once(person_id, slot_id, None, admission_id)
        if held:
            return held
        _refuse_if_full(person_id, slot_id)
    return _hold_carefully(person_id, slot_id, second_id, admission_id)


def hold_best_slots(
    *,
    person_id: int,
    slot_id: int,
    admission_id: int,
    second_id: int | None = None,
) -> list[Reservation]:
    """Hold a time as somebody clicks it; a vaccine of two doses brings a second time along.

    Without a time for the second dose the first is held alone: it can be chosen elsewhere.
    """
    if second_id is None:
        held = _hold_at_once(person_id, slot_id, None, admission_id, single=True)
        if held:
            return held
        for second in best_seconds(person_id, slot_id):
            held = _hold_at_once(person_id, slot_id, second, admission_id)
            if held:
                return held
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
    pass


def _hold_both(
    person_id: int, slot_id: int, second_id: int, admission_id: int
) -> list[Reservation]:
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
) -> list[Reservation]:
    """Fast path, one SQL call (booking/sql/booking_hold_at_once); [] when it does not apply.

    It does not when the person has a live reservation, an outside dose or held before under this
    admission, when the slot is full, closed or begun, or when the vaccine is not the cohort's.
    Then `_hold_carefully` holds the same, or says why not.
    """
    key, language = uuid.uuid4(), get_language() or "ko"
    numbers = [new_number(), new_number()]
    made = functions.call(
        "booking_hold_at_once",
        {
            "slot": slot_id,
            "second": second_id,
            "single": single,
            "person": person_id,
            "admission": admission_id,
            "number": numbers[0],
            "second_number": numbers[1],
            "key": key,
            "lifetime": HOLD_LIFETIME,
            "language": language,
        },
    )
    *ids, now, until = made or (None, None)
    rows = zip(ids, numbers, (slot_id, second_id), (1, 2), strict=False)
    return [
        new_reservation(
            pk=pk,
            number=number,
            person_id=person_id,
            slot_id=slot,
            dose=dose,
            held_until=until,
            key=key,
            admission_id=admission_id,
            by=CITIZEN,
            now=now,
            language=language,
        )
        for pk, number, slot, dose in rows
        if pk is not None
    ]


@retried_transaction
def _hold_carefully(
    person_id: int, slot_id: int, second_id: int | None, admission_id: int
) -> list[Reservation]:
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
        return sorted(held, key=lambda row: row.dose)
    fixed = [row for row in rows if row not in held]
    if not fixed and not _is_inside(admission_id, now):
        raise NotCalled
    plan = _plan(
        person_id,
        fixed,
        [slots[pk] for pk in wanted],
        vaccines_of(admission_id),
    )
    if lapse_holds({pk: slots[pk] for pk in wanted}, now=now):
        held = [row for row in held if not _lapsed_meanwhile(row)]
        for pk in wanted:
            offer_freed(slots[pk], now=now)
    clock = _clock(person_id, admission_id, held, now)
    # A refusal from here on undoes everything and leaves the person what they held.
    for row in held:
        release(row, slots, status=ReservationStatus.RELEASED, by=CITIZEN, now=now)
    for slot in plan.values():
        take_seat(slot, now=now)
    taken = _insert(plan, person_id, admission_id, clock, now)
    for freed in {row.slot_id for row in held} - set(wanted):
        offer_freed(slots[freed], now=now)
    return taken


def _is_inside(admission_id: int, now: datetime) -> bool:
    live = Admission.objects.filter(pk=admission_id, ended_at=None, expires_at__gt=now)
    return live.exists()


@dataclass(frozen=True)
class _Clock:
    until: datetime
    extensions: int = 0


# Seconds for which each choice was kept, in the last day: somebody who booked the first dose comes
# back for the second under the same admission.
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


def _clock(
    person_id: int, admission_id: int, exchanged: list[Reservation], now: datetime
) -> _Clock:
    """Until when a new hold lasts: what it replaces hands its clock on, else what is left."""
    running = [
        (row.held_until, row.extensions)
        for row in exchanged
        if row.held_until and row.is_holding(now) and row.origin != Origin.OFFER
    ]
    if running:
        return _Clock(min(until for until, _n in running), max(n for _until, n in running))
    left = MOST_HELD - _held_so_far(person_id, admission_id, now)
    if left < LEAST_HELD:
        raise HeldLongEnough
    return _Clock(now + min(HOLD_LIFETIME, left))


def _holds_exactly(held: list[Reservation], wanted: list[int], now: datetime) -> bool:
    in_date = [one for one in held if one.is_holding(now) and one.origin != Origin.OFFER]
    if len({one.key for one in in_date}) > 1:
        return False
    in_order = [one.slot_id for one in sorted(in_date, key=lambda one: one.dose)]
    return len(in_date) == len(held) and in_order == wanted


def _lapsed_meanwhile(reservation: Reservation) -> bool:
    reservation.refresh_from_db(fields=["status"])
    return reservation.status != ReservationStatus.HELD


def _plan(
    person_id: int,
    fixed: Iterable[Reservation],
    wanted: list[Slot],
    admitted_for: frozenset[int] | None,
) -> dict[int, Slot]:
    """Which dose goes to which slot, given what the person has been given or has confirmed."""
    course = course_of(person_id, fixed)
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


def _insert(
    plan: dict[int, Slot], person_id: int, admission_id: int, clock: _Clock, now: datetime
) -> list[Reservation]:
    key = uuid.uuid4()
    return Reservation.objects.bulk_create(
        new_reservation(
            person_id=person_id,
            slot=slot,
            dose=dose,
            held_until=clock.until,
            extensions=clock.extensions,
            key=key,
            admission_id=admission_id,
            by=CITIZEN,
            now=now,
        )
        for dose, slot in sorted(plan.items())
    )


@transaction.atomic
def extend_hold(*, person_id: int, key: uuid.UUID, extension: int | None = None) -> datetime:
    """Ten more minutes from now, at most twice; until when it is held.

    `extension` says which of the two is asked for: the same click sent twice counts once. Raises
    NothingHeld, HoldLapsed, HoldChanged, AlreadyBooked, SlotOver or NoMoreTime.
    """
    mine = Reservation.objects.filter(person=person_id, key=key).select_related("slot")
    rows = list(mine.order_by("pk").locked().annotate(now=Now()))
    if not rows:
        raise NothingHeld
    now = cast("WithAnnotations[Reservation, AtNow]", rows[0]).now
    if not all(row.is_holding(now) for row in rows):
        raise _why_not_held({row.status for row in rows})
    held_until = rows[0].held_until
    assert held_until  # a hold has its time
    if extension and rows[0].extensions >= extension:
        return held_until
    if rows[0].extensions >= MOST_EXTENSIONS or rows[0].origin == Origin.OFFER:
        raise NoMoreTime
    if any(row.slot.starts_at <= now for row in rows):
        raise SlotOver
    assert rows[0].admission_id  # what is held in the line, not offered
    left = MOST_HELD - _held_so_far(person_id, rows[0].admission_id, now)
    if held_until >= now + left:
        raise NoMoreTime
    until: datetime = max(held_until, now + min(HOLD_LIFETIME, left))
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
    """Give up what this person holds; how many places that frees."""
    now = lock_person(person_id)
    held = Reservation.objects.filter(person=person_id, status=ReservationStatus.HELD).exclude(
        origin=Origin.OFFER
    )
    slots = lock_slots(held.values_list("slot_id", flat=True))
    rows = list(held.filter(slot__in=slots).order_by("pk").locked())
    for row in rows:
        release(row, slots, status=ReservationStatus.RELEASED, by=CITIZEN, now=now)
    for slot in slots.values():
        offer_freed(slot, now=now)
    return len(rows)


def take_back_holds(*, now: datetime | None = None, batch: int = 200) -> int:
    """Free the places of all holds that ran out; how many.

    In batches, so that no slot is locked for longer than a moment.
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


def keep_typed(*, key: uuid.UUID, wanted: ContactChoice) -> None:
    """Keep what somebody typed with what they hold; the key alone is enough to add to it."""
    Reservation.objects.filter(key=key, status=ReservationStatus.HELD).update(
        channel=wanted.channel, email=wanted.email
    )
