"""Reads a list of residents: name and birth date, or the roster's key, one person a line.

Pure functions, no queries. Lists come from spreadsheets and from word processors, so cells may be
separated by tabs, commas, semicolons or spaces, and may stand in any order.
"""

import re
from dataclasses import dataclass
from datetime import date

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from eligibility import spelling

MOST_LINES = 500
_LONGEST_LINE = 200
# A birth date among other words: with separators, or six or eight digits in a row.
_DATE = re.compile(
    r"(?<![\w-])(?:\d{4}|\d{2})\s?[-./년]\s?\d{1,2}\s?[-./월]\s?\d{1,2}(?:\s?일|\.)?(?![\w-])"
    r"|(?<![\w-])(?:\d{8}|\d{6})(?![\w-])"
)
_RESIDENT_NUMBER = re.compile(r"(?<!\d)\d{6}\s?-?\s?[0-9*]{7}(?!\d)")
_KEY = re.compile(r"(?=.*\d)[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# The first line of a file: names of columns, as the roster's files have them, or in Korean.
_HEADINGS = {"name", "birth_date", "birth date", "person_id", "이름", "성명", "생년월일", "번호"}


class ResidentState(models.TextChoices):
    """What a preview says of one line."""

    FITS = "fits", gettext_lazy("Can be booked")
    UNREADABLE = "unreadable", gettext_lazy("Not readable")
    REPEATED = "repeated", gettext_lazy("Twice on the list")
    NOT_FOUND = "not_found", gettext_lazy("Not on the roster")
    AMBIGUOUS = "ambiguous", gettext_lazy("Several people")
    ON_VISIT = "on_visit", gettext_lazy("Booked for this visit already")
    BOOKED = "booked", gettext_lazy("Has an appointment")
    CHOOSING = "choosing", gettext_lazy("Choosing a time now")
    GIVEN = "given", gettext_lazy("Has had this dose")
    NO_FIRST = "no_first", gettext_lazy("No first dose")
    OTHER_VACCINE = "other_vaccine", gettext_lazy("Another vaccine")
    INTERVAL = "interval", gettext_lazy("Wrong interval")
    NOT_ELIGIBLE = "not_eligible", gettext_lazy("May not book")
    NO_PLACE = "no_place", gettext_lazy("No dose left")


class BadList(Exception):
    """The list as a whole can't be read; the message says what to do."""


@dataclass(frozen=True)
class Line:
    """One line of a list: a roster key, or a name with its birth date (two, if the century is
    open), or a problem in words that repeat nothing of the line."""

    number: int
    name: str = ""
    born: tuple[date, ...] = ()
    key: str = ""
    problem: str = ""


def read_list(text: str, *, today: date) -> list[Line]:
    """The lines that are not empty; raises BadList for none, or for more than MOST_LINES."""
    lines = [
        (number, line.strip(" \t\r,;\ufeff"))
        for number, line in enumerate(text.splitlines(), start=1)
    ]
    filled = [(number, line) for number, line in lines if line]
    if filled and _is_heading(filled[0][1]):
        filled = filled[1:]
    if not filled:
        raise BadList(_("The list is empty. Write one person a line."))
    if len(filled) > MOST_LINES:
        text = _("At most %(most)s people at once.")
        raise BadList(text % {"most": MOST_LINES})
    return [_read_line(number, line, today) for number, line in filled]


def _is_heading(line: str) -> bool:
    return any(cell.strip(" \"'").casefold() in _HEADINGS for cell in re.split(r"[\t,;]", line))


def _read_line(number: int, line: str, today: date) -> Line:
    if len(line) > _LONGEST_LINE:
        return Line(number, problem=_("This line is too long."))
    line = spelling.plain(line.replace('"', " "))
    if _RESIDENT_NUMBER.search(line):
        return Line(
            number,
            problem=_("A resident registration number is stored nowhere. Write the birth date."),
        )
    match = _DATE.search(line)
    if match is None:
        key = line.strip(" ,;")
        if _KEY.fullmatch(key):
            return Line(number, key=key)
        return Line(number, problem=_("Write the name and the birth date, as in 1938-05-12."))
    words = re.sub(r"[,;\t]+", " ", f"{line[: match.start()]} {line[match.end() :]}").strip()
    if not words and _KEY.fullmatch(line):
        return Line(number, key=line)
    # Lists are often numbered: "12. 김영희 1938-05-12".
    words = re.sub(r"^\d{1,3}[.)]?\s+", "", words)
    born = spelling.birth_dates(match.group(), today=today)
    try:
        name = spelling.person_name(" ".join(words.split()))
    except ValueError:
        return Line(number, problem=_("Write the name and the birth date, as in 1938-05-12."))
    if not born:
        return Line(number, problem=_("There is no such birth date."))
    return Line(number, name=name, born=born)
