from typing import Any

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from waiting_room import estimate

register = template.Library()


@register.filter
def grouped(number: int | None) -> str:
    """12,345; "–" for None. Grouped digits, as places are read aloud and compared."""
    return "–" if number is None else f"{number:,}"


@register.filter
def percent(share: float) -> str:
    return f"{100 * share:.0f}%"


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
def waiting_time(now_document: dict[str, Any], ahead: int | None, *, own: bool = True) -> str:
    """“25 to 35 minutes”, or why there is no estimate. waiting.js makes the same text.

    `own`: for the person with so many ahead, else for a person who would join now.
    """
    why_none = now_document.get("no_number")
    if why_none in _WHY_NONE:
        return str(_WHY_NONE[why_none])
    # Whatever the history says, nobody is waited for.
    if ahead == 0:
        return _("You are next.") if own else _("at once")
    rows = [estimate.Row(*row) for row in now_document.get("waits", [])]
    wait = None if ahead is None else estimate.between(rows, ahead + 1)
    if wait is None:
        return _("We will say so as soon as the line moves.")
    low, high, unit = estimate.rounded(wait)
    if (low, high) == (0, 1):
        return _("under a minute")
    text = str(_RANGES[unit, high > WIDEST * low])
    return text.format(a=f"{low:g}", b=f"{high:g}")


_WHY_NONE = {
    "stalled": gettext_lazy("The line stands still, so nobody can say."),
    "paused": gettext_lazy("Counted again when the pause is over."),
}
# A range wider than this many times its lower end says little: it is said as what it is.
WIDEST = 3
# By unit, and whether the range is that wide.
_RANGES = {
    ("minutes", False): gettext_lazy("{a} to {b} minutes"),
    ("hours", False): gettext_lazy("{a} to {b} hours"),
    ("minutes", True): gettext_lazy("{b} minutes at most, maybe much less"),
    ("hours", True): gettext_lazy("{b} hours at most, maybe much less"),
}
