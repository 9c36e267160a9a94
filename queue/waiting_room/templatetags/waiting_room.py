from typing import Any

from django import template
from django.utils.translation import gettext as _

from waiting_room import estimate

register = template.Library()


@register.filter
def grouped(number: int | None) -> str:
    """12,345; "–" for None. Grouped digits, as places are read aloud and compared."""
    return "–" if number is None else f"{number:,}"


@register.filter
def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


@register.filter
def per_mille(number: int) -> str:
    """“40 %” for 400 thousandths, as the log's totals have them."""
    return f"{number / 10:.0f} %"


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
def waiting_time(now_document: dict[str, Any], ahead: int | None) -> str:
    """“25 to 35 minutes”, or why there is no estimate. waiting.js makes the same text."""
    rows = [estimate.Row(*row) for row in now_document.get("waits", [])]
    wait = None if ahead is None else estimate.between(rows, ahead + 1)
    if wait is None:
        if now_document.get("no_number") == "stalled":
            return _("The line stands still, so nobody can say.")
        if now_document.get("no_number") == "paused":
            return _("Counted again when the pause is over.")
        return _("We will say so as soon as the line moves.")
    low, high, unit = estimate.rounded(wait)
    if (low, high) == (0, 1):
        return _("under a minute")
    text = _("{a} to {b} minutes") if unit == "minutes" else _("{a} to {b} hours")
    return text.format(a=f"{low:g}", b=f"{high:g}")
