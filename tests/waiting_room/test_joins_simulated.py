"""The batching of joins under a deterministic scheduler: every order of what can happen at once.

Time is virtual, packets are split, waiters are cancelled, and the database fails in the middle
(detangle). A run that fails prints its seed and a token; `DETANGLE_REPLAY=TOKEN` repeats it, and
`DETANGLE_RUNS=20000` looks longer.
"""

import asyncio
import contextlib
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import detangle
import pytest
from django.db import OperationalError

from tests.waiting_room.simulated_database import FAULTS, Database, Link
from waiting_room import batched_joins
from waiting_room.batched_joins import JoinBatcher

BATCH = 3
# More virtual seconds than all batches of a run can take one after another.
LIMIT = 1000
PEOPLE = range(1, 7)
REFUSED = frozenset({6})
GENERATIONS = {5: 1}  # person 5 signed out everywhere once


class Writer(asyncio.StreamWriter):
    def __del__(self) -> None:
        """No warning: a run that fails leaves its connections open."""


@pytest.fixture(autouse=True)
def _in_the_simulation(monkeypatch):
    monkeypatch.setattr("asyncio.streams.StreamWriter", Writer)
    monkeypatch.setattr(batched_joins, "connect", Link.connect)
    monkeypatch.setattr(batched_joins, "BATCH_SIZE", BATCH)
    # Seeded for each run, so that a run can be repeated with the same ids.
    monkeypatch.setattr("os.urandom", random.randbytes)


UNASKED = object()  # the outcome of a waiter that was gone before it asked


@dataclass(eq=False)
class Waiter:
    """One request to join, and what it was told."""

    room: int
    person: int
    generation: int
    outcome: Any = UNASKED

    async def join(self, batcher: JoinBatcher, after: float, arrivals: list["Waiter"]) -> None:
        await asyncio.sleep(after)
        arrivals.append(self)
        try:
            self.outcome = await batcher.join(self.room, self.person, (self.generation, 0))
        except (OperationalError, asyncio.CancelledError) as error:
            self.outcome = error


async def a_minute_of_joins(kind: type[JoinBatcher], faults: list[str]) -> None:
    """Some people join at their times; some go away meanwhile; afterwards all of them come back."""
    database = Database(faults=faults, refused=REFUSED, generations=GENERATIONS)
    serving = detangle.spawn(database.listen(), host="database")
    await asyncio.sleep(0.1)
    batcher, arrivals = kind(), []
    waiters = [
        Waiter(detangle.choice([1, 2]), detangle.choice(PEOPLE), detangle.choice([0, 0, 1]))
        for _ in range(detangle.randint(1, 9))
    ]
    cancelled = set()
    tasks = []
    for waiter in waiters:
        after = detangle.choice([0, 0, 0, 0.001, 0.01, 5])
        tasks.append(detangle.spawn(waiter.join(batcher, after, arrivals)))
        if detangle.flip(0.3):
            cancelled.add(waiter)
            leaving = after + detangle.choice([0, 0.0005, 0.002, 0.01, 1, 16])
            asyncio.get_running_loop().call_later(leaving, tasks[-1].cancel)
    _done, hanging = await asyncio.wait(tasks, timeout=LIMIT)

    assert not hanging, "a waiter was never answered"
    for waiter in waiters:
        check_outcome(waiter, waiters, database, is_cancelled=waiter in cancelled)
    if not database.harm:
        check_order(arrivals, database)
    await check_coming_back(kind, database, waiters)
    for people in database.statements:
        assert len(people) <= BATCH
        assert len(set(people)) == len(people)
    if batcher._writes:  # for waiters that are all gone
        await asyncio.wait({batcher._writes})
    await batcher.close()
    await asyncio.sleep(2 * 3600)  # until what hung is over
    assert database.connections == 0, "a connection was left open"
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


def check_outcome(
    waiter: Waiter, waiters: list[Waiter], database: Database, *, is_cancelled: bool
) -> None:
    outcome = waiter.outcome
    if isinstance(outcome, str):
        assert outcome == database.tickets[waiter.room, waiter.person][0], "another's answer"
        assert database.may_join(waiter.person, waiter.generation)
    elif isinstance(outcome, OperationalError):
        assert database.harm, "an error without any reason"
    elif outcome is UNASKED or isinstance(outcome, asyncio.CancelledError):
        assert is_cancelled, "a waiter who stayed was cancelled"
    else:
        newer = any(
            (other.room, other.person) == (waiter.room, waiter.person)
            and other.generation > waiter.generation
            for other in waiters
        )
        may_join = database.may_join(waiter.person, waiter.generation)
        assert outcome is None
        assert not may_join or newer, "no ticket, without any reason"


def check_order(arrivals: list[Waiter], database: Database) -> None:
    """Where nothing went wrong, entries rise with the arrivals of those who asked once."""
    asked = Counter((waiter.room, waiter.person) for waiter in arrivals)
    for room in (1, 2):
        entries = [
            database.tickets[room, waiter.person][1]
            for waiter in arrivals
            if waiter.room == room
            and asked[room, waiter.person] == 1
            and (room, waiter.person) in database.tickets
        ]
        assert entries == sorted(entries), "somebody went past another"


