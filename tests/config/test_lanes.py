"""Who gets a thread next, and what one address may have of it."""

import asyncio
import heapq
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from config.connections import fair_share
from config.lanes import LATE, SOON, Lane, Lanes, Refusals, Share, Threads
from config.refusals import Refused


def run(story: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """In a thread of its own: Playwright's event loop may run in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(story())).result()


def queue_of(lane: Lane, order: list[str], asked: list[str]) -> tuple[threading.Event, list]:
    """A lane of one thread that is held, and those who wait for it in the order they came."""
    held = threading.Event()
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(lane.run("holder", held.wait))]
    for address in asked:
        tasks.append(loop.create_task(lane.run(address, lambda it=address: order.append(it))))
    return held, tasks


def test_addresses_are_served_in_turn_however_many_requests_one_of_them_sends():
    order: list[str] = []

    async def story() -> None:
        lane = Lane(1, waiting=100, name="test")
        held, tasks = queue_of(lane, order, ["a", "a", "a", "a", "b", "c", "b"])
        await asyncio.sleep(0)
        held.set()
        await asyncio.gather(*tasks)

    run(story)

    assert order == ["a", "b", "c", "a", "b", "a", "a"]


def test_of_a_full_queue_the_address_with_most_in_it_loses_its_newest():
    order: list[str] = []

    async def story() -> list[Any]:
        lane = Lane(1, waiting=4, name="test")
        held, tasks = queue_of(lane, order, ["a", "a", "a", "a", "b", "a"])
        await asyncio.sleep(0)
        held.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = run(story)

    assert order == ["a", "b", "a", "a"]
    assert [isinstance(one, Refused) for one in outcomes[1:]] == [False] * 3 + [True, False, True]


def test_whoever_goes_away_while_waiting_takes_no_thread_with_it():
    order: list[str] = []

    async def story() -> None:
        lane = Lane(1, waiting=4, name="test")
        held, tasks = queue_of(lane, order, ["a", "b"])
        await asyncio.sleep(0)
        tasks[1].cancel()
        held.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        await lane.run("c", lambda: order.append("c"))

    run(story)

    assert order == ["b", "c"]


def test_a_share_is_bounded_for_each_and_in_all_and_given_back():
    share = Share(each=1, all=2)

    with share.of("a"), share.of("b"):
        for address in ("a", "c"):
            with pytest.raises(Refused), share.of(address):
                pass

    with share.of("a"), share.of("c"):
        pass


@pytest.mark.parametrize(
    ("counts", "share"),
    [([10, 3], 100), ([900, 3], 100), ([90, 90, 90, 3], 50), ([500] * 20, 6), ([1] * 500, 1)],
)
def test_few_addresses_cannot_take_the_connections_of_all(counts: list[int], share: int):
    assert fair_share(counts, each=100, together=200) == share


@pytest.mark.parametrize("seed", range(5))
def test_of_a_full_queue_all_addresses_keep_equally_many(seed: int):
    asked = random.Random(seed).choices("aaaabbcdef", k=300)  # noqa: S311
    order: list[str] = []

    async def story() -> list[Any]:
        lane = Lane(1, waiting=20, name="test")
        held, tasks = queue_of(lane, order, asked)
        await asyncio.sleep(0)
        held.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = run(story)

    kept = Counter(order)
    assert sum(kept.values()) == 20
    assert sum(isinstance(outcome, Refused) for outcome in outcomes) == len(asked) - 20
    assert max(kept.values()) - min(kept.values()) <= 1


def test_who_is_on_the_way_does_not_wait_behind_those_who_arrive():
    order: list[str] = []

    async def story() -> None:
        lanes = Lanes(Threads(pages=1, arrivals=1), waiting=3)
        held, tasks = queue_of(lanes.of("/identity/"), order, ["a", "b", "c"])
        await asyncio.sleep(0)

        with pytest.raises(Refused):
            lanes.of("/identity/").refuse_if_full("d")
        await lanes.of("/identity/code/").run("e", lambda: order.append("e"))
        held.set()
        await asyncio.gather(*tasks)
        lanes.of("/identity/").refuse_if_full("d")

    run(story)

    assert order == ["e", "a", "b", "c"]


def test_a_queue_is_full_when_its_end_would_wait_too_long(monkeypatch):
    monkeypatch.setattr("config.lanes.MOST_SECONDS", 0.5)
    outcomes: list[Any] = []

    async def story() -> None:
        lane = Lane(1, waiting=1_000, name="test")
        for _request in range(20):
            await lane.run("a", partial(time.sleep, 0.05))
        held = threading.Event()
        tasks = [asyncio.create_task(lane.run(f"{n}", held.wait)) for n in range(40)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        held.set()
        outcomes.extend(await asyncio.gather(*tasks, return_exceptions=True))

    run(story)

    refused = [isinstance(outcome, Refused) for outcome in outcomes]
    # One with a thread, and at least twenty who wait.
    assert 21 <= refused.index(True) < 40
    assert all(refused[refused.index(True) :])


def test_who_waits_too_long_is_told_to_come_again_and_nobody_works_for_them(monkeypatch):
    monkeypatch.setattr("config.lanes.LONGEST_SECONDS", 0.2)
    order: list[str] = []

    async def story() -> list[Any]:
        lane = Lane(1, waiting=100, name="test")
        held, tasks = queue_of(lane, order, ["a", "b", "a"])
        gone = await asyncio.gather(*tasks[1:], return_exceptions=True)
        late = asyncio.create_task(lane.run("c", lambda: order.append("c")))
        await asyncio.sleep(0)
        held.set()
        await asyncio.gather(tasks[0], late)
        return gone

    gone = run(story)

    assert [isinstance(each, Refused) for each in gone] == [True] * 3
    assert order == ["c"]


def test_who_arrives_waits_for_those_who_are_on_their_way(monkeypatch):
    monkeypatch.setattr("config.lanes.AFTER_SECONDS", 60)
    order: list[str] = []

    async def story() -> None:
        lanes = Lanes(Threads(pages=1, arrivals=1), waiting=100)
        held, tasks = queue_of(lanes.of("/identity/code/"), order, ["b", "c", "d"])
        await asyncio.sleep(0)
        late = asyncio.create_task(lanes.of("/identity/").run("a", lambda: order.append("a")))
        await asyncio.sleep(0.2)
        assert order == []
        held.set()
        await asyncio.gather(*tasks, late)

    run(story)

    # With "c" nobody waits without a thread any more, so that "a" may come before it.
    assert order[0] == "b"
    assert sorted(order) == ["a", "b", "c", "d"]


def test_nobody_arrives_never(monkeypatch):
    monkeypatch.setattr("config.lanes.AFTER_SECONDS", 0.2)
    order: list[str] = []

    async def story() -> None:
        lanes = Lanes(Threads(pages=1, arrivals=1), waiting=100)
        held, tasks = queue_of(lanes.of("/identity/code/"), order, ["b", "c"])
        await asyncio.sleep(0)
        await lanes.of("/identity/").run("a", lambda: order.append("a"))
        held.set()
        await asyncio.gather(*tasks)

    run(story)

    assert order == ["a", "b", "c"]


def test_a_crowd_that_comes_first_does_not_find_room_for_a_thousand():
    async def story() -> list[Any]:
        lane = Lane(1, waiting=1_000, name="test")
        held = threading.Event()
        tasks = [asyncio.create_task(lane.run(f"{n}", held.wait)) for n in range(300)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        held.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = run(story)

    assert 90 <= sum(not isinstance(outcome, Refused) for outcome in outcomes) <= 110


def told(people: int, *, each: float, seconds: int = 120) -> tuple[float, float]:
    """What the last ones are told who were refused and come again when told; and how many come a
    second then. `each` is what a page takes the lane."""
    rng = random.Random(7)  # noqa: S311  (no secret)
    refusals, now = Refusals(), 1_000.0
    coming = sorted(now + rng.uniform(0, 2) for _ in range(people))
    said, came = 0.0, 0
    while coming[0] < now + seconds:
        at = heapq.heappop(coming)
        said = refusals.next(at, each=each)
        came += at > now + seconds - 10
        heapq.heappush(coming, at + said * rng.uniform(0.9, 1.1))
    return said, came / 10


def test_few_who_are_refused_come_again_soon():
    said, _came = told(20, each=0.05)

    assert SOON <= said <= 1.25 * SOON + 1


def test_a_crowd_that_is_refused_is_told_to_come_when_the_others_are_through():
    said, came = told(600, each=0.05)

    assert 0.7 * 30 <= said <= 1.5 * 30
    assert 0.5 * 20 <= came <= 1.6 * 20


def test_nobody_is_told_to_wait_for_much_longer_than_a_minute():
    said, came = told(6_500, each=0.1)

    assert LATE <= said <= 1.25 * LATE + 1
    assert came <= 1.3 * 6_500 / LATE
