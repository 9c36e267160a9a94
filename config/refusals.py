"""Error answers of the web server itself, for requests that do not reach Django or fail in it."""

import logging

from django.core.exceptions import BadRequest, SuspiciousOperation

from config.headers import Headers
from web import measured
from web.error_pages import page

log = logging.getLogger(__name__)

RETRY_SECONDS = 10
# In templates/503_busy.html, which a proxy shows as it is.
_IN_SECONDS = b">%d</span>" % RETRY_SECONDS


class Refused(Exception):
    """A refused request: its HTTP `status`, the error `page` and further headers."""

    def __init__(self, status: int, page: str = "", **headers: str) -> None:
        super().__init__(status)
        self.status = status
        self.page = page or f"{status}.html"
        self.headers: Headers = [(name.replace("_", "-"), value) for name, value in headers.items()]

    def answer_in(self, language: str) -> tuple[int, Headers, bytes]:
        headers = [
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "no-store"),
            # The rest of the request is not read, so the connection can't be reused.
            ("connection", "close"),
            *self.headers,
        ]
        return self.status, headers, self.body_in(language)

    def body_in(self, language: str) -> bytes:
        return page(self.page, language)


class Busy(Refused):
    """Too many wait: the answer says in how many seconds to try again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(503, "503_busy.html", retry_after=str(seconds))
        self._seconds = seconds

    def body_in(self, language: str) -> bytes:
        return page(self.page, language).replace(_IN_SECONDS, b">%d</span>" % self._seconds)


def busy(seconds: int = RETRY_SECONDS) -> Refused:
    measured.BUSY.inc()
    return Busy(seconds)


def refusal_of(error: Exception) -> Refused:
    """The refusal for a request that raised `error`, which is logged."""
    # The address is left out of the log: its query may contain personal data.
    unreadable = isinstance(error, BadRequest | SuspiciousOperation | UnicodeError)
    name = type(error).__name__
    log.error("a request was not answered: %s", name, exc_info=not unreadable and error)
    return Refused(400 if unreadable else 500)
