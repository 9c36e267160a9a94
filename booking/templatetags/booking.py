from typing import Any
from urllib.parse import quote

from django import template
from django.conf import settings
from django.utils.http import urlencode

from booking.enums import facilities_in_words
from booking.finder.availability import ClinicFacts
from booking.finder.search import Search
from booking.views import cards
from booking.views.purposes import Purpose
from web.language import reads_korean

register = template.Library()


@register.simple_tag
def narrowed(search: Search, code: str | None = None, **changes: Any) -> str:
    """The query string of a search with some criteria changed, and the clinic's code."""
    query = search.query(**changes)
    # The clinic is part of the address, not of Search.
    if code:
        query = "&".join(part for part in [urlencode({"clinic": code}), query] if part)
    return query


@register.simple_tag
def widened(search: Search, code: str | None = None) -> str:
    """The query string of a search without weekdays, part of the day and vaccine."""
    return narrowed(search.widened(), code, on=search.on, has=frozenset())


@register.simple_tag
def query(**fields: str) -> str:
    """A query string of the fields that are not empty."""
    return urlencode({name: value for name, value in fields.items() if value})


@register.simple_tag
def clinic_url(purpose: Purpose, code: str, query: str) -> str:
    return purpose.clinic_url(code, query)


register.simple_tag(cards.slot_buttons)
register.simple_tag(cards.vaccine_of_times)
register.simple_tag(cards.clinic_cards)


@register.simple_tag
def facilities_of(clinic: ClinicFacts) -> list[str]:
    return facilities_in_words(clinic.facilities)


@register.simple_tag
def directions(address: str) -> list[tuple[str, str]]:
    """Names and addresses of maps that show the way to this address."""
    name = "ko" if reads_korean() else "en"
    return [
        (each[name], each["url"].replace("{address}", quote(address, safe="")))
        for each in settings.DIRECTIONS
    ]


@register.filter
def in_thousands(number: int) -> str:
    return f"{number:,}"
