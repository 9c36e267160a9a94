"""Events of a person, and the sentence of each kind of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from web.language import reads_korean
from web.times import moment

Words = Callable[[Any], object]


@dataclass(frozen=True)
class Kind:
    """A kind of event with its sentence, which is made to be read out.

    The sentence may name parameters, as `%(place)s`. `words` turn values of parameters into text
    where `in_words` does not suffice, such as a status into its label.
    """

    code: str
    sentence: "str | Promise"
    words: Mapping[str, Words] = field(default_factory=dict)

    def sentence_for(self, parameters: Mapping[str, Any]) -> str:
        texts = {
            name: str(self.words.get(name, in_words)(value)) for name, value in parameters.items()
        }
        return str(self.sentence) % texts


# By code; filled by events.sources.register.
KINDS: dict[str, Kind] = {}


@dataclass(frozen=True)
class Event:
    """One event of a person: when (the database's time), what, and who did it (staff.actors)."""

    at: datetime
    kind: str
    reservation_id: int | None = None
    actor: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """In the reader's language; of a kind that no app knows any more, its code."""
        kind = KINDS.get(self.kind)
        return kind.sentence_for(self.parameters) if kind else self.kind


def in_words(value: Any) -> str:
    """The text of a parameter: numbers with separators, times local, names in the reader's
    language. A pair of names is stored as {"ko": …, "en": …}, times and days in ISO 8601."""
    if value is None or value == "":
        return "–"
    if isinstance(value, dict):
        korean = reads_korean()
        return str(value.get("ko") if korean else value.get("en") or value.get("ko"))
    if isinstance(value, bool) or not isinstance(value, int):
        return _time_in_words(value) or str(value)
    return f"{value:,}"


def _time_in_words(value: Any) -> str:
    at = value if isinstance(value, date) else _parsed(str(value))
    if isinstance(at, datetime):
        return moment(at)
    return date_format(at, _("D j M Y")) if at else ""


def _parsed(text: str) -> date | None:
    if len(text) < len("2026-01-01") or not text[:4].isdecimal():
        return None
    try:
        return parse_datetime(text) if "T" in text else parse_date(text)
    except ValueError:
        return None


def time_of_day(value: Any) -> str:
    """Words of a time to the second, where the day is clear from the event."""
    at = value if isinstance(value, datetime) else parse_datetime(str(value))
    return f"{timezone.localtime(at):%H:%M:%S}" if at else str(value)
