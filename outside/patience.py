"""Asking somebody outside for so long and no longer, by threads that make no page."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

from circuitbreaker import CircuitBreaker

REST_SECONDS = 15
THREADS = 2  # a part that hangs holds so many of this process, and as many pages wait for it

T = TypeVar("T")


class TookTooLong(Exception):
    """No answer in time, or none expected: it rests, or all that may wait for it do."""


class Part:
    """One provider or gateway, as this process sees it."""

    def __init__(self, name: str) -> None:
        self.breaker = CircuitBreaker(
            failure_threshold=2,
            recovery_timeout=REST_SECONDS,
            expected_exception=TookTooLong,
            name=name,
        )
        self._places = threading.BoundedSemaphore(THREADS)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=name)

    def ask(self, call: Callable[[], T], *, seconds: float) -> T:
        """What `call` answers or raises; TookTooLong after so many seconds in all.

        A time limit for sockets counts from one byte to the next: whoever sends a byte now and
        then could hold a page for ever.
        """
        if self.breaker.opened:
            raise TookTooLong("It did not answer just now.")
        if not self._places.acquire(blocking=False):
            raise TookTooLong("Others wait for it already.")
        future = self._threads.submit(self._run, call)
        with self.breaker:
            try:
                return future.result(timeout=seconds)
            except TimeoutError:
                if future.done():  # its own, not ours
                    raise
                raise TookTooLong(f"No answer within {seconds} s.") from None

    def _run(self, call: Callable[[], T]) -> T:
        try:
            return call()
        finally:
            self._places.release()


def part(name: str) -> Part:
    """The part of this name; each process has its own, for threads do not survive a fork."""
    return _part(name, os.getpid())


@lru_cache(maxsize=64)
def _part(name: str, _process: int) -> Part:
    return Part(name)
