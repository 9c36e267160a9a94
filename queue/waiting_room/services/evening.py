"""The evening in numbers: admissions, counted as it goes on, and the totals at its end.

Both are acts of the public log (docs/line-log.md), so that a stranger can work out the totals anew:
offline/verify_line.py does, and shares no code with this.
"""

import logging
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Q

from database.clock import Now, database_now
from waiting_room import draw
from waiting_room.enums import Act, RoomStatus
from waiting_room.locks import tick_lock
from waiting_room.models import Estimate, LogPage, Room, Step, Ticket
from waiting_room.now_document import TickFacts
from waiting_room.public_log import microseconds
from waiting_room.services.rooms import record

log = logging.getLogger(__name__)

WITH_TOTALS = 3  # the format of a log that has them
COUNT_EVERY = timedelta(seconds=60)
SECOND = 1_000_000  # times are microseconds here, as in the log
COUNTED = ("entered", "inside", "ran_out")


class Call(NamedTuple):
    """Places `first` to `last`, called at `at`."""

    first: int
    last: int
    at: int


def record_counts(facts: TickFacts) -> dict[str, Any]:
    """Record who entered, is inside and ran out, once a minute; returns the last count.

    The last one comes as soon as nobody is inside any more, so that the totals are those of it.
    """
    room = facts.room
    last: dict[str, Any] = room.board.counted
    counts = {"entered": facts.entered, "inside": facts.active, "ran_out": facts.ran_out}
    is_new = counts != {name: last.get(name, 0) for name in COUNTED}
    if room.log_format < WITH_TOTALS or not is_new:
        return last
    at = facts.now.timestamp()
    is_last = room.has_ended(facts.now) and not facts.active
    # abs: a clock that was set back must not put the next count off for long.
    if abs(at - last.get("at", 0)) < COUNT_EVERY.total_seconds() and not is_last:
        return last
    record(room, Act.COUNT, details=counts, at=facts.now)
    return {"at": at, **counts}


def close_evenings() -> int:
    """Record the totals of rooms that are over; returns how many.

    A job of its own, as it reads every ticket of a room.
    """
    ended = Q(status=RoomStatus.CLOSED) | Q(cohort__closes_at__lte=Now())
    rooms = Room.objects.filter(ended, board__final=False, log_format__gte=WITH_TOTALS)
    closed = 0
    for room_id in list(rooms.order_by("pk").values_list("pk", flat=True)):
        try:
            closed += _close(room_id)
        except Exception:
            # A failure in one room must not keep the totals of the others back.
            log.exception("the totals of room %s could not be recorded", room_id)
    return closed


def _close(room_id: int) -> bool:
    room = _room(room_id)
    last = _last_page_before_totals(room)
    if last is None:
        return False
    totals = totals_of(room, last)
    with transaction.atomic():
        tick_lock(room_id)
        room = _room(room_id)
        # Meanwhile its window may have been prolonged, or a late join have been logged.
        if _last_page_before_totals(room) != last:
            return False
        record(room, Act.TOTALS, details=totals)
    return True


def _room(room_id: int) -> Room:
    return Room.objects.select_related("cohort", "line", "board").get(pk=room_id)


def _last_page_before_totals(room: Room) -> LogPage | None:
    """The last page of a room that is over, with all of it in the log but the totals."""
    line, counted = room.line, room.board.counted
    last = room.pages.order_by("-number").first()
    if last is None or line.active or not room.has_ended(database_now()):
        return None
    is_counted = all(counted.get(name, 0) == getattr(line, name) for name in ("entered", "ran_out"))
    newest = Ticket.objects.filter(room=room).order_by("-entry").first()
    is_logged = newest is None or newest.entry <= last.upto
    missing = room.steps.filter(pk__gt=last.last_step).exists()
    is_ready = is_counted and is_logged and not missing and not has_totals(room)
    return last if is_ready else None


def has_totals(room: Room) -> bool:
    """Whether the log ends with the totals of all that is in it.

    A room whose window is prolonged after them gets others at its next end.
    """
    last = room.pages.order_by("-number").first()
    step = room.steps.order_by("pk").last()
    if last is None or step is None or step.act != Act.TOTALS:
        return False
    return step.pk <= last.last_step and bool(step.details["numbers"] == last.upto)


