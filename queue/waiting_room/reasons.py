"""Sentences from codes and numbers: the reasons of the pace, waiting times, witnesses."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from waiting_room import estimate


def sentences(reasons: Iterable[Mapping[str, Any]]) -> list[str]:
    return [_sentence(reason["code"], reason.get("numbers", {})) for reason in reasons]


def _sentence(code: str, numbers: Mapping[str, Any]) -> str:
    texts = {
        "paused": _("The room is paused: nobody is called."),
        "witnesses": _(
            "Nobody is called yet: %(signed)s of the %(needed)s witnesses that the plan asks for "
            "have cosigned the closed list. In %(minutes)s minutes the line goes on without them."
        ),
        "line_empty": _("Everybody who waits has been called."),
        "room": _(
            "Room decides: %(active)s of %(max_active)s places are taken, %(at_door)s people are "
            "at the door and about %(expected)s called people are still expected."
        ),
        "rate": _("The rate decides: %(pace)s a minute now, %(max_per_minute)s a minute at most."),
        "slowed": _(
            "Slowed down: booking takes %(latency)s s (target %(latency_target)s s) and "
            "%(error_rate)s of its answers are errors."
        ),
        "steady": _("Held steady: booking is near what it can take (%(latency)s s)."),
        "rising": _("Rising by steps while booking answers well, up to %(top)s a minute."),
        "absent_expected": _("A little more are called, since %(show_up)s of those called come."),
        "caught_up": _(
            "The drainer was away for %(missed)s s and does not make up for it at once."
        ),
    }
    shown = {name: _shown(name, value) for name, value in numbers.items()}
    return texts[code] % shown if code in texts else code


def _shown(name: str, value: float) -> str:
    if name in ("show_up", "error_rate"):
        return f"{100 * value:.0f} %"
    return (
        f"{value:,.0f}" if value == int(value) else f"{value:,.1f}" if value > 10 else f"{value:g}"
    )


def limits_text(max_active: int, max_per_minute: int) -> str:
    values = {"max_active": f"{max_active:,}", "max_per_minute": f"{max_per_minute:,}"}
    return _("%(max_active)s at once, %(max_per_minute)s a minute") % values


def wait_text(now_document: Mapping[str, Any], ahead: int | None, *, own: bool = True) -> str:
    """“25 to 35 minutes” with so many people ahead, or why there is no estimate.

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
    return _("We will say so as soon as the line moves.") if wait is None else range_text(wait)


def range_text(wait: estimate.Range) -> str:
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


def witness_trouble(code: str) -> str:
    """Why a witness gave no cosignature (codes of waiting_room.tlog.witnessing.Trouble)."""
    texts = {
        "away": _("It can't be reached."),
        "slow": _("It does not answer in time."),
        "refused": _("It refuses: it does not know this log or its key, or has an error."),
        "no_answer": _("Its answer is neither a cosignature nor a size."),
        "missing": _("It answers, but nothing of it is signed with its key."),
        "wrong_signature": _("Its cosignature is not one of this log."),
        "wrong_time": _("The time that it signs is minutes off ours."),
        "ahead": _("It has cosigned more pages than this log has. Was the database put back?"),
        "other_history": _("It has cosigned another history of this log. Find out why at once."),
    }
    return texts.get(code, code)
