"""Serves now documents from this process's memory, read from Postgres at most once a second.

A poll costs no query, no session and no middleware. While Postgres can't be reached, the last
document is served on; the page recognizes its age by its time.
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
# Codes without a room are remembered, so that polls of an invented code cost no queries.
UNKNOWN_SECONDS = 10.0
MOST_UNKNOWN = 1000
CACHE_CONTROL = "public, max-age=1"


@dataclass(frozen=True)
class CachedDocument:
    """A now document ready to be sent; `at` is the monotonic time it was read."""

    body: bytes
    etag: str
    content: dict[str, Any]
    at: float


class NowCache:
    """The last now document of each room that this process has read."""

    def __init__(self) -> None:
        self._documents: dict[str, CachedDocument] = {}
        self._unknown: dict[str, float] = {}
        self._reading: dict[str, threading.Lock] = {}

    def fresh(self, code: str) -> CachedDocument | None:
        """A document that can be served at once: fresh, or being read by a thread just now."""
        document = self._documents.get(code)
        if document is None:
            return None
        lock = self._reading.get(code)
        is_being_read = lock is not None and lock.locked()
        is_fresh = time.monotonic() - document.at < FRESH_SECONDS
        return document if is_being_read or is_fresh else None

    def get(self, code: str) -> CachedDocument:
        """The room's document, read if it is old; raises Http404 for a code without a room."""
        document = self.fresh(code)
        if document:
            return document
        lock = self._reading.setdefault(code, threading.Lock())
        # One thread reads; the others serve the old document, or wait if there is none.
        if not lock.acquire(blocking=code not in self._documents):
            return self._documents[code]
        try:
            return self._refresh(code)
        finally:
            lock.release()

    def _refresh(self, code: str) -> CachedDocument:
        document = self._documents.get(code)
        # Another thread may have read it while this one waited for the lock.
        if document and time.monotonic() - document.at < FRESH_SECONDS:
            return document
        if time.monotonic() - self._unknown.get(code, -UNKNOWN_SECONDS) < UNKNOWN_SECONDS:
            raise Http404
        try:
            content = self._read(code)
        except (DatabaseProblem, PoolTimeout):
            content = document.content if document else _from_file(code)
        if content is None:
            self._reading.pop(code, None)
            if len(self._unknown) >= MOST_UNKNOWN:
                self._unknown.clear()
            self._unknown[code] = time.monotonic()
            raise Http404
        return self._store(code, content)

    def _read(self, code: str) -> dict[str, Any] | None:
        contents = Board.objects.filter(room__cohort__code=code).values_list("document", flat=True)
        return contents.first() or None

    def _store(self, code: str, content: dict[str, Any]) -> CachedDocument:
        body = encode(content)
        etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
        document = CachedDocument(body=body, etag=etag, content=content, at=time.monotonic())
        self._documents[code] = document
        return document


def _from_file(code: str) -> dict[str, Any] | None:
    """The last tick's file, for a process that starts while Postgres is down. Only on the node
    whose worker ticks. Raises DatabaseProblem without a file."""
    try:
        document: dict[str, Any] = json.loads((settings.HOME / "now" / f"{code}.json").read_bytes())
    except (OSError, ValueError):
        raise DatabaseProblem("No now document is known.") from None
    return document


documents = NowCache()


def now_document(request: HttpRequest, code: str) -> HttpResponse:
    """The same answer through Django, where the fast path is not in front (WSGI servers)."""
    document = documents.get(code)
    if request.headers.get("If-None-Match") == document.etag:
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(document.body, content_type="application/json")
        response.headers["Content-Length"] = str(len(document.body))
    response.headers["ETag"] = document.etag
    response.headers["Cache-Control"] = CACHE_CONTROL
    return response
