"""Advisory locks of a room, held until the end of the transaction, so any pooler works.

TICK: exclusive; held by transactions that write steps or log pages (the tick, operators' acts).
JOIN: each join holds it shared; the exclusive holder sees a closed list of tickets.

Lock order: TICK, JOIN, the line's row, admissions.
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
    """Joins took longer than `patience_ms`; the next tick tries again."""


@contextmanager
def list_closed(room_id: int, *, patience_ms: int) -> Iterator[None]:
    """Hold JOIN exclusively: inside, no join is uncommitted, and new ones wait. For reading only:

    the block is rolled back to a savepoint, which releases the lock before the end of the
    transaction, so that joins go on while the tick works. Raises StillJoining.
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
