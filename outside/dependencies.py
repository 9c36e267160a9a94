"""Calls to a dependency with a total timeout, a limit of concurrent calls and a circuit breaker."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

from circuitbreaker import CircuitBreaker

REST_SECONDS = 15  # of an open circuit breaker
# Threads of this process per dependency, and pages that may wait for it at once.
THREADS, PAGES = 8, 2

T = TypeVar("T")


class TookTooLong(Exception):
    """No answer in time, the circuit breaker is open, or too many calls are under way."""


class Dependency:
    """One provider or gateway, with the state of this process."""

    def __init__(self, name: str) -> None:
        self.breaker = CircuitBreaker(
            failure_threshold=2,
            recovery_timeout=REST_SECONDS,
            expected_exception=TookTooLong,
            name=name,
        )
        self._lock, self._under_way = threading.Lock(), 0
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=name)

    def call(
        self,
        call: Callable[[], T],
        *,
        seconds: float,
        most: int = PAGES,
        timeouts: tuple[type[Exception], ...] = (),
    ) -> T:
        """Return or raise what `call` does; raises TookTooLong.

        `seconds` is the total timeout, `most` the number of concurrent calls. A socket's timeout
        would not do: it starts anew with each byte, so a slow sender could hold a page for ever.
        But it may come a moment sooner: it counts as ours, and so do `timeouts`, which are those
        that the call's library raises.
        """
        silences: tuple[type[Exception], ...] = (TimeoutError, *timeouts)
        if self.breaker.opened:
            raise TookTooLong("It did not answer just now.")
        with self._lock:
            if self._under_way >= most:
                raise TookTooLong("Others wait for it already.")
            self._under_way += 1
        future = self._threads.submit(self._run, call)
        with self.breaker:
            try:
                return future.result(timeout=seconds)
            except silences:
                # The thread goes on until the call ends, and counts as under way until then.
                raise TookTooLong(f"No answer within {seconds} s.") from None

    def _run(self, call: Callable[[], T]) -> T:
        try:
            return call()
        finally:
            with self._lock:
                self._under_way -= 1


def dependency(name: str) -> Dependency:
    """The dependency of this name; one per process, because threads do not survive a fork."""
    return _dependency(name, os.getpid())


@lru_cache(maxsize=64)
def _dependency(name: str, _process: int) -> Dependency:
    return Dependency(name)
