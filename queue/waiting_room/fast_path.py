"""The two requests of the opening minute, polls and joins, answered before Django is asked.

What is unusual about a request (nobody signed in, somebody acting for another, a browser that
does not say where the form came from, a refusal, a database that is gone) is left to Django, which
has the pages for it. This runs in the event loop: whatever may wait for the database is done in a
thread.
"""

import asyncio
import logging
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

Headers = list[tuple[str, str]]
Answer = tuple[int, Headers, bytes]
log = logging.getLogger(__name__)


class LeanApplication:
    """An RSGI application in front of the pages; `headers` are those of every answer."""

    def __init__(
        self, pages: Callable[[Any, Any], Awaitable[None]], *, headers: Headers | None = None
    ) -> None:
        self._pages, self._headers = pages, headers or []
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
            except Exception as error:
                log.error("left to the page: %s", type(error).__name__, exc_info=True)
                answer = None
            if answer:
                protocol.response_bytes(*answer)
                return
        await self._pages(scope, protocol)

    async def _answer(self, scope: Any, code: str, what: str) -> Answer | None:
        ask, method = (self._join, "POST") if what == "join/" else (self._now, "GET")
        if scope.method != method:
            return None
        headers = scope.headers
        if len(headers.get_all("host")) != 1:
            return None
        return await ask(headers, code)

    async def _now(self, headers: Any, code: str) -> Answer:
        posted = now_cache.board.known(code) or await self._in_thread(now_cache.board.get, code)
        cached = ("cache-control", now_cache.CACHE_CONTROL)
        answer = [("etag", posted.etag), cached, *self._headers]
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
        # Whether somebody may still act for another takes a query; whether an ordinary person has
        # signed out everywhere is asked by the joining statement itself.
        if who is None or who.by_id:
            return None
        room_id = self._rooms.get(code) or await self._in_thread(self._find_room, code)
        if room_id is None:
            return None
        if self._gatherer is None:  # not before the process has forked
            self._gatherer = Gatherer()
        ticket_id = await self._gatherer.join(room_id, who.person_id, who.generation)
        if ticket_id is None:
            return None
        location = ("location", f"/queue/t/{ticket_id}/")
        return 302, [location, ("cache-control", "no-store"), *self._headers], b""

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
