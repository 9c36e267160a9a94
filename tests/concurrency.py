"""Races on real connections."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection

STORM = 100  # connections; the server has no room for several such races at a time
RACES = 202107  # an advisory lock of the server's own database, which all test workers share
ROOM = """
SELECT current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int,
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
"""


def at_once(calls: Sequence[Callable[[], Any]], *, patience: float = 30) -> list[Any]:
    """Start every call in a thread and connection of its own behind one barrier.

    Returns the results, or the exceptions raised, in the order of the calls. Fails with the reason
    if a thread can't connect. The test must see committed rows:
    `@pytest.mark.django_db(transaction=True)`.
    """
    with _room_for(len(calls), patience):
        return _race(calls, patience)


def _race(calls: Sequence[Callable[[], Any]], patience: float) -> list[Any]:
    barrier = threading.Barrier(len(calls))
    outcomes: list[Any] = [None] * len(calls)
    missing: list[Exception] = []

    def run(index: int, call: Callable[[], Any]) -> None:
        try:
            if _is_at_the_start(barrier, missing, patience):
                outcomes[index] = call()
        except Exception as error:
            outcomes[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    alarm = time.monotonic() + 2 * patience
    for thread in threads:
        thread.join(max(alarm - time.monotonic(), 0))
    assert not any(thread.is_alive() for thread in threads), "A call of the race never ended."
    if missing:
        raise AssertionError(
            f"{len(missing)} of {len(calls)} were not at the start: {missing[0]}"
        ) from missing[0]
    assert not barrier.broken, f"Not all {len(calls)} were at the start within {patience} s."
    return outcomes


def _is_at_the_start(barrier: threading.Barrier, missing: list[Exception], patience: float) -> bool:
    """Connect, which takes longer than many races, then wait at the barrier."""
    try:
        connection.ensure_connection()
    except Exception as error:
        missing.append(error)
        barrier.abort()  # the others must not wait for this thread
        return False
    try:
        barrier.wait(patience)
    except threading.BrokenBarrierError:
        return False
    return True


@contextmanager
def _room_for(connections: int, patience: float) -> Iterator[None]:
    """Let storms of all test workers run one at a time, and smaller races beside each other.

    Two storms need more connections than the server has, and those of the last one may still be
    closing when the next begins.
    """
    shared = "" if connections >= STORM else "_shared"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(f"SELECT pg_advisory_lock{shared}(%s)", [RACES])
        alarm = time.monotonic() + patience
        while True:
            room, taken = server.execute(ROOM).fetchone()
            if taken + connections <= room:
                break
            assert time.monotonic() < alarm, (
                f"This race needs {connections} connections; Postgres has {room}, of which "
                f"{taken} are taken. Raise its max_connections."
            )
            time.sleep(0.02)
        yield


class Underway:
    """One call in a thread and connection of its own, while the test holds a lock that it needs."""

    def __init__(self, call: Callable[[], Any]):
        self._process: Future = Future()
        self._outcome: Future = Future()
        threading.Thread(target=self._run, args=(call,), daemon=True).start()

    def _run(self, call: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            self._process.set_result(connection.connection.info.backend_pid)
            self._outcome.set_result(call())
        except BaseException as error:
            self._outcome.set_exception(error)
        finally:
            connection.close()

    def waits(self, *, patience: float = 30) -> bool:
        """Whether it waits for a lock, as soon as it does or has ended."""
        process, deadline = self._process.result(patience), time.monotonic() + patience
        while time.monotonic() < deadline:
            if wait([self._outcome], timeout=0.01).done:
                return False
            with connection.cursor() as cursor:
                cursor.execute("SELECT FROM pg_locks WHERE pid = %s AND NOT granted", [process])
                if cursor.rowcount:
                    return True
        raise AssertionError("It neither waits nor ends.")

    def result(self, *, patience: float = 30) -> Any:
        return self._outcome.result(patience)
