from typing import Any

from django.conf import settings
from django.http import HttpRequest

from database.clock import known_now
from eligibility.acting import context_of
from eligibility.sessions import named
from standing.hooks import shown
from web.letters import is_large
from web.moulds import gap

# The entry of the menu that a page belongs to, by the name of its address.
_HERE = {
    "own_place": "own_place",
    "ticket": "own_place",
    "lookup": "lookup",
    **dict.fromkeys(
        ["reservation", "change", "change_both", "cancel", "share", "questions", "certificate"],
        "lookup",
    ),
    "help": "help",
}


def with_gaps(request: HttpRequest) -> None:
    """Have the page of this request leave gaps for the form's token and the time (web.moulds)."""
    request.gaps = {"csrf_token": gap(0), "server_time": gap(1)}  # type: ignore[attr-defined]


def portal(request: HttpRequest) -> dict[str, Any]:
    """Template context of every page: the time, who is signed in and where they stand (as far as
    the page asked for it), for whom the page is, the sample campaign flag, and whether the letters
    are to be large."""
    match, stands, session = request.resolver_match, shown(request), named(request)
    return {
        "now": known_now(),
        "who": session is not None,
        "menu": {
            "here": _HERE.get(match.view_name, "") if match else "",
            "badge": stands.badge if stands else "",
            "tone": stands.tone if stands else "",
        },
        "sample": settings.SAMPLE,
        "large": is_large(request),
        **context_of(request),
        **getattr(request, "gaps", {}),
    }
