"""Background threads of a web process, for calls that no page waits for."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

T = TypeVar("T")


class Background:
    """A thread pool with a bounded queue."""

    def __init__(self, name: str, *, threads: int, most: int) -> None:
        self._name, self._count = name, threads
        self._permits = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._pool: tuple[int, ThreadPoolExecutor] | None = None

    def begin(self, call: Callable[[], T]) -> Future[T] | None:
        """Queue `call`; None if the queue is full."""
        # A ThreadPoolExecutor's own queue has no limit.
        if not self._permits.acquire(blocking=False):
            return None
        return self._executor().submit(self._run, call)

    def wait(self) -> None:
        """Wait for all calls of this process, and for the calls that they begin."""
        while pool := self._take():
            pool.shutdown(wait=True)

    def _take(self) -> ThreadPoolExecutor | None:
        with self._lock:
            pool, self._pool = self._pool, None
        return pool[1] if pool else None

    def _executor(self) -> ThreadPoolExecutor:
        """The pool of this process; threads do not survive a fork."""
        with self._lock:
            if self._pool is None or self._pool[0] != os.getpid():
                self._pool = (
                    os.getpid(),
                    ThreadPoolExecutor(self._count, thread_name_prefix=self._name),
                )
            return self._pool[1]

    def _run(self, call: Callable[[], T]) -> T:
        try:
            return call()
        finally:
            # Django closes connections per request only; this thread has none.
            connection.close()
            self._permits.release()
