"""Fast path: the five requests of a booking in the event loop.

It answers entering, the list of open times, the hold, the confirmation and the receipt when they
are ordinary: a person who was called, in a session of their own, text messages, and pages that are
kept. All else (refusals, searches, typed addresses, proxies, a list to be read anew, a busy or
silent database) is left to Django's views, the plain twin, which may repeat what happened here:
entering, a hold and a confirmation are idempotent. Each act is one statement with the session in
it, then the page of the view; entering is two, since people who come together share the second. The
rules stay in the views and in the functions of the database; tests compare answers and rows with
those of the views.
"""

import asyncio
import logging
import re
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from functools import cache, partial
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation, SynchronousOnlyOperation
from django.core.handlers.wsgi import WSGIRequest
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import ResolverMatch, reverse
from django.utils import translation
from django.utils.cache import add_never_cache_headers
from django.utils.deprecation import MiddlewareMixin
from django.utils.http import http_date
from django.utils.module_loading import import_string
from psycopg import Error as PostgresError

from booking.finder import availability
from booking.models.reservations import NUMBER_LETTERS
from booking.services import at_once, confirmations, reading, wishes
from booking.views.finder import PART, page_of_next_dose
from booking.views.holds import ordinary_hold_page
from booking.views.reservations import ordinary_receipt
from database.links import Links
from database.tracing import traced, tracing
from eligibility.sessions import Claim, claim_of, set_session
from waiting_room.batched_entries import EntryBatcher
from waiting_room.health import tally
from waiting_room.services import entering
from waiting_room.views import entered
from web.codes import ALPHABET
from web.language import language_for
from web.measured import count
from web.posted import posted_id
from web.request_ids import HEADER, id_of

log = logging.getLogger(__name__)

# Of one process; more requests at a time are left to the threads of the pages.
CONNECTIONS = 8
ENTER = "enter"  # the name of its address
KEY = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The hidden token is not checked here: who sends Sec-Fetch-Site is a browser, and no page of
# another site can forge it.
TOKEN = "csrfmiddlewaretoken"  # noqa: S105  (a field's name)

# Called with the request and its claim, or with what an own `_answer` gives.
Act = Callable[..., Awaitable[HttpResponse | None]]
LEFT_TO_DJANGO = (
    DatabaseError, PostgresError, SuspiciousOperation, availability.NotAtHand,
    # A statement of a view: Django refuses them in an event loop.
    SynchronousOnlyOperation,
)  # fmt: skip


class FastPages(ABC):
    """Answers a WSGI environ with its whole body, or gives None to leave it to Django."""

    def __init__(self, links: Links | None = None) -> None:
        self._links = links or Links(CONNECTIONS)

    async def __call__(self, environ: dict[str, Any]) -> HttpResponse | None:
        name, act = self.act_for(environ)
        if act is None:
            return None
        began = time.perf_counter()
        request = WSGIRequest(dict(environ))
        # For the menu of the page, which asks for the name alone.
        request.resolver_match = ResolverMatch(_nothing, (), {}, name)
        try:
            with tracing(id_of(request)):
                response = await self._answer(request, act)
        except LEFT_TO_DJANGO:
            return None
        except Exception as error:
            log.error("left to the page: %s", type(error).__name__, exc_info=True)
            return None
        if response:
            self.note(name, response.status_code, time.perf_counter() - began)
        return response

    @abstractmethod
    def act_for(self, environ: dict[str, Any]) -> tuple[str, Act | None]:
        """The name of an ordinary request's address, and what answers it."""

    def note(self, name: str, status: int, seconds: float) -> None:
        """Count an answer; `name` is that of its address."""
        count(name, status, seconds)

    async def close(self) -> None:
        await self._links.close()

    async def _answer(self, request: HttpRequest, act: Act) -> HttpResponse | None:
        request.get_host()  # raises DisallowedHost, for which Django has an answer
        claim = claim_of(request)
        # A proxy sees less than the person, and an old page may be for another person
        # (eligibility.acting): left to the views.
        if claim is None or claim.has_acted:
            return None
        request.LANGUAGE_CODE = language_for(request)
        read_token(request)
        return await act(request, claim)


