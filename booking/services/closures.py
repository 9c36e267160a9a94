"""Closing hours of a clinic, all or nothing; taking that back, and opening the hours again.

Set-based, for thousands of people in one transaction. Locks: the clinic, then people, slots and
reservations, each by id (docs/booking.md). What is needed beyond the first read is locked without
waiting, so that the order holds.
"""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet

from booking.closing import Plan
from booking.enums import (
    TAKING,
    AffectedOutcome,
    ChoiceStatus,
    ClosureReason,
    ClosureStatus,
    OfferStatus,
    Origin,
    ReservationStatus,
)
from booking.exceptions import (
    ClosureBusy,
    ClosureChanged,
    MessagesLeft,
    NothingToClose,
    NothingToUndo,
)
from booking.models import (
    AffectedAppointment,
    Clinic,
    ClosedSlot,
    Closure,
    ClosureChoice,
    ClosureOffer,
    Reservation,
    Slot,
)
from booking.services.closure_plans import Hours, Situation, Wish, read
from booking.services.offers import offer_freed
from booking.services.seats import (
    RowsChanged,
    close_offers,
    lock_people,
    lock_slots,
    retried_transaction,
)
from database.clock import database_now, known_now
from eligibility.models import Person

ROUNDS = 20  # how often slots are given back to busy people; each round has locked more of them
# Until the messages leave, everything can be taken back.
TELLS_AFTER = timedelta(minutes=5)
_TO_COME = [ReservationStatus.HELD, ReservationStatus.CONFIRMED]
_BUSY = (
    "55P03",  # lock_not_available
    "40P01",  # deadlock_detected
)

MOVE = """
UPDATE booking_reservation AS reservation
SET slot_id = step.slot_id, status = 'confirmed', by = %(by)s, changed_at = %(now)s
FROM unnest(%(ids)s::bigint[], %(slots)s::bigint[]) AS step (id, slot_id)
WHERE reservation.id = step.id
"""
COUNT_SEATS = """
UPDATE booking_slot AS slot SET booked = slot.booked + step.seats,
    -- A visit's seats are given back, and given only to whom they were taken from.
    capacity = slot.capacity
        + CASE WHEN home_id > 0 AND (step.seats < 0 OR %(restores)s) THEN step.seats ELSE 0 END
FROM unnest(%(ids)s::bigint[], %(seats)s::int[]) AS step (id, seats) WHERE slot.id = step.id
"""
GIVE_SEATS_BACK = """
UPDATE booking_slot AS slot SET capacity = closed.capacity, margin = closed.margin
FROM booking_closedslot AS closed
WHERE closed.closure_id = %(closure)s AND slot.id = closed.slot_id
"""


def preview(*, hours: Hours, wish: Wish) -> Situation:
    """Whom closing these hours would affect now, and its plan."""
    return read(hours, wish, now=known_now())


def close_hours(
    *, hours: Hours, wish: Wish, reason: ClosureReason, shown_without: int, by: str
) -> Closure:
    """Close these hours and move or cancel every appointment in them, in one transaction.

    `shown_without` is how many people the preview left without a time: with more of them now,
    nothing happens and ClosureChanged is raised. Holds in these hours end. People who came
    already stay. Raises NothingToClose, also for hours closed before, or ClosureBusy.
    """
    try:
        return _close(hours, wish, reason, shown_without, by)
    except RowsChanged as problem:  # bookings of the same people, time and again
        raise ClosureBusy from problem
    except OperationalError as problem:
        if getattr(problem.__cause__, "sqlstate", "") not in _BUSY:
            raise
        raise ClosureBusy from problem


@retried_transaction
def _close(hours: Hours, wish: Wish, reason: ClosureReason, shown_without: int, by: str) -> Closure:
    # Serialises two users of one clinic.
    Clinic.objects.select_for_update(no_key=True).get(pk=hours.clinic.pk)
    now = database_now()
    situation = read(hours, wish, now=now)
    if situation.is_empty:
        raise NothingToClose
    locked = _lock(situation)
    situation = read(hours, wish, now=now, among=locked.slots)
    if situation.plan.without_time > shown_without:
        situation = _with_more_seats(situation, locked)
    if situation.plan.without_time > shown_without:
        raise ClosureChanged
    closure = Closure.objects.create(
        clinic=hours.clinic,
        vaccine_id=hours.vaccine_id,
        starts_at=hours.starts_at,
        ends_at=hours.ends_at,
        mode=wish.mode,
        reason=reason,
        closed_at=now,
        by=by,
        tells_at=now + TELLS_AFTER,
        answer_until=now + wish.answer if situation.plan.choices else None,
    )
    seats = _release_holds(situation, locked, closure)
    seats.update(_carry_out(situation.plan, closure))
    _count_seats(seats, locked.slots)
    _close_slots(situation, locked, closure)
    freed = {pk for pk, change in seats.items() if change < 0} - situation.closing
    _offer(freed, locked.slots, now)
    return closure


