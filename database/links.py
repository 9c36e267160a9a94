"""Asynchronous connections of one event loop, for its fast paths.

Whatever goes wrong here is left to the caller's plain twin, which does the same work again: so only
statements that may be repeated belong here.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from django.db import OperationalError, connection
from psycopg import AsyncConnection, AsyncCursor

from database.silence import silence
from database.tracing import tagged

PATIENCE_SECONDS = 5
LOOK_SECONDS = 0.25  # how often a statement that waits asks whether the server is away

Rows = list[tuple[Any, ...]]


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
        if silence.is_away or (not self._free and self._open >= self._most):
            return None
        link = self._free.pop() if self._free else None
        self._open += link is None
        try:
            link = link or await connect()
            rows = await _in_time(link, _rows(link, sql, values))
        except BaseException:
            # A connection whose statement failed or was given up is not used again.
            self._open -= 1
            if link:
                await link.close()
            raise
        silence.heard()
        self._free.append(link)
        return rows

    async def close(self) -> None:
        while self._free:
            self._open -= 1
            await self._free.pop().close()


async def _rows(link: AsyncConnection, sql: str, values: dict[str, Any]) -> Rows:
    return await (await link.execute(tagged(sql), values)).fetchall()


async def _in_time(link: AsyncConnection, work: Coroutine[Any, Any, Rows]) -> Rows:
    loop = asyncio.get_running_loop()
    task, due = loop.create_task(work), loop.time() + PATIENCE_SECONDS
    while not (await asyncio.wait({task}, timeout=LOOK_SECONDS))[0]:
        if silence.is_away or loop.time() > due:
            # Closed first: psycopg would wait for the server to cancel the statement.
            await link.close()
            task.cancel()
            raise OperationalError("The database does not answer just now.")
    return task.result()
