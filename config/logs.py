import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

from database.tracing import traced

# Korean mobile numbers, birth dates and e-mail addresses.
_PERSONAL = re.compile(
    r"(?:\+82|0)[-\s.]?1[016789][-\s.]?\d{3,4}[-\s.]?\d{4}"
    r"|\b(?:19\d\d|20[01]\d)[-./]?[01]\d[-./]?[0-3]\d\b"
    r"|[^\s@<>\"'(),:;=]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250})"
)
# Line breaks and control characters: text from outside could forge a log line or send escape
# sequences to the reader's terminal.
_BREAKS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]+")


# Secrets of links in messages, and tickets: enough stays to tell one from another.
_TOKEN = re.compile(
    r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|(?<=/invitation/)(\w+)/[^/\s]+"
)


def masked(text: str) -> str:
    return _PERSONAL.sub("…", _TOKEN.sub(lambda match: f"{match[1] or match[2]}…", text))


class MaskPersonalData(logging.Filter):
    """Masks what looks like a phone, a birth date, an e-mail address or the secret of a link, and
    removes line breaks.

    A safety net: log calls themselves name nobody.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        clean = _BREAKS.sub(" ", masked(message))
        if clean != message:
            record.msg, record.args = clean, ()
        return True


class MaskedFormatter(logging.Formatter):
    """Masks tracebacks too, which may quote typed values. Times are UTC with an offset. A line ends
    with the id of its request or job."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def formatMessage(self, record: logging.LogRecord) -> str:
        name = traced()
        return super().formatMessage(record) + (f" #{name}" if name else "")

    def formatException(self, ei: Any) -> str:
        return masked(super().formatException(ei))


class JsonFormatter(MaskedFormatter):
    """A JSON object a line, its fields those of the Elastic Common Schema, which collectors of logs
    read as they are (https://www.elastic.co/guide/en/ecs/current/)."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "@timestamp": self.formatTime(record),
            "log.level": record.levelname.lower(),
            "message": record.getMessage(),
            "ecs.version": "8.11.0",
            "log.logger": record.name,
            "process.pid": record.process,
            **({"trace.id": name} if (name := traced()) else {}),
            **{name: value for name, value in getattr(record, "caller", {}).items() if value},
        }
        if record.exc_info and record.exc_info[0]:
            entry["error.type"] = record.exc_info[0].__name__
            entry["error.stack_trace"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


class Caller(logging.Filter):
    """Appends address, method and account number to Django's messages about a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        if hasattr(request, "META") and not hasattr(record, "caller"):
            caller = _caller(request)
            # Marks the record: several handlers filter the same one.
            vars(record)["caller"] = caller
            address, *others = caller.values()
            source = f"from {address or 'an unknown address'}"
            record.msg = f"{record.getMessage()} [{', '.join([source, *others])}]"
            record.args = ()
        return True


def _caller(request: Any) -> dict[str, str]:
    """Who asked, by the fields of JsonFormatter."""
    from web.addresses import client_address  # the settings, which load this module, come first

    # Only what the request has loaded already: a query could fail, as the request may have.
    user = getattr(request, "_cached_user", None)
    # eligibility.sessions: the session, or the cookie's claim before the database was asked.
    citizen = getattr(request, "_jari_session", getattr(request, "_jari_claim", None))
    return {
        "source.ip": str(client_address(request) or ""),
        "http.request.method": request.method or "no method",
        **({"user.id": f"user {user.pk}"} if user is not None and user.pk else {}),
        **({"client.user.id": f"person {citizen.person_id}"} if citizen else {}),
    }


class OnlyWarnings(logging.Filter):
    """For loggers whose level a library sets at start, such as rq's."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING
