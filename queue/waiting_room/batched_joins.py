"""Batches joins: those that arrive while one statement commits share the next one.

The event loop of each web process writes all waiting joins of a room in one statement, and answers
each after the commit. A join never waits for others to arrive. People for whom the statement gives
no ticket (they may not join, or left and come back) are left to the page, which has the reasons.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from typing import Any

from django.db import OperationalError
from psycopg import AsyncConnection
from psycopg import Error as PostgresError

from database.links import connect
from database.silence import silence
from waiting_room.services.joining import TICKET_IDS_SQL, parameters
from web.measured import JOINS

BATCH_SIZE = 512
PATIENCE_SECONDS = 15
LOOK_SECONDS = 0.25  # how often a batch that waits asks whether the server is away
log = logging.getLogger(__name__)

Session = tuple[int, int]  # generation and number of the cookie's session
_Join = tuple[int, int, Session, asyncio.Future[Any]]  # room id, person id, future of the ticket id


class JoinBatcher:
    """Batches the joins of one event loop, over an asynchronous connection of its own.

    A thread with a synchronous connection was half as fast: it competes for the GIL.
    """

    def __init__(self) -> None:
        self._waiting: deque[_Join] = deque()
        self._writes: asyncio.Task[Any] | None = None
        self._connection: AsyncConnection | None = None

    async def join(self, room_id: int, person_id: int, session: Session) -> str | None:
        """The id of the person's ticket; None if the statement gave none. Raises OperationalError
        if the statement failed or took too long, or the server is away."""
        if silence.is_away:
            raise OperationalError("The database does not answer just now.")
        loop = asyncio.get_running_loop()
        ticket_id: asyncio.Future[str | None] = loop.create_future()
        self._waiting.append((room_id, person_id, session, ticket_id))
        if self._writes is None:
            self._writes = loop.create_task(self._write_all())
        return await ticket_id

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await self._settle(self._take())
        finally:
            self._writes = None

    def _take(self) -> list[_Join]:
        """Waiting joins of the first one's room, in order; other rooms wait for the next turn."""
        room_id = self._waiting[0][0]
        batch: list[_Join] = []
        while self._waiting and len(batch) < BATCH_SIZE and self._waiting[0][0] == room_id:
            batch.append(self._waiting.popleft())
        return batch

    async def _settle(self, batch: list[_Join]) -> None:
        """Write a batch and set the result or the exception of each of its futures."""
        # A person may join from two browsers at once; the newest cookie is the one to check.
        newest: dict[int, Session] = {}
        for _room, person_id, session, _ticket in batch:
            newest[person_id] = max(session, newest.get(person_id, session))
        try:
            tickets = await self._in_time(self._write(batch[0][0], newest))
        except Exception as error:
            # Any error: a waiter that is not answered here would wait for ever.
            if not isinstance(error, PostgresError | TimeoutError):
                log.exception("a batch of joins failed")
            failure = OperationalError(f"The joins did not come to an end: {type(error).__name__}")
            for *_join, ticket_id in batch:
                if not ticket_id.done():  # done: cancelled, as the client disconnected
                    ticket_id.set_exception(failure)
            await self.close()
        else:
            JOINS.inc(len(tickets))
            for _room, person_id, session, ticket_id in batch:
                if not ticket_id.done():
                    is_newest = session == newest[person_id]
                    ticket_id.set_result(tickets.get(person_id) if is_newest else None)

    async def _in_time(self, write: Coroutine[Any, Any, dict[int, str]]) -> dict[int, str]:
        """The tickets; raises TimeoutError after PATIENCE_SECONDS, sooner if the server is away."""
        loop = asyncio.get_running_loop()
        task, due = loop.create_task(write), loop.time() + PATIENCE_SECONDS
        while not (await asyncio.wait({task}, timeout=LOOK_SECONDS))[0]:
            if silence.is_away or loop.time() > due:
                # Closed first: psycopg would wait for the server to cancel the statement.
                await self.close()
                task.cancel()
                raise TimeoutError
        silence.heard()
        return task.result()

    async def _write(self, room_id: int, people: dict[int, Session]) -> dict[int, str]:
        if self._connection:
            try:
                return await self._execute(self._connection, room_id, people)
            except PostgresError:
                # The connection was broken. Repeating is safe: a person's second join returns the
                # first ticket.
                await self.close()
        self._connection = await connect()
        return await self._execute(self._connection, room_id, people)

    async def _execute(
        self, link: AsyncConnection, room_id: int, people: dict[int, Session]
    ) -> dict[int, str]:
        values = parameters(room_id, list(people), list(people.values()))
        cursor = await link.execute(TICKET_IDS_SQL, values)
        return dict(await cursor.fetchall())

    async def close(self) -> None:
        link, self._connection = self._connection, None
        if link:
            await link.close()
