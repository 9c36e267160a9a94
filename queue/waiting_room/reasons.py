"""Sentences for the operator from the reason codes of waiting_room.pace."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _


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
