"""How an app below booking learns what is known of a person, without knowing booking."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from django.http import HttpRequest

from standing.facts import PersonFacts
from standing.rules import standing_of
from standing.shown import Standing
from standing.states import State
from web.hooks import KeyedHook
from web.letters import has_easy_words

# "person": by id, hiding bookings made before a moment; one statement. Filled by booking.
gather: KeyedHook[Callable[[int, datetime], PersonFacts]] = KeyedHook()

_SHOWN = "_jari_standing"


def facts_of(person_id: int, sees_from: datetime) -> PersonFacts:
    """What this person's pages go by; bookings made before `sees_from` are left out."""
    return gather["person"](person_id, sees_from)


def show(request: HttpRequest, facts: PersonFacts | None, code: str = "") -> Standing:
    """The standing that this request's page shows, which its header then repeats."""
    found = replace(standing_of(facts, code), here=request.path, easy=has_easy_words(request))
    vars(request)[_SHOWN] = found
    return found


def show_known(request: HttpRequest, state: State, facts: PersonFacts) -> Standing:
    """The standing of a page that knows it by what it reads anyway: no statement is made."""
    found = Standing(state, facts, here=request.path, easy=has_easy_words(request))
    vars(request)[_SHOWN] = found
    return found


def line_of(standing: Standing) -> dict[str, str]:
    """What components/standing_line.html shows, as plain texts: without a time, so that a page that
    is kept in parts (web.moulds) may hold it."""
    return {
        "state": str(standing.state),
        "badge": standing.badge,
        "tone": standing.tone,
        "away": standing.away,
    }


def shown(request: HttpRequest) -> Standing | None:
    """The standing of this request's page, where the page asked for it."""
    found: Standing | None = vars(request).get(_SHOWN)
    return found
