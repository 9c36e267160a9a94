from typing import Any

from django import template
from django.utils.translation import gettext as _

from waiting_room import estimate
from waiting_room.reasons import range_text, wait_text

register = template.Library()


@register.filter
def grouped(number: int | None) -> str:
    """12,345; "–" for None. Grouped digits, as places are read aloud and compared."""
    return "–" if number is None else f"{number:,}"


@register.filter
def percent(share: float) -> str:
    return f"{100 * share:.0f}%"


@register.filter
def duration(seconds: int) -> str:
    """“1 h 5 min”, or seconds below a minute: how long a wait was."""
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours:
        return _("%(hours)s h %(minutes)s min") % {"hours": f"{hours:,}", "minutes": minutes}
    if minutes:
        return _("%(minutes)s min") % {"minutes": minutes}
    return _("%(seconds)s s") % {"seconds": seconds}


@register.simple_tag
def waiting_time(now_document: dict[str, Any], ahead: int | None, *, own: bool = True) -> str:
    """“25 to 35 minutes”, or why there is no estimate. waiting.js makes the same text."""
    return wait_text(now_document, ahead, own=own)


@register.filter
def range_of(wait: estimate.Range | None) -> str:
    """A forecast of waiting in words; "–" without one."""
    return range_text(wait) if wait else "–"
