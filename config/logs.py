import logging
import re
from datetime import UTC, datetime
from typing import Any

# Korean mobile numbers, birth dates and e-mail addresses.
_PERSONAL = re.compile(
    r"(?:\+82|0)[-\s.]?1[016789][-\s.]?\d{3,4}[-\s.]?\d{4}"
    r"|\b(?:19\d\d|20[01]\d)[-./]?[01]\d[-./]?[0-3]\d\b"
    r"|[^\s@<>\"'(),:;=]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250})"
)
# Line breaks and control characters: text from outside could forge a log line or send escape
# sequences to the reader's terminal.
_BREAKS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]+")


def masked(text: str) -> str:
    return _PERSONAL.sub("…", text)


class MaskPersonalData(logging.Filter):
    """Masks what looks like a phone, a birth date or an e-mail address, and removes line breaks.

    A safety net: log calls themselves name nobody.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        clean = _BREAKS.sub(" ", masked(message))
        if clean != message:
            record.msg, record.args = clean, ()
        return True


class MaskedFormatter(logging.Formatter):
    """Masks tracebacks too, which may quote typed values. Times are UTC with an offset."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def formatException(self, ei: Any) -> str:
        return masked(super().formatException(ei))


class Caller(logging.Filter):
    """Appends address, method and account number to Django's messages about a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        if hasattr(request, "META") and not hasattr(record, "caller"):
            caller = _caller(request)
            # Marks the record: several handlers filter the same one.
            vars(record)["caller"] = caller
            record.msg, record.args = f"{record.getMessage()} [{caller}]", ()
        return True


def _caller(request: Any) -> str:
    from web.addresses import client_address  # the settings, which load this module, come first

    address = client_address(request)
    # Only what the request has loaded already: a query could fail, as the request may have.
    user = getattr(request, "_cached_user", None)
    # eligibility.sessions: the session, or the cookie's claim before the database was asked.
    citizen = getattr(request, "_jari_session", getattr(request, "_jari_claim", None))
    return ", ".join(
        [
            f"from {address or 'an unknown address'}",
            request.method or "no method",
            *([f"user {user.pk}"] if user is not None and user.pk else []),
            *([f"person {citizen.person_id}"] if citizen else []),
        ]
    )


class OnlyWarnings(logging.Filter):
    """For loggers whose level a library sets at start, such as rq's."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING
