"""The front page. It lies above all apps, as it shows cohorts and tickets."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from database.clock import known_now
from eligibility.models import Cohort
from eligibility.sessions import signed_in
from waiting_room.models import JOINABLE_FROM, Room, Ticket

# Order of the cohorts on the page; within a state they stay in the order of their openings.
STATES = ["open", "gathering", "soon", "closed"]


@never_cache
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Cohorts with their windows, and the tickets of the signed-in person."""
    now = known_now()
    joins_from = dict(Room.objects.values_list("cohort_id", JOINABLE_FROM))
    cohorts: list[dict[str, Any]] = [
        {"cohort": cohort, "state": _state(cohort, joins_from.get(cohort.pk), now)}
        for cohort in Cohort.objects.all()
    ]
    cohorts.sort(key=lambda entry: STATES.index(entry["state"]))
    session = signed_in(request)
    tickets = (
        Ticket.objects.filter(
            person_id=session.person_id, left_at=None, room__cohort__closes_at__gt=now
        ).select_related("room__cohort")
        if session
        else []
    )
    return render(request, "home.html", {"cohorts": cohorts, "tickets": tickets})


def _state(cohort: Cohort, joins_from: datetime | None, now: datetime) -> str:
    """open, gathering (joining is possible before the opening), soon or closed."""
    if now >= cohort.closes_at:
        return "closed"
    if now >= cohort.opens_at:
        return "open"
    return "gathering" if joins_from and now >= joins_from else "soon"
