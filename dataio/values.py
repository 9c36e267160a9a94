"""How the text of a cell becomes a value; BadValue says what was expected, never what was read."""

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime, time
from enum import Enum
from typing import Any, TypeVar

from django.utils import timezone
from django.utils.translation import gettext as _

_Choice = TypeVar("_Choice", bound=Enum)
_DATE = re.compile(
    r"(\d{4})(?:-(\d{1,2})-(\d{1,2})|/(\d{1,2})/(\d{1,2})"
    r"|\. ?(\d{1,2})\. ?(\d{1,2})\.?|(\d{2})(\d{2}))"
)
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::00)?|(\d{2})(\d{2})")


class BadValue(Exception):
    """The text of a cell is not what its column holds."""


def _plain(text: str) -> str:
    """Full-width digits and signs, as Korean keyboards make them, become plain ones."""
    return unicodedata.normalize("NFKC", text).strip()


def day(text: str) -> date:
    """2026-07-19; also 20260719, 2026.7.19 and 2026/7/19."""
    match = _DATE.fullmatch(_plain(text))
    if match:
        year, *rest = [int(part) for part in match.groups() if part is not None]
        try:
            return date(year, *rest)
        except ValueError:
            raise BadValue(_("There is no such day in the calendar.")) from None
    raise BadValue(_("Write a date as 2026-07-19."))


def clock(text: str) -> time:
    """09:30; also 0930 as the open-data lists write it."""
    match = _TIME.fullmatch(_plain(text))
    if match:
        hour, minute = [int(part) for part in match.groups() if part is not None]
        if hour < 24 and minute < 60:
            return time(hour, minute)
    raise BadValue(_("Write a time of day as 09:30."))


def moment(text: str) -> datetime:
    """ISO 8601; Asia/Seoul where no zone is given."""
    try:
        value = datetime.fromisoformat(_plain(text))
    except ValueError:
        raise BadValue(_("Write a time as 2026-07-19T20:00.")) from None
    return value if value.tzinfo else timezone.make_aware(value)


def whole_number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        text = _plain(text)
        if re.fullmatch(r"-?\d{1,9}", text) and least <= int(text) <= most:
            return int(text)
        raise BadValue(
            _("Write a whole number from %(least)s to %(most)s.") % {"least": least, "most": most}
        )

    return parse


def decimal(least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        text = _plain(text)
        if re.fullmatch(r"-?\d{1,9}(\.\d{1,20})?", text) and least <= float(text) <= most:
            return float(text)
        raise BadValue(
            _("Write a number from %(least)s to %(most)s.") % {"least": least, "most": most}
        )

    return parse


def one_of(choices: type[_Choice]) -> Callable[[str], _Choice]:
    def parse(text: str) -> _Choice:
        try:
            return choices(_plain(text).casefold())
        except ValueError:
            known = ", ".join(str(choice.value) for choice in choices)
            raise BadValue(_("Write one of: %s.") % known) from None

    return parse


def matching(pattern: str, expected: Any) -> Callable[[str], str]:
    """Text that fits `pattern` as a whole; `expected` is the sentence shown otherwise."""
    compiled = re.compile(pattern)

    def parse(text: str) -> str:
        text = _plain(text)
        if not compiled.fullmatch(text):
            raise BadValue(str(expected))
        return text

    return parse


def line_of_text(text: str) -> str:
    """One line of text: inner spaces made single, control characters refused."""
    if any(unicodedata.category(mark) in {"Cc", "Cs", "Co"} for mark in text.replace("\t", " ")):
        raise BadValue(_("Use letters, digits and punctuation only, on one line."))
    return " ".join(text.split())