@dataclass
class _Locked:
    """What a closure has locked."""

    people: set[int]
    slots: dict[int, Slot]
    reservations: list[Reservation]


def _lock(situation: Situation) -> _Locked:
    """Lock people, slots and reservations of a situation; raises RowsChanged."""
    confirmed = {"slot__in": situation.closing, "status": ReservationStatus.CONFIRMED}
    here = Reservation.objects.filter(**confirmed).values_list("person_id", flat=True)
    people = set(lock_people(situation.person_ids))
    for _round in range(ROUNDS):
        # Those who booked since are waited for, which is only possible before slots are locked;
        # the savepoint gives the slots back to a person who waits for one of them.
        people |= set(lock_people(set(here.all()) - people))
        with suppress(ClosureBusy), transaction.atomic():
            return _lock_slots(situation, people)
    raise RowsChanged


def _lock_slots(situation: Situation, people: set[int]) -> _Locked:
    """Lock slots and reservations after the people; raises RowsChanged or ClosureBusy."""
    to_come = Reservation.objects.filter(person__in=people, status__in=_TO_COME)
    slots = lock_slots(
        [*situation.closing, *situation.plan.slot_ids, *to_come.values_list("slot_id", flat=True)]
    )
    # Those of people who came too: a mark that is taken back must not appear in between.
    here = Q(slot__in=situation.closing, status__in=TAKING)
    rows = _lock_reservations(here | Q(person__in=people, status__in=_TO_COME))
    # People who booked since are locked without waiting: slots are locked by now.
    late = {row.person_id for row in rows if row.status == ReservationStatus.CONFIRMED} - people
    if late:
        if len(lock_people(late, wait=False)) < len(late):
            raise ClosureBusy
        rows += _lock_reservations(
            Q(person__in=late, status__in=_TO_COME) & ~Q(pk__in=[row.pk for row in rows])
        )
    if any(row.slot_id not in slots for row in rows):
        raise RowsChanged
    if situation.hours.slots().exclude(pk__in=situation.closing).exists():
        raise RowsChanged  # a slot added in between
    return _Locked(people | late, slots, rows)


def _lock_reservations(which: Q) -> list[Reservation]:
    # No joins: a row that another transaction moved is checked by its own columns only.
    return list(Reservation.objects.filter(which).order_by("pk").locked())


def _with_more_seats(situation: Situation, locked: _Locked) -> Situation:
    """The situation with further slots, locked without waiting: seats went since the first read."""
    wider = read(situation.hours, situation.wish, now=situation.now)
    locked.slots |= lock_slots(wider.plan.slot_ids - locked.slots.keys(), wait=False)
    return read(situation.hours, situation.wish, now=situation.now, among=locked.slots)


def _release_holds(situation: Situation, locked: _Locked, closure: Closure) -> Counter[int]:
    """End the holds in closed slots, and those of the people who move; their seats by slot.

    A second dose that is being chosen was offered to suit the first as it was.
    """
    moving = set(situation.person_ids)
    holds = [
        row
        for row in locked.reservations
        if row.status == ReservationStatus.HELD
        and (row.slot_id in situation.closing or row.person_id in moving)
    ]
    ids = [row.pk for row in holds]
    Reservation.objects.filter(pk__in=ids).update(
        status=ReservationStatus.RELEASED, by=closure.by, changed_at=closure.closed_at
    )
    offered = [row.pk for row in holds if row.origin == Origin.OFFER]
    if offered:
        close_offers(offered, OfferStatus.LAPSED, now=closure.closed_at)
    seats: Counter[int] = Counter()
    seats.subtract(row.slot_id for row in holds)
    return seats


