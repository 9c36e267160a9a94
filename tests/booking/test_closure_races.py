"""Closing hours beside others who book, close and mark: races on real connections."""

import threading
from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from booking.exceptions import Refused
from booking.models import AffectedAppointment, Closure, Slot
from booking.services import closures
from booking.services.changes import cancel_reservation
from booking.services.seats import lock_person
from database.clock import database_now
from tests.booking.closures import BY, MOVE, book, close, hours_of, places, seats, slot_at
from tests.concurrency import Underway, at_once
from tests.crowd import admit
from tests.factories import RoomFactory, SlotFactory
from tests.holding import hold_slot as held_by

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("every_invariant_holds"),
]


@pytest.fixture
def slot():
    return SlotFactory()


def test_a_storm_of_bookings_beside_a_closing_loses_and_doubles_nothing():
    """A hundred people move to times that others book; bench/closing.py has 2,000 of them."""
    slot = SlotFactory(capacity=112)
    rows = book(slot, 100)
    targets = [slot_at(slot, days, capacity=36) for days in (1, 2, 3)]
    admissions = admit(RoomFactory(), 24)
    storm = [
        partial(
            held_by,
            person_id=one.ticket.person_id,
            slot_id=[slot, *targets][number % 4].pk,
            admission_id=one.pk,
        )
        for number, one in enumerate(admissions)
    ]
    leaving = [partial(cancel_reservation, reservation=row, by="citizen") for row in rows[:8]]

    outcomes = at_once([partial(close, slot, without=100), *storm, *leaving])

    closure = Closure.objects.get()
    assert outcomes[0] == closure
    broken = [one for one in outcomes if isinstance(one, Exception)]
    assert [one for one in broken if not isinstance(one, Refused)] == []
    assert seats()[slot.pk] == (0, 0, 0)
    listed = {row.reservation_id for row in closure.affected.filter(outcome="cancelled")}
    for row, (status, slot_id) in zip(rows[8:], places(rows[8:]), strict=True):
        assert (status == "confirmed" and slot_id != slot.pk) or row.pk in listed


def test_a_busy_person_who_booked_meanwhile_is_waited_for(slot, monkeypatch):
    """Not planned anew: in a storm there is a busy one every time."""
    [row] = book(slot, 1)
    slot_at(slot, 1)
    plans, read = [], closures.read
    monkeypatch.setattr(closures, "read", lambda *args, **kw: plans.append(1) or read(*args, **kw))
    is_locked, may_end = threading.Event(), threading.Event()

    @transaction.atomic
    def keep_busy(person_id):
        lock_person(person_id)
        is_locked.set()
        assert may_end.wait(30)

    with transaction.atomic():
        lock_person(row.person_id)
        closing = Underway(partial(close, slot))
        assert closing.waits()  # for the first person, after its plan
        [late] = Underway(partial(book, slot, 1)).result()
        busy = Underway(partial(keep_busy, late.person_id))
        assert is_locked.wait(30)
    assert closing.waits()
    may_end.set()
    busy.result()

    assert closing.result().affected.count() == 2
    assert len(plans) == 2  # before the locks, and under them


def test_two_who_close_the_same_hours_close_them_once(slot):
    rows = book(slot, 4)
    slot_at(slot, 1)

    outcomes = at_once([partial(close, slot) for _number in range(3)])

    assert sorted(type(one).__name__ for one in outcomes) == [
        "Closure",
        "NothingToClose",
        "NothingToClose",
    ]
    assert AffectedAppointment.objects.count() == len(rows)


def careless_close(slot: Slot, plan) -> None:
    """The twin that takes the seats of a plan made before any lock."""
    now = database_now()
    with transaction.atomic():
        closure = Closure.objects.create(
            clinic=slot.clinic,
            starts_at=slot.starts_at,
            ends_at=slot.starts_at + timedelta(hours=1),
            mode=MOVE.mode,
            reason="other",
            closed_at=now,
            tells_at=now,
            by=BY,
        )
        taken = closures._carry_out(plan, closure)
        closures._count_seats(taken, {pk: Slot(pk=pk) for pk in taken})


def test_a_closing_that_plans_before_it_locks_would_overbook(slot):
    rows = book(slot, 2)
    target = slot_at(slot, 1, capacity=2)
    plan = closures.preview(hours=hours_of(slot), wish=MOVE).plan
    book(target, 1)

    with pytest.raises(IntegrityError, match="slot_never_overbooked"):
        careless_close(slot, plan)

    close(slot, without=1)
    assert sorted(status for status, _slot in places(rows)) == ["cancelled", "confirmed"]
