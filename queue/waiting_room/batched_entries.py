"""Batches entering: people who come while one statement commits share the next one.

A room lets people in by one statement at a time, locked until that is on the disk. So each event
loop has one such statement for a room, for all who came meanwhile, the lowest place first. Nobody
waits for others to come.
"""

import asyncio
import logging
from uuid import UUID

from django.db import DatabaseError
from psycopg import Error as PostgresError

from database.links import Links
from waiting_room.services.entering import COLUMNS, ENTER, entry

ROOMS = 4  # that one process lets people into at a time; entries of others are left to the pages
TICKET = COLUMNS.index("ticket_id")
log = logging.getLogger(__name__)

_Entry = tuple[int, asyncio.Future[bool]]  # place, and whether the ticket is inside


class EntryBatcher:
    """Batches the entries of one event loop."""

    def __init__(self) -> None:
        self._links = Links(ROOMS)
        self._waiting: dict[int, dict[UUID, _Entry]] = {}
        self._writes: dict[int, asyncio.Task[None]] = {}

    async def enter(self, room_id: int, ticket_id: UUID, place: int) -> bool:
        """Whether the ticket has a live admission now. If not, nothing is changed, and its page
        knows the reason."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting.setdefault(room_id, {})
        if ticket_id not in waiting:
            waiting[ticket_id] = place, loop.create_future()
        if room_id not in self._writes:
            self._writes[room_id] = loop.create_task(self._write_all(room_id))
        # Shielded: another request for the same ticket may wait for the same answer.
        return await asyncio.shield(waiting[ticket_id][1])

    async def _write_all(self, room_id: int) -> None:
        while batch := self._waiting.pop(room_id, None):
            inside = await self._let_in(room_id, batch)
            for ticket_id, (_place, is_inside) in batch.items():
                is_inside.set_result(ticket_id in inside)
        del self._writes[room_id]

    async def _let_in(self, room_id: int, batch: dict[UUID, _Entry]) -> set[UUID]:
        places = {ticket_id: place for ticket_id, (place, _inside) in batch.items()}
        try:
            rows = await self._links.run(ENTER, entry(room_id, places))
        except Exception as error:
            # Any error: who is not answered here would wait for ever. Their pages repeat it.
            if not isinstance(error, DatabaseError | PostgresError):
                log.exception("a batch of entries failed")
            return set()
        return {row[TICKET] for row in rows or []}

    async def close(self) -> None:
        await self._links.close()
