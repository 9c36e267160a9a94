"""The advisory locks of a room. They last as long as the transaction, so any pooler will do.

TICK: whoever writes steps or pages of a room: the tick, an operator's act. One at a time.
JOIN: every join holds it shared; whoever holds it alone sees a closed list of tickets.

Locks are taken in this order: TICK, JOIN, the line's row, admissions.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

TICK = 0x4A415249
JOIN = TICK + 1


def try_tick_lock(room_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [TICK, room_id])
        locked: bool = cursor.fetchone()[0]
        return locked


def tick_lock(room_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [TICK, room_id])


class StillJoining(Exception):
    """Joins were under way for longer than may be waited for; the next tick tries again."""


@contextmanager
def list_closed(room_id: int, *, patience_ms: int) -> Iterator[None]:
    """No join of this room is under way inside; those that come wait. Only to be read in.

    What was done inside is rolled back: that is what gives the lock back before the end of the
    transaction, so that joining goes on while the tick works.
    """
    savepoint = transaction.savepoint()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{patience_ms}ms"])
            try:
                cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [JOIN, room_id])
            except OperationalError as error:
                if isinstance(error.__cause__, LockNotAvailable):
                    raise StillJoining from error
                raise
        yield
    finally:
        transaction.savepoint_rollback(savepoint)
