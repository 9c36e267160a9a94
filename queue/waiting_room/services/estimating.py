"""Waiting times: worked out from the room's own past, said, kept, and scored."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from waiting_room import estimate
from waiting_room.enums import Act, RoomStatus
from waiting_room.models import Estimate, Room
from waiting_room.now_document import Facts

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=15)
RECORD_EVERY = timedelta(seconds=60)
PAST = timedelta(seconds=estimate.LONGEST_PAST)
SCORED = 1000  # the estimates that the score and the widening are taken from
# A score below this, of so many, is an alarm.
DRIFT, DRIFT_COUNT = 0.8, 50

POINTS_SQL = """
SELECT extract(epoch FROM max(at))::float8, max(last) FROM waiting_room_step
WHERE room_id = %s AND act = 'call' AND at > %s
GROUP BY floor(extract(epoch FROM at) / 15) ORDER BY 1
"""


def up_to_date(facts: Facts) -> dict[str, Any]:
    """The room's estimates, worked out anew when they are old or the room was paused or resumed."""
    room = facts.room
    known: dict[str, Any] = room.board.estimates
    if room.drawn_at is None or room.has_ended(facts.now):
        return {}
    paused = room.status == RoomStatus.PAUSED
    now = facts.now.timestamp()
    fresh = known and abs(now - known["at"]) < EVERY.total_seconds()
    if fresh and (known["no_number"] == "paused") == paused:
        return known
    samples = scored(room)
    situation = situation_of(facts, estimate.widenings(samples))
    rows = estimate.table(situation, farthest=max(1, facts.issued - facts.serving))
    score = estimate.score(samples)
    recorded_at = known.get("recorded_at", 0) if known else 0
    if rows and abs(now - recorded_at) >= RECORD_EVERY.total_seconds():
        _record(facts, rows, situation.widenings)
        recorded_at = now
    if score.count >= DRIFT_COUNT and score.held < DRIFT:
        log.warning("room %s: only %.0f %% of the waiting times held", room.pk, 100 * score.held)
    return {
        "at": now,
        "recorded_at": recorded_at,
        "no_number": situation.why_no_number,
        "waits": [[row.distance, round(row.low), round(row.high)] for row in rows],
        "score": {
            "count": score.count,
            "held": round(score.held, 3),
            "width": round(score.median_width, 3),
        }
        if score.count
        else None,
    }


def situation_of(facts: Facts, widenings: list[float]) -> estimate.Situation:
    room, since = facts.room, facts.now - PAST
    with connection.cursor() as cursor:
        cursor.execute(POINTS_SQL, [room.pk, since])
        points = cursor.fetchall()
    if room.drawn_at and room.drawn_at > since:
        points.insert(0, (room.drawn_at.timestamp(), 0))
    points.append((facts.now.timestamp(), facts.serving))
    return estimate.Situation(
        points=_ascending(points), pauses=_pauses(room, since), widenings=widenings
    )


def _ascending(points: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Without what a clock that was set back left behind: time must not run backwards."""
    kept: list[tuple[float, int]] = []
    for point in reversed(points):
        if not kept or point[0] < kept[-1][0]:
            kept.append(point)
    return kept[::-1]


def _pauses(room: Room, since: datetime) -> list[tuple[float, float | None]]:
    acts = room.steps.filter(act__in=[Act.PAUSE, Act.RESUME], at__gt=since).order_by("pk")
    pauses: list[tuple[float, float | None]] = []
    for act, at in acts.values_list("act", "at"):
        going_on = bool(pauses) and pauses[-1][1] is None
        if act == Act.PAUSE and not going_on:
            pauses.append((at.timestamp(), None))
        elif act == Act.RESUME:
            began = pauses.pop()[0] if going_on else since.timestamp()
            pauses.append((began, at.timestamp()))
    if room.status == RoomStatus.PAUSED and not (pauses and pauses[-1][1] is None):
        pauses.append((since.timestamp(), None))  # paused longer ago than we look back
    return pauses


def _record(facts: Facts, rows: list[estimate.Row], widenings: Sequence[float]) -> None:
    said = []
    for row in rows:
        low, high = estimate.as_seconds(*estimate.for_people(estimate.Range(row.low, row.high)))
        said.append(
            Estimate(
                room=facts.room,
                given_at=facts.now,
                place=facts.serving + row.distance,
                low=low,
                high=high,
                widening=widenings[estimate.bracket_of(row)],
            )
        )
    Estimate.objects.bulk_create(said)


def score_called(room: Room, *, serving: int, now: datetime) -> int:
    """Note that the places up to `serving` have been called; how many estimates that ends."""
    ended = Estimate.objects.filter(room=room, called_at=None, place__lte=serving)
    return ended.update(called_at=now)


def scored(room: Room) -> list[estimate.Scored]:
    """The latest estimates that came to their end, in the order in which they did; whatever
    happened in between, a pause too, counts."""
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
