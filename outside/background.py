"""Threads of a web process for what no page waits for to its end."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

T = TypeVar("T")


class Background:
    """A few threads of this process, and a bounded number of calls that wait for them."""

    def __init__(self, name: str, *, threads: int, most: int) -> None:
        self._name, self._count = name, threads
        self._places = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._pool: tuple[int, ThreadPoolExecutor] | None = None

    def begin(self, call: Callable[[], T]) -> Future[T] | None:
        """Have `call` run soon; None if as many as may wait do already."""
        if not self._places.acquire(blocking=False):
            return None
        return self._executor().submit(self._run, call)

    def wait(self) -> None:
        """Wait for all that was begun in this process, and for what that began."""
        while pool := self._take():
            pool.shutdown(wait=True)

    def _take(self) -> ThreadPoolExecutor | None:
        with self._lock:
            pool, self._pool = self._pool, None
        return pool[1] if pool else None

    def _executor(self) -> ThreadPoolExecutor:
        """One for each process: threads do not survive a fork."""
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
            connection.close()
            self._places.release()