async def check_coming_back(
    kind: type[JoinBatcher], database: Database, waiters: list[Waiter]
) -> None:
    """A healthy database answers everybody with the ticket that they were told before."""
    before, database.faults = dict(database.tickets), ["none"]
    told = {
        (waiter.room, waiter.person): waiter.outcome
        for waiter in waiters
        if isinstance(waiter.outcome, str)
    }
    batcher = kind()
    again = [Waiter(room, person, 1) for room in (1, 2) for person in PEOPLE]
    joins = [waiter.join(batcher, 0, []) for waiter in again]
    await asyncio.wait_for(asyncio.gather(*joins), LIMIT)
    await batcher.close()
    for waiter in again:
        key = waiter.room, waiter.person
        assert isinstance(waiter.outcome, str) == (waiter.person not in REFUSED)
        assert waiter.outcome == told.get(key, waiter.outcome), "a place was lost"
    for key, ticket in before.items():
        assert database.tickets[key] == ticket, "a place was lost"
    numbers = [(room, entry) for (room, _person), (_id, entry) in database.tickets.items()]
    assert len(set(numbers)) == len(numbers), "a place was given twice"


def explore(kind: type[JoinBatcher], *, faults: list[str] = FAULTS, **options: Any) -> Any:
    async def run() -> None:
        await a_minute_of_joins(kind, faults)

    network = {"fragment": 0.4, "latency": (0.0005, 0.02)}
    options = {"runs": 300, "database": False, "net": network, "timer_jitter": 0.02, **options}
    return detangle.explore(run, name=f"joins by {kind.__name__}", **options)


@pytest.mark.parametrize("faults", [["none"], FAULTS], ids=["healthy", "failing"])
def test_each_waiter_gets_their_own_answer_or_an_error_to_retry(faults):
    found = explore(JoinBatcher, faults=faults)

    assert found.runs == 300
    assert found.distinct_schedules > 150


# Batching as it should not be: each must be found, else the test above proves nothing.


class DropsANeighbour(JoinBatcher):
    """Forgets who stood behind a waiter that was cancelled."""

    async def _settle(self, batch):
        others = zip([None, *batch], batch, strict=False)
        kept = [join for before, join in others if not (before and before[2].cancelled())]
        await super()._settle(kept)


class AnswersANeighbour(JoinBatcher):
    """Gives out the answers in another order than asked."""

    async def _execute(self, link, room_id, people):
        tickets = await super()._execute(link, room_id, people)
        values = list(tickets.values())
        return dict(zip(tickets, values[1:] + values[:1], strict=True))


class AnswersTheCancelled(JoinBatcher):
    """Does not look whether a waiter is still there."""

    async def _settle(self, batch):
        for _room, _member, ticket_id in batch:
            if ticket_id.cancelled():
                ticket_id.set_result(None)
        await super()._settle(batch)


class ForgetsTheQueue(JoinBatcher):
    """After an error those who wait for the next statement are never answered."""

    async def close(self):
        self._waiting.clear()
        await super().close()


class TakesEverybody(JoinBatcher):
    """Knows no bound."""

    def _take(self):
        room_id = self._waiting[0][0]
        batch = [join for join in self._waiting if join[0] == room_id]
        for join in batch:
            self._waiting.remove(join)
        return batch


class MixesRooms(JoinBatcher):
    """Writes whoever waits into the room of the first."""

    def _take(self):
        return [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]


class TakesTheLastFirst(JoinBatcher):
    """Lets those who came last go first."""

    def _take(self):
        batch = super()._take()
        return batch[::-1]


class LeaksConnections(JoinBatcher):
    """Leaves a broken connection open."""

    async def close(self):
        self._connection = None


class BelievesAnOldCookie(JoinBatcher):
    """Checks only the newest cookie of a person, and answers the old one too."""

    async def _settle(self, batch):
        newest = {}
        for _room, (person, generation), _ticket in batch:
            newest[person] = max(generation, newest.get(person, 0))
        await super()._settle(
            [(room, (person, newest[person]), ticket) for room, (person, _), ticket in batch]
        )


@pytest.mark.parametrize(
    "kind",
    [
        DropsANeighbour, AnswersANeighbour, AnswersTheCancelled, ForgetsTheQueue, TakesEverybody,
        MixesRooms, TakesTheLastFirst, LeaksConnections, BelievesAnOldCookie,
    ],
)  # fmt: skip
def test_a_fault_put_in_on_purpose_is_found(kind):
    with pytest.raises(detangle.BugFound) as found:
        explore(kind, runs=3000, strategy="random", seed=7, shrink=False)

    assert "random(seed=7)" in str(found.value)


def test_a_batch_without_patience_is_found(monkeypatch):
    monkeypatch.setattr(batched_joins, "PATIENCE_SECONDS", 10**6)

    with pytest.raises(detangle.BugFound, match="never answered"):
        explore(JoinBatcher, runs=3000, seed=7, shrink=False)


def test_a_run_that_failed_is_repeated_by_its_token():
    with pytest.raises(detangle.BugFound) as first:
        explore(AnswersANeighbour, runs=3000, seed=7)

    report = first.value.report
    with pytest.raises(detangle.BugFound) as again:
        explore(AnswersANeighbour, replay=report.token)
    assert again.value.report.failure.headline() == report.failure.headline()
