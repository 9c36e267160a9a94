"""Times on pages: said in the reader's language, readable for machines."""

from datetime import date, datetime
from functools import lru_cache

from django.template import Library
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from database.clock import known_now

register = Library()


@register.simple_tag
def when(at: date | None, style: str = "") -> str:
    """A time with its year, `short` without; `day` and `date` are the same without the hour."""
    return _when(at, style, get_language()) if at else ""


# An opening shows the same few hundred appointments to everybody.
@lru_cache(maxsize=4096)
def _when(at: date, style: str, _language: str) -> SafeString:
    days = {"short": _("D j M,"), "day": _("D j F Y"), "date": _("D j M")}
    day = date_format(_here(at), days.get(style) or _("D j F Y,"))
    if style in ("day", "date"):
        return _time(at, format_html('<span class="jari-whole">{}</span>', day))
    # A narrow page breaks the line between day and hour, never within either.
    whole = '<span class="jari-whole">{}</span> <span class="jari-whole">{}</span>'
    return _time(at, format_html(whole, day, f"{_here(at):%H:%M}"))


@register.simple_tag
def clock(at: datetime) -> str:
    """A time of day to the second."""
    return _time(at, f"{_here(at):%H:%M:%S}")


@register.simple_tag
def server_time() -> str:
    now = known_now()
    return _time(now, f"{_here(now):%Y-%m-%d %H:%M:%S}")


def _time(at: date, text: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', _here(at).isoformat(), text)


def _here(at: date) -> date:
    return timezone.localtime(at) if isinstance(at, datetime) else at