def totals_of(room: Room, last: LogPage) -> dict[str, int]:
    """Details of a TOTALS step, as docs/line-log.md specifies them; `last` is the log's last page.

    Times are whole seconds.
    """
    calls = calls_of(room)
    called = calls[-1].last if calls else 0
    pauses = pauses_of(room)
    paused, running = _seconds_of_calling(calls, pauses)
    by_minute = Counter[int]()
    for call in calls:
        by_minute[call.at // (60 * SECOND)] += call.last - call.first + 1
    return {
        "numbers": last.upto,
        "calls": len(calls),
        "called": called,
        "call_seconds": running,
        "per_minute": (called * 60 + running // 2) // running if running else called,
        "busiest_minute": max(by_minute.values(), default=0),
        "pauses": len(pauses),
        "paused_seconds": paused,
        "paces": max(room.steps.filter(act=Act.PACE).count() - 1, 0),
        "entered": room.line.entered,
        "ran_out": room.line.ran_out,
        **_waits(room, calls),
        **_scores(room),
    }


def pauses_of(room: Room) -> list[tuple[int, int | None]]:
    """(from, until) of each pause; a changed message begins no new one."""
    pauses: list[tuple[int, int | None]] = []
    acts = room.steps.filter(act__in=[Act.PAUSE, Act.RESUME]).order_by("pk")
    for act, at in acts.values_list("act", "at"):
        is_paused = bool(pauses) and pauses[-1][1] is None
        if act == Act.PAUSE and not is_paused:
            pauses.append((microseconds(at), None))
        elif act == Act.RESUME and is_paused:
            pauses[-1] = (pauses[-1][0], microseconds(at))
    return pauses


def _seconds_of_calling(
    calls: Sequence[Call], pauses: Iterable[tuple[int, int | None]]
) -> tuple[int, int]:
    """Seconds from the first call to the last: those in pauses, and the others."""
    if not calls:
        return 0, 0
    start, end = calls[0].at, calls[-1].at
    paused = 0
    for begun, until in pauses:
        over = end if until is None else min(until, end)
        paused += max(over - max(begun, start), 0)
    return paused // SECOND, max(end - start - paused, 0) // SECOND


def _waits(room: Room, calls: Sequence[Call]) -> dict[str, int]:
    """How many tickets there are and were never called, and how long the others waited."""
    count, ordered = waits_of(room, calls)
    return {
        "tickets": count,
        "uncalled": count - len(ordered),
        "waited_median": percentile(ordered, 50),
        "waited_most": ordered[-1] if ordered else 0,
    }


def waits_of(room: Room, calls: Sequence[Call]) -> tuple[int, list[int]]:
    """The number of tickets, and the waits of those that were called, the shortest first.

    In seconds, from the opening, or from joining after it, to the call.
    """
    firsts, called = [call.first for call in calls], calls[-1].last if calls else 0
    opens, place_of = _opening(room), all_places(room)
    waits, count = array("Q"), 0
    for entry, joined_at in _tickets(room):
        count += 1
        place = place_of(entry)
        if place is not None and place <= called:
            called_at = calls[bisect_right(firsts, place) - 1].at
            waits.append(max(called_at - max(microseconds(joined_at), opens), 0) // SECOND)
    return count, sorted(waits)


def percentile(ordered: Sequence[int], share: int) -> int:
    """The nearest-rank percentile; of an even number 50 is the lower of the two in the middle, and
    0 of none."""
    return ordered[(len(ordered) * share - 1) // 100] if ordered else 0


def calls_of(room: Room) -> list[Call]:
    rows = room.steps.filter(act=Act.CALL).order_by("pk").values_list("first", "last", "at")
    return [Call(first or 0, last or 0, microseconds(at)) for first, last, at in rows]


def _opening(room: Room) -> int:
    plan = room.steps.filter(act=Act.PLAN).order_by("pk").last()
    return int(plan.details["opens_at"]) if plan else microseconds(room.cohort.opens_at)


def all_places(room: Room) -> Callable[[int], int | None]:
    """Room.place_of for many: the places of a draw are worked out together."""
    count = room.frozen_count or 0
    if room.drawn_at is None or not room.seed:
        return room.place_of
    places = draw.places(count, bytes.fromhex(room.seed))
    return lambda entry: places[entry - 1] + 1 if entry <= count else entry


def _tickets(room: Room) -> Iterable[tuple[int, datetime]]:
    rows = Ticket.objects.filter(room=room).order_by("entry")
    return rows.values_list("entry", "joined_at").iterator(chunk_size=5000)


def _scores(room: Room) -> dict[str, int]:
    """How many published waiting times came to their end, how many of them held, and the median
    width of the ranges in thousandths of the wait."""
    held, widths = 0, []
    ended = Estimate.objects.filter(room=room, called_at__isnull=False)
    rows = ended.values_list("low", "high", "given_at", "called_at")
    for low, high, given_at, called_at in rows.iterator(chunk_size=5000):
        actual = microseconds(called_at or given_at) - microseconds(given_at)
        held += low * SECOND <= actual <= high * SECOND
        widths.append((high - low) * SECOND * 1000 // max(actual, SECOND))
    return {
        "estimates": len(widths),
        "estimates_held": held,
        "estimates_width": percentile(sorted(widths), 50),
    }


def last_totals(room: Room) -> dict[str, int]:
    """The totals as the log has them; {} while the evening goes on."""
    step: Step | None = room.steps.filter(act=Act.TOTALS).order_by("pk").last()
    return dict(step.details) if step else {}
