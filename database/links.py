"""Asynchronous connections of one event loop, for its fast paths.

Whatever goes wrong here is left to the caller's plain twin, which does the same work again: so only
statements that may be repeated belong here.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, TypeVar

from django.db import OperationalError, connection
from psycopg import AsyncClientCursor, AsyncConnection, AsyncCursor, AsyncRawCursor
from psycopg.pq import ExecStatus, TransactionStatus

from database.inserting import Statement
from database.silence import silence
from database.tracing import tagged

PATIENCE_SECONDS = 5
LOOK_SECONDS = 0.25  # how often a statement that waits asks whether the server is away

MARK = re.compile(r"%\((\w+)\)s")  # a parameter, as psycopg marks it

Rows = list[tuple[Any, ...]]
Result = TypeVar("Result")


async def connect() -> AsyncConnection:
    """An autocommit connection with Django's parameters, which prepare nothing: a prepared
    statement would stay with one connection of PgBouncer."""
    params = connection.get_connection_params() | {"cursor_factory": AsyncCursor, "context": None}
    return await AsyncConnection.connect(autocommit=True, **params)


class Links:
    """At most `most` connections, made when they are needed."""

    def __init__(self, most: int) -> None:
        self._most, self._open = most, 0
        self._free: list[AsyncConnection] = []

    async def run(self, sql: str, values: dict[str, Any]) -> Rows | None:
        """The rows of a statement, which is a transaction of its own.

        None while all connections are busy: nobody waits here, the threads of the pages have a
        fair queue. Raises psycopg's errors, and OperationalError when it takes too long.
        """
        async with self._link() as link:
            return await _in_time(link, _rows(link, sql, values)) if link else None

    @asynccontextmanager
    async def transaction(self) -> "AsyncIterator[Transaction | None]":
        """For several statements; None and errors as of `run`. Rolled back unless committed."""
        async with self._link() as link:
            if link is None:
                yield None
                return
            yield Transaction(link)
            if link.info.transaction_status != TransactionStatus.IDLE:
                await _in_time(link, link.rollback())

    @asynccontextmanager
    async def _link(self) -> AsyncIterator[AsyncConnection | None]:
        if silence.is_away or (not self._free and self._open >= self._most):
            yield None
            return
        link = self._free.pop() if self._free else None
        self._open += link is None
        try:
            link = link or await connect()
            yield link
        except BaseException:
            # A connection whose statement failed or was given up is not used again.
            self._open -= 1
            if link:
                await link.close()
            raise
        silence.heard()
        self._free.append(link)

    async def close(self) -> None:
        while self._free:
            self._open -= 1
            await self._free.pop().close()


class Transaction:
    """A transaction of `Links`. It begins with its first statement."""

    def __init__(self, link: AsyncConnection) -> None:
        self._link = link

    async def run(self, *statements: Statement, commits: bool = False) -> list[Rows]:
        """The rows of each of these statements. They are sent together and run one after the other,
        so that each sees what was committed while the one before it waited for a lock."""
        return await _in_time(self._link, self._run(statements, commits=commits))

    async def _run(self, statements: Sequence[Statement], *, commits: bool) -> list[Rows]:
        cursor = AsyncClientCursor(self._link)
        texts = [cursor.mogrify(sql, values) for sql, values in statements]
        if self._link.info.transaction_status == TransactionStatus.IDLE:
            texts.insert(0, "BEGIN")
        if commits:
            texts.append("COMMIT")
        await cursor.execute(tagged("; ".join(texts)).encode())
        found = []
        while True:
            has_rows = cursor.pgresult and cursor.pgresult.status == ExecStatus.TUPLES_OK
            found.append(await cursor.fetchall() if has_rows else [])
            if not cursor.nextset():
                break
        begun = texts[0] == "BEGIN"
        return found[begun : begun + len(statements)]


async def _rows(link: AsyncConnection, sql: str, values: dict[str, Any]) -> Rows:
    text, names = _numbered(sql)
    # psycopg would read the statement's marks anew each time, as the tag makes it another one.
    cursor = await AsyncRawCursor(link).execute(tagged(text), [values[name] for name in names])
    return await cursor.fetchall()


@cache
def _numbered(sql: str) -> tuple[str, list[str]]:
    """A statement with $1 and so on for its %(name)s, and the names in this order."""
    names = list(dict.fromkeys(MARK.findall(sql)))
    return MARK.sub(lambda mark: f"${names.index(mark[1]) + 1}", sql), names


async def _in_time(link: AsyncConnection, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of `work`, which runs in this task: one of its own took as long as sending it."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task
    timer: asyncio.TimerHandle
    due, is_given_up = loop.time() + PATIENCE_SECONDS, False

    def look() -> None:
        nonlocal timer, is_given_up
        if silence.is_away or loop.time() > due:
            # Closed first: psycopg would wait for the server to cancel the statement.
            link.pgconn.finish()
            is_given_up = task.cancel()
        else:
            timer = loop.call_later(LOOK_SECONDS, look)

    timer = loop.call_later(LOOK_SECONDS, look)
    try:
        return await work
    except asyncio.CancelledError:
        if is_given_up and not task.uncancel():
            raise OperationalError("The database does not answer just now.") from None
        raise
    finally:
        timer.cancel()
