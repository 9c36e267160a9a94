"""What stands before the booking pages: a deep link does not get past it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from eligibility.sessions import Claim, Session, claim_of, set_session, signed_in
from standing.hooks import facts_of, show
from standing.states import State as Stands
from waiting_room import health
from waiting_room.models import Admission
from waiting_room.services.entering import admission_in_session
from web.posted import posted_id

View = Callable[..., HttpResponse]
# From the request and the parts of its address: the view's arguments, or what to answer instead.
Door = Callable[..., dict[str, Any] | HttpResponse]
Find = Callable[[Claim], tuple[Session | None, Admission | None]]


def booking_page(door: Door) -> Callable[[View], View]:
    """The one guard of all booking pages: nobody passes but by `door`, and each pass is measured.

    Visitors whom the door turns away are not measured: a crowd of them, answered at once, would
    hide from the pace of the line that booking is slow (waiting_room.health).
    """

    def guard(view: View) -> View:
        @never_cache
        @wraps(view)
        def guarded(request: HttpRequest, **address: Any) -> HttpResponse:
            with health.measured() as outcome:
                values = door(request, **address)
                if isinstance(values, HttpResponse):
                    return values
                outcome.counts = True
                outcome.room_id = getattr(values.get("admission"), "room_id", 0)
                response = view(request, **values)
                outcome.failed = response.status_code >= 500
            return response

        return guarded

    return guard


def find_admission(request: HttpRequest, find: Find = admission_in_session) -> Admission | None:
    """The admission of this request's person, by the statement that also checks the session."""
    claim = claim_of(request)
    if claim is None:
        return None
    session, admission = find(claim)
    set_session(request, session)
    return admission


def admitted(request: HttpRequest, **address: Any) -> dict[str, Any] | HttpResponse:
    """A door for a person who was called and entered: the view's `admission`."""
    admission = find_admission(request)
    return not_inside(request) if admission is None else {"admission": admission, **address}


def not_inside(request: HttpRequest, *, carried: Sequence[str] = ()) -> HttpResponse:
    """Say where the person stands, and so how to get in.

    `carried` are posted ids that entering goes on with, such as the slot that was pressed.
    """
    session = signed_in(request)
    facts = facts_of(session.person_id, session.sees_from) if session else None
    ids = [(name, posted_id(request, name)) for name in carried]
    stands = replace(
        show(request, facts), carried=tuple((name, str(pk)) for name, pk in ids if pk is not None)
    )
    has_booked = stands.state in (Stands.BOOKED, Stands.SECOND_MISSING, Stands.DONE)
    context = {"stands": stands, "has_booked": has_booked}
    return render(request, "waiting_room/not_inside.html", context, status=403)
