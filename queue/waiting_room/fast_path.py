"""Fast path: answers polls and joins, the two requests of the opening minute, without Django.

Any unusual request is left to Django, which has the pages for it: nobody signed in, a proxy, a
browser without Sec-Fetch-Site, a refusal, an unreachable database. This runs in the event loop, so
anything that may wait for the database goes to a thread.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.http import Http404
from psycopg_pool import PoolTimeout

from eligibility.sessions import COOKIE, read_cookie
from waiting_room import now_cache
from waiting_room.batched_joins import JoinBatcher
from waiting_room.models import Room

PATH = re.compile(r"/queue/([a-z0-9][a-z0-9-]{0,39})/(now\.json|join/)")
# Expected failures; Django answers the request with the page for them.
LEFT_TO_DJANGO = (Http404, DatabaseError, InterfaceError, PoolTimeout)

Headers = list[tuple[str, str]]
Answer = tuple[int, Headers, bytes]
log = logging.getLogger(__name__)


class FastPathApplication:
    """An RSGI application in front of `pages`; `headers` are added to each of its answers."""

    def __init__(
        self, pages: Callable[[Any, Any], Awaitable[None]], *, headers: Headers | None = None
    ) -> None:
        self._pages, self._headers = pages, headers or []
        self._batcher: JoinBatcher | None = None
        self._rooms: dict[str, int] = {}
        # Apart from the pages' threads: polls must not wait behind slow pages.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="line")

    async def __call__(self, scope: Any, protocol: Any) -> None:
        match = PATH.fullmatch(scope.path)
        if match:
            try:
                answer = await self._answer(scope, match[1], match[2])
            except LEFT_TO_DJANGO:
                answer = None
            except Exception as error:
                log.error("left to the page: %s", type(error).__name__, exc_info=True)
                answer = None
            if answer:
                protocol.response_bytes(*answer)
                return
        await self._pages(scope, protocol)

    async def _answer(self, scope: Any, code: str, path: str) -> Answer | None:
        """The answer, or None to leave the request to Django."""
        handler, method = (self._join, "POST") if path == "join/" else (self._now, "GET")
        if scope.method != method:
            return None
        headers = scope.headers
        if len(headers.get_all("host")) != 1:
            return None
        # Without TLS Django refuses it (web.transport).
        if settings.SECURE_SSL_REDIRECT and headers.get("x-forwarded-proto") != "https":
            return None
        return await handler(headers, code)

    async def _now(self, headers: Any, code: str) -> Answer:
        cache = now_cache.documents
        document = cache.fresh(code) or await self._in_thread(cache.get, code)
        cache_control = ("cache-control", now_cache.CACHE_CONTROL)
        answer = [("etag", document.etag), cache_control, *self._headers]
        if headers.get("if-none-match") == document.etag:
            return 304, answer, b""
        answer.append(("content-type", "application/json"))
        return 200, answer, document.body

    async def _join(self, headers: Any, code: str) -> Answer | None:
        # Instead of the CSRF token: browsers set this header, and no page can change it. Without
        # it Django checks the token.
        if headers.get("sec-fetch-site") != "same-origin":
            return None
        claim = read_cookie(_cookie(headers))
        # For a proxy it takes a query whether they still may act, and an old page may be for
        # another person (eligibility.acting). For others the joining statement itself checks that
        # their session has not ended.
        if claim is None or claim.has_acted:
            return None
        room_id = self._rooms.get(code) or await self._in_thread(self._find_room, code)
        if room_id is None:
            return None
        if self._batcher is None:  # at the first join, which is after the fork
            self._batcher = JoinBatcher()
        session = claim.generation, claim.number
        ticket_id = await self._batcher.join(room_id, claim.person_id, session)
        if ticket_id is None:
            return None
        location = ("location", f"/queue/t/{ticket_id}/")
        return 302, [location, ("cache-control", "no-store"), *self._headers], b""

    async def _in_thread(self, query: Callable[[str], Any], code: str) -> Any:
        def run() -> Any:
            try:
                return query(code)
            finally:
                close_old_connections()  # as Django does at the end of a request

        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    def _find_room(self, code: str) -> int | None:
        """The room's id by its cohort's code; cached for ever, as neither changes."""
        room_id = Room.objects.filter(cohort__code=code).values_list("pk", flat=True).first()
        if room_id is not None:
            self._rooms[code] = room_id
        return room_id


def _cookie(headers: Any) -> str:
    """The value of the sign-in cookie; "" if there are two, as another host may have set one."""
    values = [
        part[len(COOKIE) + 1 :]
        for name, value in headers.items()
        if name == "cookie"
        for part in value.split("; ")
        if part.startswith(f"{COOKIE}=")
    ]
    return values[0] if len(values) == 1 else ""
