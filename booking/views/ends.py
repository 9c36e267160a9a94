"""Where the person stands, on the pages where something ended: refused, lost or run out."""

from dataclasses import replace
from typing import Any

from django.http import HttpRequest

from eligibility.sessions import Session
from standing.facts import PersonFacts
from standing.hooks import facts_of, line_of, show, show_known
from standing.states import State


def where_it_ended(request: HttpRequest, session: Session, *, goes_on: bool) -> dict[str, Any]:
    """Context of such a page: the whole standing with its one main action, or with `goes_on` one
    line of it, because the page itself has what to press next."""
    stands = show(request, facts_of(session.person_id, session.sees_from))
    if goes_on:
        return {"stands": None, "line": line_of(stands)}
    # The page of a hold answers with a refusal at its own address: its button must lead there.
    return {"stands": replace(stands, here=""), "line": None}


def line_known(request: HttpRequest, state: State, facts: PersonFacts) -> dict[str, str]:
    """The line of a page that knows the state by what it shows: it costs no statement."""
    return line_of(show_known(request, state, facts))