class FastBooking(FastPages):
    """The requests of a booking."""

    def __init__(self, links: Links | None = None) -> None:
        super().__init__(links)
        self._entries = EntryBatcher()
        self._pages: dict[str, tuple[str, Act]] = {reverse("booking"): ("booking", self._list)}
        self._forms: dict[str, tuple[str, Act]] = {
            reverse("hold"): ("hold", self._hold),
            reverse("confirm"): ("confirm", self._confirm),
        }
        nobody = uuid.UUID(int=0)
        enter = reverse(ENTER, args=[nobody])
        self._enters = re.compile(enter.replace(str(nobody), f"({KEY.pattern})"))
        number = "0" * NUMBER_LETTERS
        receipt = reverse("reservation", args=[number])
        self._receipts = re.compile(receipt.replace(number, f"([{ALPHABET}]{{{NUMBER_LETTERS}}})"))

    def note(self, name: str, status: int, seconds: float) -> None:
        super().note(name, status, seconds)
        # For the pace of the line. Entering is not behind the guard of booking pages.
        if name != ENTER and (sums := tally.note(seconds)):
            asyncio.get_running_loop().run_in_executor(None, tally.flush, sums)

    def act_for(self, environ: dict[str, Any]) -> tuple[str, Act | None]:
        path = environ["PATH_INFO"]
        if is_page(environ):
            if receipt := self._receipts.fullmatch(path):
                return "reservation", partial(self._receipt, number=receipt[1])
            return self._pages.get(path, ("", None))
        if not is_form(environ):
            return "", None
        if ticket := self._enters.fullmatch(path):
            return ENTER, partial(self._enter, ticket_id=uuid.UUID(ticket[1]))
        return self._forms.get(path, ("", None))

    async def close(self) -> None:
        await super().close()
        await self._entries.close()

    async def _enter(
        self, request: HttpRequest, claim: Claim, *, ticket_id: uuid.UUID
    ) -> HttpResponse | None:
        if not set(request.POST) <= {TOKEN, "slot", "second"}:
            return None
        # Before the line's lock: who may not enter does not come near it.
        rows = await self._links.run(*entering.called_in_session(claim, ticket_id))
        called = entering.called_place(rows or [])
        if called is None:
            return None
        room_id, place = called
        if not await self._entries.enter(room_id, ticket_id, place):
            return None
        with translation.override(request.LANGUAGE_CODE):
            return finished(request, entered(request))

    async def _list(self, request: HttpRequest, claim: Claim) -> HttpResponse | None:
        rows = await self._links.run(*wishes.reading_inside(claim))
        inside = wishes.read_inside(claim, rows) if rows else None
        if inside is None:
            return None
        session, admission, course, wished = inside
        set_session(request, session)
        with translation.override(request.LANGUAGE_CODE), availability.at_hand():
            page = page_of_next_dose(request, admission, admission, course, wished)
            return finished(request, page)

    async def _hold(self, request: HttpRequest, claim: Claim) -> HttpResponse | None:
        slot_id = posted_id(request, "slot")
        # Not with a second dose that was chosen, or the fields of a search.
        if slot_id is None or not set(request.POST) <= {TOKEN, "slot"}:
            return None
        doses = availability.doses_of(slot_id)
        if doses is None:
            return None
        with translation.override(request.LANGUAGE_CODE):
            hold = at_once.hold_in_session(claim, slot_id, doses=doses)
        rows = await self._links.run(*hold)
        if not rows:
            return None
        session, held = reading.reservations_in(claim, rows)
        set_session(request, session)
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

    async def _receipt(
        self, request: HttpRequest, claim: Claim, *, number: str
    ) -> HttpResponse | None:
        rows = await self._links.run(*reading.reading_in_session(claim))
        if not rows:
            return None
        session, reservations = reading.reservations_in(claim, rows)
        set_session(request, session)
        with translation.override(request.LANGUAGE_CODE):
            page = ordinary_receipt(request, number, reservations)
            return page and finished(request, page)


def is_page(environ: dict[str, Any]) -> bool:
    # Not what the finder's script asks for.
    is_whole = f"HTTP_{PART.upper().replace('-', '_')}" not in environ
    return environ["REQUEST_METHOD"] == "GET" and is_whole and is_plain(environ)


def is_form(environ: dict[str, Any]) -> bool:
    is_form = environ.get("CONTENT_TYPE") == "application/x-www-form-urlencoded"
    is_own = environ.get("HTTP_SEC_FETCH_SITE") == "same-origin"
    return environ["REQUEST_METHOD"] == "POST" and is_form and is_own and is_plain(environ)


def is_plain(environ: dict[str, Any]) -> bool:
    """Whether the address has no query, and comes over TLS where Django would refuse it without."""
    is_safe = not settings.SECURE_SSL_REDIRECT or environ.get("HTTP_X_FORWARDED_PROTO") == "https"
    return is_safe and not environ["QUERY_STRING"]


def read_token(request: HttpRequest) -> None:
    """Read the cookie of the form's token, as the middleware does before a view."""
    CsrfViewMiddleware(_nothing).process_request(request)


def finished(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The response with what the views' decorators and the middleware add."""
    # As add_never_cache_headers, which reads and joins headers that are not there yet.
    response.headers["Expires"] = http_date()
    response.headers["Cache-Control"] = _never_cached()
    for middleware in _middleware():
        response = middleware.process_response(request, response)
    response.headers[HEADER] = traced()
    return response


@cache
def _never_cached() -> str:
    response = HttpResponse()
    add_never_cache_headers(response)
    return response.headers["Cache-Control"]


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
