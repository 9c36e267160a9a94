"""An evening's totals as the tables have them, worked out in the plainest way."""

from datetime import datetime, timedelta
from statistics import median_low
from typing import Any

from waiting_room.models import Admission, Estimate, Room, Step, Ticket

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def totals_of_the_tables(room: Room) -> dict[str, int]:
    calls = list(room.steps.filter(act="call").order_by("pk"))
    tickets = list(Ticket.objects.filter(room=room))
    waits = _waits(room, calls, tickets)
    paused, running = _paused_and_running(room)
    return {
        "numbers": room.pages.order_by("-number")[0].upto,
        "tickets": len(tickets),
        "uncalled": len(tickets) - len(waits),
        "called": sum(step.people for step in calls),
        "calls": len(calls),
        "call_seconds": running // SECOND,
        "per_minute": _per_minute(sum(step.people for step in calls), running // SECOND),
        "busiest_minute": _busiest_minute(calls),
        "pauses": _pauses(room),
        "paused_seconds": paused // SECOND,
        "paces": room.steps.filter(act="pace").count() - 1,
        "entered": Admission.objects.filter(room=room).count(),
        "ran_out": Admission.objects.filter(room=room, ending="lapsed").count(),
        "waited_median": median_low(waits) if waits else 0,
        "waited_most": max(waits, default=0),
        **_scores(room),
    }


def _waits(room: Room, calls: list[Step], tickets: list[Ticket]) -> list[int]:
    waits = []
    for ticket in tickets:
        place = room.place_of(ticket.entry)
        for step in calls:
            if place is not None and (step.first or 0) <= place <= (step.last or 0):
                since = max(ticket.joined_at, room.cohort.opens_at)
                waits.append(max(step.at - since, timedelta(0)) // SECOND)
    return waits


def _per_minute(called: int, seconds: int) -> int:
    return int(called * 60 / seconds + 0.5) if seconds else called


def _busiest_minute(calls: list[Step]) -> int:
    minutes: dict[datetime, int] = {}
    for step in calls:
        minute = step.at.replace(second=0, microsecond=0)
        minutes[minute] = minutes.get(minute, 0) + step.people
    return max(minutes.values(), default=0)


def _pauses(room: Room) -> int:
    acts = room.steps.filter(act__in=["pause", "resume"]).order_by("pk")
    before, begun = "resume", 0
    for act in acts.values_list("act", flat=True):
        begun += act == "pause" != before
        before = act
    return begun


def _paused_and_running(room: Room) -> tuple[timedelta, timedelta]:
    """Step by step from the first call to the last one."""
    acts = room.steps.filter(act__in=["call", "pause", "resume"]).order_by("pk")
    paused, running, pending = timedelta(0), timedelta(0), [timedelta(0), timedelta(0)]
    is_paused, since = False, None
    for step in acts:
        if since is not None:
            pending[is_paused] += step.at - since
            since = step.at
        if step.act == "call":
            running, paused = running + pending[False], paused + pending[True]
            pending, since = [timedelta(0), timedelta(0)], step.at
        else:
            is_paused = step.act == "pause"
    return paused, running


def _scores(room: Room) -> dict[str, int]:
    ended: list[Any] = list(Estimate.objects.filter(room=room).exclude(called_at=None))
    actual = [estimate.called_at - estimate.given_at for estimate in ended]
    widths = [
        (estimate.high - estimate.low) * SECOND * 1000 // max(wait, SECOND)
        for estimate, wait in zip(ended, actual, strict=True)
    ]
    held = [
        estimate.low * SECOND <= wait <= estimate.high * SECOND
        for estimate, wait in zip(ended, actual, strict=True)
    ]
    return {
        "estimates": len(ended),
        "estimates_held": sum(held),
        "estimates_width": median_low(widths) if widths else 0,
    }
