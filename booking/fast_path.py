"""Fast path: holds and confirms in the event loop.

It answers the two requests of a booking that change something when they are ordinary: one slot of a
vaccine of one dose, text messages, a person in a session of their own. All else (refusals, two
doses, typed addresses, proxies, a busy or silent database) is left to Django's views, the plain
twin, which may repeat what happened here: a hold and a confirmation are idempotent. The rules stay
in the functions of the database; tests compare answers and rows with those of the views.
"""

import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import reverse
from django.utils import translation
from django.utils.cache import add_never_cache_headers
from django.utils.deprecation import MiddlewareMixin
from django.utils.module_loading import import_string
from psycopg import Error as PostgresError

from booking.finder import availability
from booking.services import at_once, confirmations, reading
from booking.views.holds import ordinary_hold_page
from database.links import Links
from database.tracing import traced, tracing
from eligibility.sessions import Claim, claim_of, set_session
from waiting_room.health import tally
from web.language import language_for
from web.measured import count
from web.posted import posted_id
from web.request_ids import HEADER, id_of

log = logging.getLogger(__name__)

# Of one process; more requests at a time are left to the threads of the pages.
CONNECTIONS = 4
KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The hidden token is not checked here: who sends Sec-Fetch-Site is a browser, and no page of
# another site can forge it.
TOKEN = "csrfmiddlewaretoken"  # noqa: S105  (a field's name)

Act = Callable[[HttpRequest, Claim], Awaitable[HttpResponse | None]]


class FastBooking:
    """Answers a WSGI environ with its whole body, or gives None to leave it to Django."""

    def __init__(self) -> None:
        self._links = Links(CONNECTIONS)
        self._acts: dict[str, tuple[str, Act]] = {
            reverse("hold"): ("hold", self._hold),
            reverse("confirm"): ("confirm", self._confirm),
        }

    async def __call__(self, environ: dict[str, Any]) -> HttpResponse | None:
        name, act = self._acts.get(environ["PATH_INFO"], ("", None))
        if act is None or not _is_ordinary(environ):
            return None
        began = time.perf_counter()
        request = WSGIRequest(dict(environ))
        try:
            with tracing(id_of(request)):
                response = await self._answer(request, act)
        except (DatabaseError, PostgresError, SuspiciousOperation):
            return None
        except Exception as error:
            log.error("left to the page: %s", type(error).__name__, exc_info=True)
            return None
        if response:
            seconds = time.perf_counter() - began
            tally.note(seconds)
            count(name, response.status_code, seconds)
        return response

    async def close(self) -> None:
        await self._links.close()

    async def _answer(self, request: HttpRequest, act: Act) -> HttpResponse | None:
        request.get_host()  # raises DisallowedHost, for which Django has an answer
        claim = claim_of(request)
        # A proxy sees less than the person: left to the views.
        if claim is None or claim.by_id:
            return None
        request.LANGUAGE_CODE = language_for(request)
        return await act(request, claim)

    async def _hold(self, request: HttpRequest, claim: Claim) -> HttpResponse | None:
        slot_id = posted_id(request, "slot")
        # Not for two doses, whose second time the view chooses.
        is_plain = slot_id is not None and set(request.POST) <= {TOKEN, "slot"}
        if slot_id is None or not (is_plain and availability.is_of_one_dose(slot_id)):
            return None
        with translation.override(request.LANGUAGE_CODE):
            hold = at_once.hold_in_session(claim, slot_id)
        reservation_ids = await self._links.run(*hold)
        if not reservation_ids or reservation_ids[0][0] is None:
            return None
        # Apart from the hold, so that its commit gives the slot's lock back first.
        rows = await self._links.run(*reading.held_in_session(claim))
        if not rows:
            return None
        session, held = reading.reservations_in(claim, rows)
        set_session(request, session)
        CsrfViewMiddleware(_nothing).process_request(request)  # reads the cookie of the token
        with translation.override(request.LANGUAGE_CODE):
            page = ordinary_hold_page(request, held)
            return page and finished(request, page)

    async def _confirm(self, request: HttpRequest, claim: Claim) -> HttpResponse | None:
        form = request.POST
        key = form.get("key", "")
        plain = form.get("channel", "sms") == "sms" and not form.get("email")
        if not (plain and KEY.fullmatch(key) and set(form) <= {TOKEN, "key", "channel", "email"}):
            return None
        with translation.override(request.LANGUAGE_CODE):
            confirm = confirmations.confirming(claim, uuid.UUID(key))
        rows = await self._links.run(*confirm)
        _sees_from, _ids, numbers, _doses = rows[0] if rows else (None,) * 4
        if not numbers:
            return None
        with translation.override(request.LANGUAGE_CODE):
            to = reverse("reservation", args=[numbers[0]])
            return finished(request, HttpResponseRedirect(to))


def _is_ordinary(environ: dict[str, Any]) -> bool:
    if environ["REQUEST_METHOD"] != "POST" or environ["QUERY_STRING"]:
        return False
    # Without TLS Django refuses it (web.transport).
    if settings.SECURE_SSL_REDIRECT and environ.get("HTTP_X_FORWARDED_PROTO") != "https":
        return False
    is_form = environ.get("CONTENT_TYPE") == "application/x-www-form-urlencoded"
    return is_form and environ.get("HTTP_SEC_FETCH_SITE") == "same-origin"


def finished(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The response with what the views' decorators and the middleware add."""
    add_never_cache_headers(response)
    for middleware in _middleware():
        response = middleware.process_response(request, response)
    response.headers[HEADER] = traced()
    return response


@cache
def _middleware() -> list[Any]:
    """Those of the settings that change an answer of these pages, from the inside outwards."""
    classes = [import_string(path) for path in reversed(settings.MIDDLEWARE)]
    return [
        middleware(_nothing)
        for middleware in classes
        if issubclass(middleware, MiddlewareMixin)
        and hasattr(middleware, "process_response")
        # Those of staff answer for themselves whether a path is theirs.
        and not middleware.__module__.startswith("staff.")
    ]


def _nothing(_request: HttpRequest) -> HttpResponse:
    raise AssertionError("no view is called by this")
