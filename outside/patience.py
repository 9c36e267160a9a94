"""Asking somebody outside for so long and no longer, by threads that make no page."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

from circuitbreaker import CircuitBreaker

REST_SECONDS = 15
# A part that hangs holds so many threads of this process, and so many pages wait for it.
THREADS, PAGES = 8, 2

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
        self._lock, self._asking = threading.Lock(), 0
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=name)

    def ask(self, call: Callable[[], T], *, seconds: float, most: int = PAGES) -> T:
        """What `call` answers or raises; TookTooLong after so many seconds in all, or where `most`
        calls are under way.

        A time limit for sockets counts from one byte to the next: whoever sends a byte now and
        then could hold a page for ever.
        """
        if self.breaker.opened:
            raise TookTooLong("It did not answer just now.")
        with self._lock:
            if self._asking >= most:
                raise TookTooLong("Others wait for it already.")
            self._asking += 1
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
            with self._lock:
                self._asking -= 1


def part(name: str) -> Part:
    """The part of this name; each process has its own, for threads do not survive a fork."""
    return _part(name, os.getpid())


@lru_cache(maxsize=64)
def _part(name: str, _process: int) -> Part:
    return Part(name)
