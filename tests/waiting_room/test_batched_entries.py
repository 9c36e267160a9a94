"""Entries that share a statement, on real connections; by waiting_room_enter itself."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import pytest
from django.db import connection, transaction
from django.utils import timezone

from eligibility.models import Cohort
from tests.concurrency import at_once
from tests.waiting_room.scene import call, called, join, make_room, run_out
from waiting_room import batched_entries
from waiting_room.batched_entries import EntryBatcher
from waiting_room.exceptions import AtTheDoor
from waiting_room.models import Admission, DoorWait, Line, Room, Ticket
from waiting_room.services import entering, joining, rooms

T = TypeVar("T")
pytestmark = pytest.mark.django_db(transaction=True)


def in_a_loop(ask: Callable[[EntryBatcher], Coroutine[Any, Any, T]]) -> T:
    """What `ask` gives in an event loop of its own, as of one web process."""

    async def run() -> T:
        batcher = EntryBatcher()
        try:
            return await ask(batcher)
        finally:
            await batcher.close()

    # In a thread of its own: Playwright's event loop may run in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(run())).result()


def let_in(tickets: Sequence[Ticket]) -> list[bool]:
    """All of them at once; whether each is inside."""
    asked = [(ticket.room_id, ticket.pk, ticket.place) for ticket in tickets]

    async def ask(batcher: EntryBatcher) -> list[bool]:
        return list(await asyncio.gather(*[batcher.enter(*each) for each in asked]))

    return in_a_loop(ask)


def queued(count: int, **more: Any) -> tuple[Room, list[Ticket]]:
    """A room and its first tickets, all called."""
    room = make_room(**more)
    tickets = [join(room) for _ in range(count)]
    return call(room, count), tickets


def inside(room: Room) -> list[int]:
    live = Admission.objects.filter(room=room, ended_at=None)
    return sorted(live.values_list("place", flat=True))


@pytest.fixture
def statements(monkeypatch) -> list[list[int]]:
    """The places of each statement."""
    asked, found = batched_entries.entry, []

    def entry(room_id: int, places: dict[Any, int]) -> dict[str, Any]:
        found.append(list(places.values()))
        return asked(room_id, places)

    monkeypatch.setattr(batched_entries, "entry", entry)
    return found


def test_those_who_come_together_share_a_statement_and_a_commit(statements):
    room, tickets = queued(20)

    assert let_in(tickets) == [True] * 20
    assert statements == [list(range(1, 21))]
    assert inside(room) == list(range(1, 21))
    line = Line.objects.get(pk=room.pk)
    assert (line.active, line.entered) == (20, 20)


def test_those_who_come_while_it_commits_share_the_next(statements):
    room, tickets = queued(6)
    asked = [(room.pk, ticket.pk, ticket.place) for ticket in tickets]

    async def ask(batcher: EntryBatcher) -> list[bool]:
        entries = [asyncio.ensure_future(batcher.enter(*asked[0]))]
        await asyncio.sleep(0)  # the first statement is sent
        entries += [asyncio.ensure_future(batcher.enter(*each)) for each in asked[1:]]
        return list(await asyncio.gather(*entries))

    assert in_a_loop(ask) == [True] * 6
    assert statements == [[1], [2, 3, 4, 5, 6]]


def test_of_more_than_the_room_takes_the_lowest_places_enter():
    room, tickets = queued(8, max_active=3)

    outcomes = let_in([tickets[place - 1] for place in (7, 2, 8, 5, 1, 4)])

    assert outcomes == [False, True, False, False, True, True]
    assert inside(room) == [1, 2, 4]
    assert not DoorWait.objects.exists()  # their pages knock


def test_web_processes_let_in_no_more_than_the_room_takes():
    room, tickets = queued(24, max_active=5)

    outcomes = at_once([partial(let_in, tickets[number::4]) for number in range(4)])

    assert sum(sum(each) for each in outcomes) == 5
    assert len(inside(room)) == Line.objects.get(pk=room.pk).active == 5


def test_several_rooms_are_entered_side_by_side():
    some = [queued(2)[1] for _room in range(3)]

    assert let_in([ticket for tickets in some for ticket in tickets]) == [True] * 6
    assert Admission.objects.count() == 6


def test_a_ticket_that_comes_twice_at_once_has_one_admission_and_two_answers(statements):
    _room, [ticket] = queued(1)

    assert let_in([ticket] * 3) == [True] * 3
    assert statements == [[1]]
    assert let_in([ticket]) == [True]
    assert Admission.objects.count() == 1


def test_who_goes_away_holds_up_nobody():
    room, [ticket, other] = queued(2)

    async def ask(batcher: EntryBatcher) -> list[Any]:
        asked = [ticket, ticket, other]
        entries = [
            asyncio.ensure_future(batcher.enter(room.pk, each.pk, each.place)) for each in asked
        ]
        await asyncio.sleep(0)
        entries[0].cancel()
        return list(await asyncio.gather(*entries, return_exceptions=True))

    gone, *here = in_a_loop(ask)

    assert isinstance(gone, asyncio.CancelledError)
    assert here == [True, True]


def test_a_failure_leaves_everybody_to_their_pages_and_the_next_are_let_in(monkeypatch):
    room, tickets = queued(3)
    enter = batched_entries.ENTER

    async def ask(batcher: EntryBatcher) -> list[list[bool]]:
        answers = []
        for sql in ("SELECT broken", enter):
            monkeypatch.setattr(batched_entries, "ENTER", sql)
            asked = [batcher.enter(room.pk, each.pk, each.place) for each in tickets]
            answers.append(list(await asyncio.gather(*asked)))
        return answers

    assert in_a_loop(ask) == [[False] * 3, [True] * 3]


def test_an_error_nobody_thought_of_is_logged_and_nobody_waits_for_ever(monkeypatch, caplog):
    room, tickets = queued(2)
    monkeypatch.setattr(batched_entries, "entry", lambda *_of: {}["unheard of"])

    assert let_in(tickets) == [False, False]
    assert "a batch of entries failed" in caplog.text
    assert inside(room) == []


def test_a_line_that_stays_locked_is_given_up(monkeypatch):
    room, tickets = queued(1)
    monkeypatch.setattr("database.links.PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr("database.links.LOOK_SECONDS", 0.02)

    with transaction.atomic():
        entering.locked_line(room.pk)
        assert let_in(tickets) == [False]
    assert inside(room) == []


def full(room: Room, ticket: Ticket) -> None:
    rooms.set_pace(room=room, max_active=1, max_per_minute=60, by="staff:1")
    entering.enter(ticket=called(room))


def at_the_door(room: Room, ticket: Ticket) -> None:
    """There is a place, and somebody with a lower number knocks."""
    before = Ticket.objects.get(room=room, entry=1)
    DoorWait.objects.create(ticket=before, room=room, place=1, at=timezone.now())


def has_knocked(room: Room, ticket: Ticket) -> None:
    long_ago = timezone.now() - timedelta(minutes=1)
    DoorWait.objects.create(ticket=ticket, room=room, place=ticket.place, at=long_ago)


def over(room: Room, ticket: Ticket) -> None:
    Cohort.objects.filter(pk=room.cohort_id).update(closes_at=timezone.now())


RARE: dict[str, Callable[[Room, Ticket], Any]] = {
    "full": full,
    "another at the door": at_the_door,
    "at the door itself": has_knocked,
    "closed": lambda room, _ticket: rooms.close_room(room=room, by="staff:1"),
    "over": over,
    "left": lambda _room, ticket: joining.leave_line(ticket=ticket),
    "under review": lambda _room, ticket: Ticket.objects.filter(pk=ticket.pk).update(
        provisional=True
    ),
    "its time ran out": lambda _room, ticket: run_out(entering.enter(ticket=ticket)),
}


@pytest.mark.parametrize("why", RARE)
def test_what_is_rare_is_left_to_the_careful_path_and_nothing_is_changed(why):
    room, [_first, ticket] = queued(2)
    RARE[why](room, ticket)
    before = everything()

    assert let_in([ticket]) == [False]
    assert everything() == before


def test_nobody_is_let_in_before_being_called_or_into_another_room():
    room = make_room()
    ticket, called_elsewhere = join(room), called(make_room())
    before = everything()

    async def ask(batcher: EntryBatcher) -> list[bool]:
        asked = [(ticket.pk, ticket.place), (called_elsewhere.pk, 1)]
        return [await batcher.enter(room.pk, *each) for each in asked]

    assert let_in([ticket]) == [False]
    call(room, 1)
    assert in_a_loop(ask) == [True, False]
    assert everything() != before
    assert not Admission.objects.filter(ticket=called_elsewhere).exists()


def everything() -> list[list[dict[str, Any]]]:
    models = (Admission, DoorWait, Line, Ticket)
    return [list(model.objects.order_by("pk").values()) for model in models]


def test_behind_somebody_at_the_door_there_is_room_for_lower_places():
    room, tickets = queued(4, max_active=1)
    entering.enter(ticket=tickets[3])
    with pytest.raises(AtTheDoor):
        entering.enter(ticket=tickets[1])
    rooms.set_pace(room=room, max_active=4, max_per_minute=60, by="staff:1")

    assert let_in(tickets) == [True, False, False, True]
    assert entering.enter(ticket=tickets[1]).place == 2


@pytest.mark.parametrize("path", ["_enter_at_once", "_enter_carefully"])
def test_both_paths_write_the_same_row(path, clock):
    clock.freeze()
    room = make_room()
    tickets = [join(room) for _ in range(3)]
    for place in (1, 3):  # two calls: the second is the ticket's
        clock.forward(seconds=10)
        room = call(room, place)
    clock.forward(seconds=10)

    admission = getattr(entering, path)(ticket=tickets[1])

    row = Admission.objects.values().get()
    assert row == {name: getattr(admission, name) for name in row}
    now = timezone.now()
    assert row | {"id": 0} == {
        "id": 0, "ticket_id": tickets[1].pk, "room_id": room.pk, "place": 2,
        "called_at": now - timedelta(seconds=10), "entered_at": now,
        "expires_at": now + entering.ADMISSION_LIFETIME, "extensions": 0, "ended_at": None,
        "ending": "",
    }  # fmt: skip


def test_an_ordinary_entry_is_one_statement(django_assert_num_queries):
    ticket = called(make_room())

    with django_assert_num_queries(1):
        entering.enter(ticket=ticket)


def test_the_time_inside_begins_when_the_lock_is_had():
    """However long it was waited for: who waited has all of the fifteen minutes."""
    room, [ticket] = queued(1)

    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            entering.locked_line(room.pk)
            waiting = thread.submit(let_in, [ticket])
            while not is_waited_for():
                pass
            with connection.cursor() as cursor:
                cursor.execute("SELECT clock_timestamp()")
                [freed_at] = cursor.fetchone()
        assert waiting.result(30) == [True]

    assert Admission.objects.get().entered_at >= freed_at


def is_waited_for() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return cursor.fetchone()[0]
