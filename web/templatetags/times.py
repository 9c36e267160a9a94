"""Template tags that show times in the reader's language, in a <time> element."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django.template import Library
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from database.clock import known_now
from web.times import hour_of, moment

register = Library()


@register.simple_tag
def when(at: date | None, style: str = "") -> str:
    """A day with its hour. `style` "short" leaves out the year, "day" the hour, "date" both."""
    return _when(at, style, get_language()) if at else ""


# Cached: an opening shows the same few hundred times to all readers.
@lru_cache(maxsize=4096)
def _when(at: date, style: str, _language: str) -> SafeString:
    days = {"short": _("D j M,"), "day": _("D j F Y"), "date": _("D j M")}
    local = _local(at)
    day = date_format(local, days.get(style) or _("D j M Y,"))
    if style in ("day", "date"):
        return _time(local, format_html('<span class="jari-whole">{}</span>', day))
    # Two spans, so that a narrow page breaks the line between day and hour, never within them.
    spans = '<span class="jari-whole">{}</span> <span class="jari-whole">{}</span>'
    return _time(local, format_html(spans, day, hour_of(at) if isinstance(at, datetime) else ""))


# Within a sentence, without a <time> element.
register.filter("hour", hour_of)
register.filter("moment", moment)


@register.simple_tag
def clock(at: datetime) -> str:
    """A time of day to the second."""
    local = _local(at)
    return _time(local, f"{local:%H:%M:%S}")


@register.simple_tag(takes_context=True)
def server_time(context: Mapping[str, Any]) -> str:
    """The time that the page was made at; a page that is kept has a gap for it (web.moulds)."""
    if "server_time" in context:
        gap: str = context["server_time"]
        return gap
    now = timezone.localtime(known_now())
    return _time(now, f"{now:%Y-%m-%d %H:%M:%S}")


def _time(local: date, text: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), text)


def _local(at: date) -> date:
    return timezone.localtime(at) if isinstance(at, datetime) else at
