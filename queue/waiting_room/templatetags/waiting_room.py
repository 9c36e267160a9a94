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
