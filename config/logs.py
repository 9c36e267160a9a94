import logging
import re
from typing import Any

# Korean mobile numbers, birth dates and e-mail addresses, however they got into a line.
_PERSONAL = re.compile(
    r"(?:\+82|0)[-\s.]?1[016789][-\s.]?\d{3,4}[-\s.]?\d{4}"
    r"|\b(?:19\d\d|20[01]\d)[-./]?[01]\d[-./]?[0-3]\d\b"
    r"|[^\s@<>\"'(),:;=]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250})"
)
# What others wrote could otherwise begin a line of its own, or steer the terminal of a reader.
_BREAKS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]+")


def masked(text: str) -> str:
    return _PERSONAL.sub("…", text)


class MaskPersonalData(logging.Filter):
    """The last net below calls that name nobody: masks what looks like a phone, a birth date or an
    e-mail address, and keeps a message in its line."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        clean = _BREAKS.sub(" ", masked(message))
        if clean != message:
            record.msg, record.args = clean, ()
        return True


class MaskedFormatter(logging.Formatter):
    """Masks tracebacks too, which may quote what was typed."""

    def formatException(self, ei: Any) -> str:
        return masked(super().formatException(ei))


class OnlyWarnings(logging.Filter):
    """For loggers whose level somebody else sets."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING
