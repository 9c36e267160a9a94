from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.utils.safestring import SafeString

from booking.admin.day.rows import Entry

register = template.Library()


@register.simple_tag
def row(entry: Entry, day: Mapping[str, Any], beside: str = "") -> SafeString:
    """A row of the day; `beside` begins the id of one that stands on the page twice."""
    return entry.shown(day, f"{beside}{entry.anchor}")


@register.simple_tag
def rows(entries: Iterable[Entry], day: Mapping[str, Any]) -> SafeString:
    """All rows of a page at once: a loop of the template took a fifth of their time."""
    return SafeString("".join([row(entry, day) for entry in entries]))
