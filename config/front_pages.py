"""Fast path: the pages on which a crowd arrives, home and the identity form, for strangers.

In the minute before an opening everybody asks for these two and reloads them. Django makes each
once a second, in each language, with gaps for the form's token and the time of the page; the event
loop fills in the gaps. All other requests are left to Django: those with a cookie that the page may
depend on, a query, an unknown host, or no TLS where it is required.
"""

import asyncio
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils import translation

from booking.fast_path import finished, is_plain, read_token
from config.context import with_gaps
from config.lanes import Lane
from config.refusals import Refused
from database.tracing import tracing
from eligibility.limits import KNOWN_COOKIE
from web import letters
from web.cookies import named
from web.language import language_for
from web.measured import count
from web.moulds import Html, Text, filled, split
from web.request_ids import id_of
from web.templatetags.times import server_time

KEPT_SECONDS = 1.0
# So long an older page is shown while it is renewed: nobody waits for that, nor for a database that
# is away.
STALE_SECONDS = 5.0
# Without one people read after this time that their place is kept.
PATIENCE_SECONDS = 4.0
# Of these the key of a kept page is made; the token of a form is filled in, and that a browser
# proved a phone before counts only when its form is sent.
COOKIES = {
    settings.LANGUAGE_COOKIE_NAME,
    settings.CSRF_COOKIE_NAME,
    KNOWN_COOKIE,
    *(named(f"jari_{field}") for field in letters.CHOICES),
}
Key = tuple[str, str, bool, bool]


@dataclass
class Kept:
    """A page in parts (web.moulds), and the second in which it is renewed."""

    parts: list[Any]
    until: float


class FrontPages:
    """Answers an environ, or gives None for Django; `application` is Django's own handler."""

    def __init__(self, application: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._application = application
        self._names = {reverse(name): name for name in ("home", "identity")}
        self._kept: dict[Key, Kept] = {}
        self._coming: dict[Key, asyncio.Task[Kept | None]] = {}
        # Of its own: these pages come also when all threads of the pages are taken.
        self._lane = Lane(1, waiting=100, name="front")

    async def __call__(self, environ: dict[str, Any]) -> HttpResponse | None:
        name = self._names.get(environ["PATH_INFO"])
        if name is None or environ["REQUEST_METHOD"] != "GET" or not is_plain(environ):
            return None
        began = time.perf_counter()
        request = WSGIRequest(dict(environ))
        if not COOKIES.issuperset(request.COOKIES):
            return None
        try:
            request.get_host()
        except SuspiciousOperation:
            return None
        page = await self._page(_key(request), environ)
        if page is None:
            return None
        response = _filled(request, page)
        count(name, response.status_code, time.perf_counter() - began)
        return response

    async def _page(self, key: Key, environ: dict[str, Any]) -> Kept | None:
        """The kept page. An older one is renewed once for all, who get it as it was meanwhile; None
        where Django has no page. Raises Refused (503) where it takes too long, as in an outage."""
        page, now = self._kept.get(key), time.monotonic()
        if page and page.until > now:
            return page
        task = self._coming.get(key)
        if task is None:
            task = asyncio.create_task(self._lane.run("", partial(self._make, key, environ)))
            self._coming[key] = task
            task.add_done_callback(partial(self._came, key))
        if page and page.until + STALE_SECONDS > now:
            return page
        try:
            return await asyncio.wait_for(asyncio.shield(task), PATIENCE_SECONDS)
        except TimeoutError:
            raise Refused(503) from None

    def _came(self, key: Key, task: "asyncio.Task[Kept | None]") -> None:
        del self._coming[key]
        page = None if task.cancelled() or task.exception() else task.result()
        if page:
            self._kept[key] = page

    def _make(self, key: Key, environ: dict[str, Any]) -> Kept | None:
        """The page as Django makes it, in parts; None if it is no page, as in an outage."""
        request = WSGIRequest(_bare(key, environ))
        with_gaps(request)
        try:
            response = self._application(request)
            if response.status_code != 200 or not isinstance(response, HttpResponse):
                return None
            return Kept(split(response.content.decode()), time.monotonic() + KEPT_SECONDS)
        finally:
            close_old_connections()


def _key(request: HttpRequest) -> Key:
    large, easy = letters.is_large(request), letters.has_easy_words(request)
    return request.path, language_for(request), large, easy


def _bare(key: Key, environ: dict[str, Any]) -> dict[str, Any]:
    """The environ of a request of nobody in particular. Its host and scheme are those of a reader,
    which were looked at; no page shows them."""
    path, language, large, easy = key
    chosen = {
        settings.LANGUAGE_COOKIE_NAME: language,
        named("jari_letters"): letters.LARGE if large else letters.NORMAL,
        named("jari_words"): letters.EASY if easy else letters.USUAL,
    }
    names = ("SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "HTTP_HOST", "HTTP_X_FORWARDED_PROTO")
    return {
        **{name: value for name, value in environ.items() if name in names or name[:5] == "wsgi."},
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "REMOTE_ADDR": "",
        "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in chosen.items()),
        "wsgi.input": io.BytesIO(),
    }


def _filled(request: WSGIRequest, page: Kept) -> HttpResponse:
    read_token(request)
    request.LANGUAGE_CODE = language_for(request)
    with translation.override(request.LANGUAGE_CODE), tracing(id_of(request)):
        texts = [Text(get_token(request)), Html(server_time({}))]
        return finished(request, HttpResponse(filled(page.parts, texts)))
