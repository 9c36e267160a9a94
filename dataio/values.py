"""Parsers of cells. BadValue says what was expected, never what was read (personal data)."""

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime, time
from enum import Enum
from typing import Any, TypeVar

from django.utils import timezone
from django.utils.translation import gettext as _

_Choice = TypeVar("_Choice", bound=Enum)
# Also "2026. 7. 19.", as Excel in Korea writes it.
_DATE = re.compile(
    r"(\d{4})(?:-(\d{1,2})-(\d{1,2})|/(\d{1,2})/(\d{1,2})"
    r"|\. ?(\d{1,2})\. ?(\d{1,2})\.?|(\d{2})(\d{2}))"
)
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::00)?|(\d{2})(\d{2})")


class BadValue(Exception):
    """The text of a cell is no value of its column."""


def _half_width(text: str) -> str:
    """Replace full-width digits and signs, which Korean keyboards type, by ASCII."""
    return unicodedata.normalize("NFKC", text).strip()


def day(text: str) -> date:
    """A date: 2026-07-19, 20260719, 2026.7.19 or 2026/7/19; raises BadValue."""
    match = _DATE.fullmatch(_half_width(text))
    if match:
        year, *month_and_day = [int(part) for part in match.groups() if part is not None]
        try:
            return date(year, *month_and_day)
        except ValueError:
            raise BadValue(_("There is no such day in the calendar.")) from None
    raise BadValue(_("Write a date as 2026-07-19."))


def clock(text: str) -> time:
    """A time of day: 09:30, or 0930 as in open-data lists; raises BadValue."""
    match = _TIME.fullmatch(_half_width(text))
    if match:
        hour, minute = [int(part) for part in match.groups() if part is not None]
        if hour < 24 and minute < 60:
            return time(hour, minute)
    raise BadValue(_("Write a time of day as 09:30."))


def moment(text: str) -> datetime:
    """A time in ISO 8601, by default in Asia/Seoul; raises BadValue."""
    try:
        value = datetime.fromisoformat(_half_width(text))
    except ValueError:
        raise BadValue(_("Write a time as 2026-07-19T20:00.")) from None
    return value if value.tzinfo else timezone.make_aware(value)


def whole_number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        text = _half_width(text)
        if re.fullmatch(r"-?\d{1,9}", text) and least <= int(text) <= most:
            return int(text)
        raise BadValue(
            _("Write a whole number from %(least)s to %(most)s.") % {"least": least, "most": most}
        )

    return parse


def decimal(least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        text = _half_width(text)
        if re.fullmatch(r"-?\d{1,9}(\.\d{1,20})?", text) and least <= float(text) <= most:
            return float(text)
        raise BadValue(
            _("Write a number from %(least)s to %(most)s.") % {"least": least, "most": most}
        )

    return parse


def one_of(choices: type[_Choice]) -> Callable[[str], _Choice]:
    def parse(text: str) -> _Choice:
        try:
            return choices(_half_width(text).casefold())
        except ValueError:
            names = ", ".join(str(choice.value) for choice in choices)
            raise BadValue(_("Write one of: %s.") % names) from None

    return parse


def matching(pattern: str, expected: Any) -> Callable[[str], str]:
    """A parser of text that matches `pattern` in full; `expected` is the message if not."""
    compiled = re.compile(pattern)

    def parse(text: str) -> str:
        text = _half_width(text)
        if not compiled.fullmatch(text):
            raise BadValue(str(expected))
        return text

    return parse


def line_of_text(text: str) -> str:
    """One line of text with single blanks; raises BadValue for control characters."""
    # Cc control, Cs surrogate, Co private use.
    if any(
        unicodedata.category(character) in {"Cc", "Cs", "Co"}
        for character in text.replace("\t", " ")
    ):
        raise BadValue(_("Use letters, digits and punctuation only, on one line."))
    return " ".join(text.split())
