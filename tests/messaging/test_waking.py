"""Waking the worker from an event loop."""

import asyncio
import threading

import pytest

from messaging import waking
from messaging.waking import Waker
from tests.booking.test_fast_path import in_a_loop


@pytest.fixture
def woken(monkeypatch) -> list[tuple[int, ...]]:
    calls: list[tuple[int, ...]] = []
    monkeypatch.setattr(waking, "wake_worker", lambda _kind, *ids: calls.append(ids))
    return calls


def test_messages_of_one_moment_wake_the_worker_once(woken):
    async def story() -> None:
        waker = Waker("code")
        for number in (1, 2, 3):
            waker.wake(number)
        await waker.close()
        waker.wake(4)
        await waker.close()

    in_a_loop(story)

    assert woken == [(1, 2, 3), (4,)]


def test_a_message_that_comes_while_the_worker_is_woken_wakes_it_again(woken, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    def slowly(_kind: str, *ids: int) -> None:
        woken.append(ids)
        begun.set()
        go_on.wait(10)

    monkeypatch.setattr(waking, "wake_worker", slowly)

    async def story() -> None:
        waker = Waker("code")
        waker.wake(1)
        await asyncio.to_thread(begun.wait, 10)
        waker.wake(2)
        go_on.set()
        await waker.close()

    in_a_loop(story)

    assert woken == [(1,), (2,)]
