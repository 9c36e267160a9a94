"""Waiting times of a room: computed from its past, recorded as published, and scored."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from waiting_room import estimate
from waiting_room.enums import Act, RoomStatus
from waiting_room.models import Estimate, Room
from waiting_room.now_document import TickFacts
from waiting_room.services.rooms import record

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=15)
RECORD_EVERY = timedelta(seconds=60)
PAST = timedelta(seconds=estimate.LONGEST_PAST)
SCORED = 1000  # latest estimates that score and widening are computed from
# A share of held ranges below DRIFT, of at least DRIFT_COUNT, is logged as a warning.
DRIFT, DRIFT_COUNT = 0.8, 50

# One point per 15 seconds: a tick a second makes up to 10,800 calls in three hours.
POINTS_SQL = """
SELECT extract(epoch FROM max(at))::float8, max(last) FROM waiting_room_step
WHERE room_id = %s AND act = 'call' AND at > %s
GROUP BY floor(extract(epoch FROM at) / 15) ORDER BY 1
"""


def current_estimates(facts: TickFacts) -> dict[str, Any]:
    """The room's estimates for the board: the stored ones while they are fresh, else new ones.

    {} before the draw and after the end of the room.
    """
    room = facts.room
    stored: dict[str, Any] = room.board.estimates
    if room.drawn_at is None or room.has_ended(facts.now):
        return {}
    paused = room.status == RoomStatus.PAUSED
    now = facts.now.timestamp()
    # abs: a clock that was set back must not keep an old estimate for long.
    fresh = stored and abs(now - stored["at"]) < EVERY.total_seconds()
    # A pause or its end shows at once.
    if fresh and (stored["no_number"] == "paused") == paused:
        return stored
    samples = scored_estimates(room)
    history = history_of(facts, estimate.widenings(samples))
    rows = estimate.table(history, farthest=max(1, facts.issued - facts.serving))
    score = estimate.score(samples)
    recorded_at = stored.get("recorded_at", 0) if stored else 0
    if rows and abs(now - recorded_at) >= RECORD_EVERY.total_seconds():
        _record(facts, rows, history.widenings)
        recorded_at = now
    if score.count >= DRIFT_COUNT and score.held < DRIFT:
        log.warning("room %s: only %.0f %% of the waiting times held", room.pk, 100 * score.held)
    return {
        "at": now,
        "recorded_at": recorded_at,
        "no_number": history.why_no_number,
        "waits": [[row.distance, round(row.low), round(row.high)] for row in rows],
        "score": {
            "count": score.count,
            "held": round(score.held, 3),
            "width": round(score.median_width, 3),
        }
        if score.count
        else None,
    }


def history_of(facts: TickFacts, widenings: list[float]) -> estimate.RoomHistory:
    """The room's calls and pauses of the last hours, as input of waiting_room.estimate."""
    room, since = facts.room, facts.now - PAST
    with connection.cursor() as cursor:
        cursor.execute(POINTS_SQL, [room.pk, since])
        points = cursor.fetchall()
    if room.drawn_at and room.drawn_at > since:
        points.insert(0, (room.drawn_at.timestamp(), 0))
    points.append((facts.now.timestamp(), facts.serving))
    return estimate.RoomHistory(
        points=_ascending(points), pauses=_pauses(room, since), widenings=widenings
    )


def _ascending(points: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """`points` without those later than a following one, as a clock set back leaves behind."""
    ascending: list[tuple[float, int]] = []
    for point in reversed(points):
        if not ascending or point[0] < ascending[-1][0]:
            ascending.append(point)
    return ascending[::-1]


def _pauses(room: Room, since: datetime) -> list[tuple[float, float | None]]:
    """(from, until) of the room's pauses; until is None in a current one."""
    acts = room.steps.filter(act__in=[Act.PAUSE, Act.RESUME], at__gt=since).order_by("pk")
    pauses: list[tuple[float, float | None]] = []
    for act, at in acts.values_list("act", "at"):
        is_paused = bool(pauses) and pauses[-1][1] is None
        if act == Act.PAUSE and not is_paused:
            pauses.append((at.timestamp(), None))
        elif act == Act.RESUME:
            # Without its PAUSE, the pause began before `since`.
            began = pauses.pop()[0] if is_paused else since.timestamp()
            pauses.append((began, at.timestamp()))
    if room.status == RoomStatus.PAUSED and not (pauses and pauses[-1][1] is None):
        pauses.append((since.timestamp(), None))  # paused before `since`
    return pauses


def _record(facts: TickFacts, rows: list[estimate.Row], widenings: Sequence[float]) -> None:
    """Store the published ranges, rounded as pages show them, to score them later."""
    published = []
    for row in rows:
        low, high = estimate.as_seconds(*estimate.rounded(estimate.Range(row.low, row.high)))
        published.append(
            Estimate(
                room=facts.room,
                given_at=facts.now,
                place=facts.serving + row.distance,
                low=int(low),
                high=int(high),
                widening=widenings[estimate.bracket_of(row)],
            )
        )
    Estimate.objects.bulk_create(published)
    # The score is that of these, so anybody can keep it too.
    ranges = " ".join(f"{each.place}:{each.low}-{each.high}" for each in published)
    record(facts.room, Act.ESTIMATE, details={"ranges": ranges}, at=facts.now)


def score_called(room: Room, *, serving: int, now: datetime) -> int:
    """Set `called_at` of open estimates for places up to `serving`; returns how many."""
    ended = Estimate.objects.filter(room=room, called_at=None, place__lte=serving)
    return ended.update(called_at=now)


def scored_estimates(room: Room) -> list[estimate.Scored]:
    """The latest estimates whose places have been called, in the order of the calls.

    The actual wait includes pauses: people waited through them too.
    """
    ended = (
        Estimate.objects.filter(room=room, called_at__isnull=False)
        .order_by("-called_at", "-pk")
        .values_list("low", "high", "given_at", "called_at", "widening")[:SCORED]
    )
    return [
        estimate.Scored(low, high, (called_at - given_at).total_seconds(), widening)
        for low, high, given_at, called_at, widening in reversed(ended)
        if called_at is not None
    ]