def _carry_out(plan: Plan, closure: Closure) -> Counter[int]:
    """Move and cancel as planned; returns the change of seats by slot."""
    moved = [(step.appointment.reservation_id, step.to.slot_id) for step in plan.moved if step.to]
    _move(moved, by=closure.by, now=closure.closed_at)
    cancelled = [step.appointment.reservation_id for step in plan.cancelled]
    Reservation.objects.filter(pk__in=cancelled).update(
        status=ReservationStatus.CANCELLED, by=closure.by, changed_at=closure.closed_at
    )
    affected = AffectedAppointment.objects.bulk_create(
        (
            AffectedAppointment(
                closure=closure,
                reservation_id=step.appointment.reservation_id,
                from_slot_id=step.appointment.slot_id,
                to_slot_id=step.to.slot_id if step.to else None,
                outcome=AffectedOutcome.MOVED if step.to else AffectedOutcome.CANCELLED,
                goes_along=step.goes_along,
            )
            for step in plan.steps
        ),
        batch_size=2000,
    )
    choices = _keep_choices(plan, affected)
    seats = Counter(choice.slot_id for choice in choices)
    for step in plan.steps:
        seats[step.appointment.slot_id] -= 1
        if step.to:
            seats[step.to.slot_id] += 1
    return seats


def _keep_choices(plan: Plan, affected: list[AffectedAppointment]) -> list[ClosureChoice]:
    """Keep further seats for the people who may choose."""
    offers = ClosureOffer.objects.bulk_create(
        (ClosureOffer(affected=row) for row in affected if plan.choices.get(row.reservation_id)),
        batch_size=2000,
    )
    return ClosureChoice.objects.bulk_create(
        (
            ClosureChoice(offer=offer, slot_id=slot.slot_id)
            for offer in offers
            for slot in plan.choices[offer.affected.reservation_id]
        ),
        batch_size=2000,
    )


