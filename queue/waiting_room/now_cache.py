"""Serving the now document: from this process's memory, asked of Postgres once a second at most.

A poll costs no query, no session and none of the other middleware. While Postgres can't be
reached the last document goes on being served, and the page sees by its time that it is old.
"""

import hashlib
import json
import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseProblem
from django.http import Http404, HttpRequest, HttpResponse
from psycopg_pool import PoolTimeout

from waiting_room.models import Board
from waiting_room.now_document import encode

log = logging.getLogger(__name__)

FRESH_SECONDS = 1.0
UNKNOWN_SECONDS = 10.0
MOST_UNKNOWN = 1000
CACHE_CONTROL = "public, max-age=1"


@dataclass(frozen=True)
class Posted:
    body: bytes
    etag: str
    content: dict[str, Any]
    at: float


class NowBoard:
    """The last document of every room, as this process knows it."""

    def __init__(self) -> None:
        self._posted: dict[str, Posted] = {}
        self._unknown: dict[str, float] = {}
        self._asking: dict[str, threading.Lock] = {}

    def known(self, code: str) -> Posted | None:
        """What can be served without asking: fresh, or being asked for by somebody just now."""
        posted = self._posted.get(code)
        if posted is None:
            return None
        lock = self._asking.get(code)
        asked_for = lock is not None and lock.locked()
        return posted if asked_for or time.monotonic() - posted.at < FRESH_SECONDS else None

    def get(self, code: str) -> Posted:
        """Raises Http404 for a room that is not there."""
        posted = self.known(code)
        if posted:
            return posted
        lock = self._asking.setdefault(code, threading.Lock())
        # One thread asks; the others go on with what is known, or wait if nothing is.
        if not lock.acquire(blocking=code not in self._posted):
            return self._posted[code]
        try:
            return self._refresh(code)
        finally:
            lock.release()

    def _refresh(self, code: str) -> Posted:
        known = self._posted.get(code)
        if known and time.monotonic() - known.at < FRESH_SECONDS:
            return known
        if time.monotonic() - self._unknown.get(code, -UNKNOWN_SECONDS) < UNKNOWN_SECONDS:
            raise Http404
        try:
            content = self._ask(code)
        except (DatabaseProblem, PoolTimeout):
            content = known.content if known else _from_file(code)
        if content is None:
            self._asking.pop(code, None)
            if len(self._unknown) >= MOST_UNKNOWN:
                self._unknown.clear()
            self._unknown[code] = time.monotonic()
            raise Http404
        return self._post(code, content)

    def _ask(self, code: str) -> dict[str, Any] | None:
        documents = Board.objects.filter(room__cohort__code=code).values_list("document", flat=True)
        return documents.first() or None

    def _post(self, code: str, content: dict[str, Any]) -> Posted:
        body = encode(content)
        etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
        posted = Posted(body=body, etag=etag, content=content, at=time.monotonic())
        self._posted[code] = posted
        return posted


def _from_file(code: str) -> dict[str, Any] | None:
    """A process that starts while Postgres is away finds the last tick's file, on one machine."""
    try:
        document: dict[str, Any] = json.loads((settings.HOME / "now" / f"{code}.json").read_bytes())
    except (OSError, ValueError):
        raise DatabaseProblem("No now document is known.") from None
    return document


board = NowBoard()


def now_document(request: HttpRequest, code: str) -> HttpResponse:
    posted = board.get(code)
    if request.headers.get("If-None-Match") == posted.etag:
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(posted.body, content_type="application/json")
        response.headers["Content-Length"] = str(len(posted.body))
    response.headers["ETag"] = posted.etag
    response.headers["Cache-Control"] = CACHE_CONTROL
    return response
