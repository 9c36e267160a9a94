"""The figures of an evening that follow from the public log alone, worked out from the tables.

`offline/verify_line.py --json` gives a stranger the same from the published file; a test compares.
Times are microseconds, as in the log; minutes are those of the clock.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from waiting_room.enums import Act
from waiting_room.models import LogPage, Room, Ticket
from waiting_room.public_log import microseconds
from waiting_room.services.evening import (
    SECOND,
    Call,
    calls_of,
    has_totals,
    last_totals,
    pauses_of,
    percentile,
    totals_of,
    waits_of,
)

MINUTE = 60 * SECOND
CURVES = ("minute", "joined", "called", "waiting", "entered", "inside", "ran_out")


def logged_figures(room: Room, last: LogPage) -> dict[str, Any]:
    """Totals, waits, pauses, changes of pace, and the curves: a list of values for each of CURVES.

    `last` is the log's last page. `entered`, `inside` and `ran_out` are those of the log's counts,
    one a minute at most.
    """
    calls = calls_of(room)
    _count, ordered = waits_of(room, calls)
    return {
        "totals": last_totals(room) if has_totals(room) else totals_of(room, last),
        "waited_95": percentile(ordered, 95),
        "pauses": [list(pause) for pause in pauses_of(room)],
        "paces": _paces(room),
        "curves": _curves(room, last, calls),
    }


def _paces(room: Room) -> list[list[int]]:
    """When a pace was set, people inside at most, calls a minute at most."""
    steps = room.steps.filter(act=Act.PACE).order_by("pk").values_list("at", "details")
    return [
        [microseconds(at), details["max_active"], details["max_per_minute"]]
        for at, details in steps
    ]


def _curves(room: Room, last: LogPage, calls: Sequence[Call]) -> dict[str, list[int]]:
    joined, called = _joined(room, last), Counter[int]()
    for call in calls:
        called[_minute(call.at)] += call.last - call.first + 1
    counts = _counts(room)
    curves: dict[str, list[int]] = {name: [] for name in CURVES}
    waiting, before = 0, (0, 0, 0)
    for minute in sorted({*joined, *called, *counts}):
        waiting += joined[minute] - called[minute]
        count = counts.get(minute, before)
        values = (minute, joined[minute], called[minute], max(waiting, 0))
        moved = (count[0] - before[0], count[1], count[2] - before[2])
        for name, value in zip(CURVES, (*values, *moved), strict=True):
            curves[name].append(value)
        before = count
    return curves


def _joined(room: Room, last: LogPage) -> Counter[int]:
    tickets = Ticket.objects.filter(room=room, entry__lte=last.upto).order_by("entry")
    times = tickets.values_list("joined_at", flat=True).iterator(chunk_size=5000)
    return Counter(_minute(microseconds(at)) for at in times)


def _counts(room: Room) -> dict[int, tuple[int, int, int]]:
    """The last count of each minute that has one: entered, inside, ran out; running totals."""
    steps = room.steps.filter(act=Act.COUNT).order_by("pk").values_list("at", "details")
    return {
        _minute(microseconds(at)): (count["entered"], count["inside"], count["ran_out"])
        for at, count in steps
    }


def _minute(at: int) -> int:
    return at - at % MINUTE
