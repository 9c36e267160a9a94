"""The two requests of the opening minute, polls and joins, answered before Django is asked.

What is unusual about a request (nobody signed in, somebody acting for another, a browser that
does not say where the form came from, a refusal, a database that is gone) is left to Django, which
has the pages for it. This runs in the event loop: whatever may wait for the database is done in a
thread.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import DatabaseError, InterfaceError, close_old_connections
from django.http import Http404
from psycopg_pool import PoolTimeout

from eligibility.sessions import COOKIE, read_cookie
from waiting_room import now_cache
from waiting_room.batched_joins import Gatherer
from waiting_room.models import Room

PATH = re.compile(r"/queue/([a-z0-9][a-z0-9-]{0,39})/(now\.json|join/)")
TROUBLE = (Http404, DatabaseError, InterfaceError, PoolTimeout)

Answer = tuple[int, list[tuple[str, str]], bytes]


class LeanApplication:
    """An RSGI application in front of the pages."""

    def __init__(self, pages: Callable[[Any, Any], Awaitable[None]]) -> None:
        self._pages = pages
        self._gatherer: Gatherer | None = None
        self._rooms: dict[str, int] = {}
        # Of its own, so that slow pages never stand before a poll.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="line")

    async def __call__(self, scope: Any, protocol: Any) -> None:
        match = PATH.fullmatch(scope.path)
        if match:
            try:
                answer = await self._answer(scope, match[1], match[2])
            except TROUBLE:
                answer = None
            if answer:
                protocol.response_bytes(*answer)
                return
        await self._pages(scope, protocol)

    async def _answer(self, scope: Any, code: str, what: str) -> Answer | None:
        if what == "join/":
            return await self._join(scope.headers, code) if scope.method == "POST" else None
        return await self._now(scope.headers, code) if scope.method == "GET" else None

    async def _now(self, headers: Any, code: str) -> Answer:
        posted = now_cache.board.known(code) or await self._in_thread(now_cache.board.get, code)
        answer = [("etag", posted.etag), ("cache-control", now_cache.CACHE_CONTROL)]
        if headers.get("if-none-match") == posted.etag:
            return 304, answer, b""
        answer.append(("content-type", "application/json"))
        return 200, answer, posted.body

    async def _join(self, headers: Any, code: str) -> Answer | None:
        # Browsers say themselves that the form was ours, and no page can make them lie; where
        # one does not say so, Django asks for the form's token.
        if headers.get("sec-fetch-site") != "same-origin":
            return None
        who = read_cookie(_cookie(headers))
        # Whether somebody may still act for another takes a query.
        if who is None or who.by_id:
            return None
        room_id = self._rooms.get(code) or await self._in_thread(self._find_room, code)
        if room_id is None:
            return None
        if self._gatherer is None:  # not before the process has forked
            self._gatherer = Gatherer()
        ticket_id = await self._gatherer.join(room_id, who.person_id)
        if ticket_id is None:
            return None
        return 302, [("location", f"/queue/t/{ticket_id}/"), ("cache-control", "no-store")], b""

    async def _in_thread(self, ask: Callable[[str], Any], code: str) -> Any:
        def asked() -> Any:
            try:
                return ask(code)
            finally:
                close_old_connections()  # as Django does at the end of a request

        return await asyncio.get_running_loop().run_in_executor(self._threads, asked)

    def _find_room(self, code: str) -> int | None:
        """A room keeps its cohort and a cohort its room, so this is asked once."""
        room_id = Room.objects.filter(cohort__code=code).values_list("pk", flat=True).first()
        if room_id is not None:
            self._rooms[code] = room_id
        return room_id


def _cookie(headers: Any) -> str:
    """The value of ours, if it is there once; of two with one name, somebody else set one."""
    found = [
        part[len(COOKIE) + 1 :]
        for name, value in headers.items()
        if name == "cookie"
        for part in value.split("; ")
        if part.startswith(f"{COOKIE}=")
    ]
    return found[0] if len(found) == 1 else ""