def _move(moves: list[tuple[int, int]], *, by: str, now: datetime) -> None:
    if not moves:
        return
    ids, slots = zip(*moves, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(MOVE, {"by": by, "now": now, "ids": list(ids), "slots": list(slots)})


def _count_seats(seats: Counter[int], slots: dict[int, Slot], *, restores: bool = False) -> None:
    """Change the counters of locked slots, in the table and in memory."""
    changes = {pk: change for pk, change in seats.items() if change}
    if changes:
        values: dict[str, Any] = {"ids": list(changes), "seats": list(changes.values())}
        values["restores"] = restores
        with connection.cursor() as cursor:
            cursor.execute(COUNT_SEATS, values)
    for pk, change in changes.items():
        slots[pk].booked += change


def _close_slots(situation: Situation, locked: _Locked, closure: Closure) -> None:
    """Take the free seats of the slots, and keep how many there were."""
    shut = ClosedSlot.objects.filter(slot__in=situation.closing, reopened=False)
    already = set(shut.values_list("slot_id", flat=True))
    new = [locked.slots[pk] for pk in sorted(situation.closing - already)]
    ClosedSlot.objects.bulk_create(
        ClosedSlot(closure=closure, slot=slot, capacity=slot.capacity, margin=slot.margin)
        for slot in new
    )
    Slot.objects.filter(pk__in=[slot.pk for slot in new]).update(capacity=F("booked"), margin=0)


def _offer(freed: Iterable[int], slots: dict[int, Slot], now: datetime) -> None:
    for pk in sorted(freed):
        offer_freed(slots[pk], now=now)


@retried_transaction
def take_back(*, closure: Closure, by: str) -> tuple[int, int]:
    """Undo a closure before the people are told; returns how many people it restored, and left.

    People who changed, booked or cancelled something since are left as they are, and those whose
    second dose went along and lost its seat: seats of the closed hours themselves are kept.
    Raises MessagesLeft or NothingToUndo.
    """
    closure, now = _locked_closure(closure)
    if closure.status == ClosureStatus.TOLD:
        raise MessagesLeft
    if closure.status != ClosureStatus.DONE:
        raise NothingToUndo
    affected = list(closure.affected.select_related("reservation"))
    locked = _lock_affected(closure, affected)
    by_person: dict[int, list[AffectedAppointment]] = {}
    for row in affected:
        by_person.setdefault(row.reservation.person_id, []).append(row)
    busy = _changed_since(closure, locked, affected)
    unchanged = [rows for person, rows in by_person.items() if person not in busy]
    restored = _with_seats(closure, unchanged, locked.slots)
    rows = [row for rows in restored for row in rows]
    _reopen(closure)
    choices = _open_choices(closure)
    seats: Counter[int] = Counter()
    seats.subtract(choices.values_list("slot_id", flat=True))
    choices.update(status=ChoiceStatus.GIVEN_BACK)
    for row in rows:
        seats[row.from_slot_id] += 1
        if row.to_slot_id:
            seats[row.to_slot_id] -= 1
    _move([(row.reservation_id, row.from_slot_id) for row in rows], by=by, now=now)
    _count_seats(seats, locked.slots, restores=True)
    AffectedAppointment.objects.filter(pk__in=[row.pk for row in rows]).update(restored=True)
    _end(closure, ClosureStatus.TAKEN_BACK, by, now)
    _offer_free(closure, seats, now)
    return len(restored), len(by_person) - len(restored)


def _with_seats(
    closure: Closure, people: list[list[AffectedAppointment]], slots: dict[int, Slot]
) -> list[list[AffectedAppointment]]:
    """The people whose former seats are all to be had: closed ones, and others still free."""
    own_slots = set(closure.closed_slots.values_list("slot_id", flat=True))
    others = {pk: slot for pk, slot in slots.items() if pk not in own_slots}
    left = {pk: slot.left + slot.visit_left for pk, slot in others.items()}
    fitting = []
    for rows in people:
        needed = [row.from_slot_id for row in rows if row.from_slot_id in left]
        if all(left[pk] >= needed.count(pk) for pk in needed):
            fitting.append(rows)
            for pk in needed:
                left[pk] -= 1
    return fitting


def _open_choices(closure: Closure) -> QuerySet[ClosureChoice]:
    return ClosureChoice.objects.filter(offer__affected__closure=closure, status=ChoiceStatus.OPEN)


def _locked_closure(closure: Closure) -> tuple[Closure, datetime]:
    Clinic.objects.select_for_update(no_key=True).get(pk=closure.clinic_id)
    locked = Closure.objects.select_for_update(of=("self",), no_key=True)
    return locked.get(pk=closure.pk), database_now()


def _lock_affected(closure: Closure, affected: list[AffectedAppointment]) -> _Locked:
    """Lock the people, slots and reservations of a closure, and read the reservations anew."""
    people = {row.reservation.person_id for row in affected}
    lock_people(people)
    to_come = Reservation.objects.filter(person__in=people, status__in=_TO_COME)
    ids = {row.from_slot_id for row in affected} | {
        row.to_slot_id for row in affected if row.to_slot_id
    }
    for chosen in (closure.closed_slots, _open_choices(closure), to_come):
        ids |= set(chosen.values_list("slot_id", flat=True))
    slots = lock_slots(ids)
    rows = list(Reservation.objects.filter(person__in=people).order_by("pk").locked())
    return _Locked(people, slots, rows)


def _changed_since(
    closure: Closure, locked: _Locked, affected: list[AffectedAppointment]
) -> set[int]:
    """The people with any reservation that is not as the closure left it."""
    outcomes = {row.reservation_id: row for row in affected}
    changed: set[int] = set()
    for row in locked.reservations:
        outcome = outcomes.get(row.pk)
        if outcome is None:
            as_left = row.changed_at <= closure.closed_at
        else:
            outcome.reservation = row  # as it is under the lock
            as_left = outcome.stands and row.changed_at == closure.closed_at
        if not as_left:
            changed.add(row.person_id)
    given = Person.objects.filter(
        pk__in=locked.people, outside_doses__recorded_at__gt=closure.closed_at
    )
    return changed | set(given.values_list("pk", flat=True))


@transaction.atomic
def reopen(*, closure: Closure, by: str) -> Closure:
    """Let the hours take bookings again after the people were told; these stay where they are.

    Raises NothingToUndo.
    """
    closure, now = _locked_closure(closure)
    if closure.status != ClosureStatus.TOLD:
        raise NothingToUndo
    lock_slots(closure.closed_slots.values_list("slot_id", flat=True))
    _reopen(closure)
    _end(closure, ClosureStatus.REOPENED, by, now)
    _offer_free(closure, Counter(), now)
    return closure


def _reopen(closure: Closure) -> None:
    """Give the closed slots their seats back; they are locked."""
    # First, or the trigger of slots would take the seats at once.
    closure.closed_slots.update(reopened=True)
    with connection.cursor() as cursor:
        cursor.execute(GIVE_SEATS_BACK, {"closure": closure.pk})


def _end(closure: Closure, status: ClosureStatus, by: str, now: datetime) -> None:
    closure.status, closure.ended_at, closure.ended_by = status, now, by
    closure.save(update_fields=["status", "ended_at", "ended_by"])


def _offer_free(closure: Closure, seats: Counter[int], now: datetime) -> None:
    """Offer what is free now: slots open again, and seats that were given back."""
    ids = set(closure.closed_slots.values_list("slot_id", flat=True))
    ids |= {pk for pk, change in seats.items() if change < 0}
    # Read anew, with the counters of the table.
    slots = Slot.objects.filter(pk__in=ids).select_related("clinic", "vaccine").in_bulk()
    _offer(ids, slots, now)
