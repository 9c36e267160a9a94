"""Names of clinics for their reader: the English one, and the Korean one beside it, which taxi
drivers and signs have. Readers of Korean see the Korean one alone."""

import re
from typing import Protocol

from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from web.language import reads_korean

# Korean text with the digits and signs inside it, as an address has them.
_KOREAN = re.compile(r"([가-힣ㄱ-ㆎ](?:[가-힣ㄱ-ㆎ0-9 ,.()~-]*[가-힣ㄱ-ㆎ0-9)])?)")


class Place(Protocol):
    """A clinic, or a care home, which has no English name."""

    @property
    def name(self) -> str: ...


def _english(place: Place) -> str:
    return getattr(place, "name_en", "")


def full_name(place: Place) -> str:
    """The name in plain text: `Hangang Clinic (한강의원)`."""
    english = _english(place)
    return place.name if reads_korean() or not english else f"{english} ({place.name})"


def name_as_html(place: Place) -> SafeString:
    """The same for a page, which says that the Korean name is Korean."""
    english = _english(place)
    if reads_korean() or not english:
        return marked(place.name)
    return format_html('{} <span lang="ko">{}</span>', english, place.name)


def marked(text: str) -> SafeString:
    """A text with each stretch of Korean marked as such, for readers of another language."""
    if reads_korean() or isinstance(text, SafeString):
        return conditional_escape(text)
    # Odd pieces are what the expression found.
    pieces = (
        (format_html('<span lang="ko">{}</span>', piece) if index % 2 else piece,)
        for index, piece in enumerate(_KOREAN.split(str(text)))
    )
    return format_html_join("", "{}", pieces)
