"""The two requests of the opening minute, polls and joins, answered before Django is asked.

What is unusual about a request (nobody signed in, a browser that does not say where the form
came from, a refusal, a database that is gone) is left to Django, which has the pages for it.
"""

import re
from collections.abc import Callable, Iterable

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.http import Http404
from psycopg_pool import PoolTimeout

from eligibility.sessions import COOKIE, who_from

from . import now
from .gathering import gatherer
from .models import Room

PATH = re.compile(r"/queue/([a-z0-9][a-z0-9-]{0,39})/(now\.json|join/)")
TROUBLE = (Http404, DatabaseError, InterfaceError, PoolTimeout)

_rooms: dict[str, int] = {}


class LeanApplication:
    """A WSGI application around Django's own."""

    def __init__(self, django: Callable):
        self.django = django

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        match = PATH.fullmatch(environ["PATH_INFO"])
        if match:
            try:
                answer = self._answer(environ, match[1], match[2])
            except TROUBLE:
                answer = None
            if answer:
                status, headers, body = answer
                start_response(status, headers)
                return [body]
        return self.django(environ, start_response)

    def _answer(self, environ: dict, code: str, what: str):
        method = environ["REQUEST_METHOD"]
        if what == "join/":
            return _join(environ, code) if method == "POST" and settings.GATHER_JOINS else None
        return _now(environ, code) if method == "GET" else None


def _now(environ: dict, code: str):
    try:
        posted = now.board.get(code)
    finally:
        close_old_connections()  # as Django does at the end of a request
    headers = [("ETag", posted.etag), ("Cache-Control", now.CACHE_CONTROL)]
    if environ.get("HTTP_IF_NONE_MATCH") == posted.etag:
        return "304 Not Modified", headers, b""
    headers.append(("Content-Type", "application/json"))
    headers.append(("Content-Length", str(len(posted.body))))
    return "200 OK", headers, posted.body


def _join(environ: dict, code: str):
    # Browsers say themselves that the form was ours, and no page can make them lie; where one
    # does not say so, Django asks for the form's token.
    if environ.get("HTTP_SEC_FETCH_SITE") != "same-origin":
        return None
    who = who_from(_cookie(environ.get("HTTP_COOKIE", "")))
    room_id = _room(code) if who else None
    ticket_id = gatherer.join(room_id, who.person_id) if room_id else None
    if ticket_id is None:
        return None
    headers = [
        ("Location", f"/queue/t/{ticket_id}/"),
        ("Cache-Control", "no-store"),
        ("Content-Length", "0"),
    ]
    return "302 Found", headers, b""


def _cookie(header: str) -> str:
    """The value of ours, if it is there once; of two with one name, somebody else set one."""
    found = [part for part in header.split("; ") if part.startswith(f"{COOKIE}=")]
    return found[0][len(COOKIE) + 1 :] if len(found) == 1 else ""


def _room(code: str) -> int | None:
    """A room keeps its cohort and a cohort its room, so this is asked once."""
    if code not in _rooms:
        room_id = Room.objects.filter(cohort__code=code).values_list("pk", flat=True).first()
        close_old_connections()
        if room_id is None:
            return None
        _rooms[code] = room_id
    return _rooms[code]
