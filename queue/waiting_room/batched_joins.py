"""Gathering joins: those that come while one statement commits share the next.

The event loop of each web process takes whatever joins wait, has a thread write them in one
statement, and answers each after the commit; nobody is answered before. A lone join waits for no
company. What a gathered statement could not settle (somebody who may not join, somebody who comes
back) is settled alone by the page, with its reason.
"""

import asyncio
from collections import deque
from typing import Any

from django.db import OperationalError, connection
from psycopg import AsyncConnection, AsyncCursor
from psycopg import Error as PostgresError

from waiting_room.services.joining import TICKET_IDS_SQL, parameters

AT_ONCE = 512
PATIENCE_SECONDS = 15

Member = tuple[int, int]  # a person, and the session generation of the cookie
_ListEntry = tuple[int, Member, asyncio.Future[Any]]  # room, member, the ticket's id


class Gatherer:
    """Of one event loop, with a connection of its own: a thread for the statements would wait
    for the interpreter at every turn, and was half as fast."""

    def __init__(self) -> None:
        self._waiting: deque[_ListEntry] = deque()
        self._writes: asyncio.Task[Any] | None = None
        self._connection: AsyncConnection | None = None

    async def join(self, room_id: int, person_id: int, generation: int) -> str | None:
        """The person's ticket; None where the statement gave none. Raises OperationalError."""
        loop = asyncio.get_running_loop()
        ticket_id: asyncio.Future[str | None] = loop.create_future()
        self._waiting.append((room_id, (person_id, generation), ticket_id))
        if self._writes is None:
            self._writes = loop.create_task(self._write_all())
        return await ticket_id

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await self._settle(self._take())
        finally:
            self._writes = None

    def _take(self) -> list[_ListEntry]:
        """Those of one room that wait; the others are for the next turn."""
        room_id = self._waiting[0][0]
        batch: list[_ListEntry] = []
        while self._waiting and len(batch) < AT_ONCE and self._waiting[0][0] == room_id:
            batch.append(self._waiting.popleft())
        return batch

    async def _settle(self, batch: list[_ListEntry]) -> None:
        # Of two cookies of one person the older can be no better than the newer, which is asked.
        newest: dict[int, int] = {}
        for _room, (person_id, generation), _ticket in batch:
            newest[person_id] = max(generation, newest.get(person_id, 0))
        try:
            write = self._write(batch[0][0], newest)
            tickets = await asyncio.wait_for(write, PATIENCE_SECONDS)
        except (PostgresError, TimeoutError) as error:
            await self.close()
            trouble = OperationalError(f"The joins did not come to an end: {type(error).__name__}")
            for _room, _member, ticket_id in batch:
                if not ticket_id.done():  # whoever went away is cancelled
                    ticket_id.set_exception(trouble)
        else:
            for _room, (person_id, generation), ticket_id in batch:
                if not ticket_id.done():
                    is_newest = generation == newest[person_id]
                    ticket_id.set_result(tickets.get(person_id) if is_newest else None)

    async def _write(self, room_id: int, people: dict[int, int]) -> dict[int, str]:
        if self._connection:
            try:
                return await self._ask(self._connection, room_id, people)
            except PostgresError:
                # It had died meanwhile. Asking again can't give anybody two tickets.
                await self.close()
        self._connection = await _connect()
        return await self._ask(self._connection, room_id, people)

    async def _ask(
        self, link: AsyncConnection, room_id: int, people: dict[int, int]
    ) -> dict[int, str]:
        values = parameters(room_id, list(people), list(people.values()))
        cursor = await link.execute(TICKET_IDS_SQL, values)
        return dict(await cursor.fetchall())

    async def close(self) -> None:
        link, self._connection = self._connection, None
        if link:
            await link.close()


async def _connect() -> AsyncConnection:
    """As Django connects, for one statement that is asked over and over."""
    given = connection.get_connection_params() | {"cursor_factory": AsyncCursor, "context": None}
    return await AsyncConnection.connect(autocommit=True, **given)
