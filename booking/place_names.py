"""Names of clinics for their reader: the English one, and the Korean one beside it, which taxi
drivers and signs have. Readers of Korean see the Korean one alone."""

from typing import Protocol

from django.utils.html import format_html
from django.utils.safestring import SafeString

from web.language import reads_korean
from web.marking import marked


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
