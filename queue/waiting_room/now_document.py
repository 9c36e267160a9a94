"""The now document of a room: public, the same for all who wait, made by each tick."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from waiting_room import beacon
from waiting_room.enums import DrawSource, RoomStatus, State
from waiting_room.models import Room, Step

# (people ahead, seconds between polls): the nearer the turn, the more often a page polls.
POLLS = [(0, 2), (50, 3), (500, 5), (3_000, 10), (20_000, 20), (100_000, 40)]
RATE_SECONDS = 60
# A draw's number that is this much past its time counts as late.
LATE = timedelta(seconds=20)
LEAST_SCORED = 50  # waiting times, before pages say how many came true


@dataclass
class TickFacts:
    """What a tick has found out about a room; its steps fill in the fields in turn."""

    room: Room
    now: datetime
    issued: int
    calls: list[Step] = field(default_factory=list)
    serving: int = 0  # after this tick's call
    active: int = 0
    entered: int = 0  # since the room was made, and how many of them ran out of time
    ran_out: int = 0
    at_door: int = 0
    pace: float = 0.0  # called per minute, at most now
    missed: float = 0.0  # seconds without a tick, beyond those that are made up for
    latency: float | None = None  # mean seconds of a booking page, and the share of failures
    error_rate: float | None = None
    witnessed: int | None = None  # how many cosigned the closed list, while it is waited for
    logged: int = 0  # last entry number in the public log
    log_size: int = 0
    log_root: str = ""
    estimates: dict[str, Any] = field(default_factory=dict)
    counted: dict[str, Any] = field(default_factory=dict)  # what the last COUNT step said
    reasons: list[dict[str, Any]] = field(default_factory=list)
    minute: dict[str, Any] = field(default_factory=dict)  # the tally of services.minutes


def waiting_in(room: Room) -> int:
    """People not called yet of those whom the last document knows; with those who left the line."""
    issued: int = room.board.document.get("issued", 0)
    return max(0, issued - room.line.serving)


def scored(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """How many waiting times came true; None of so few that the share says nothing."""
    score: dict[str, Any] | None = document.get("score")
    return score if score and score["count"] >= LEAST_SCORED else None


def state_of(room: Room, now: datetime) -> State:
    if room.has_ended(now):
        return State.CLOSED
    if room.status == RoomStatus.PAUSED:
        return State.PAUSED
    if room.frozen_at is not None:
        if room.drawn_at is None:
            return State.DRAWING
        return State.WITNESSING if room.awaits_witnesses else State.OPEN
    return State.GATHERING if room.joinable_from <= now else State.SOON


def document(facts: TickFacts) -> dict[str, Any]:
    """The public document, as docs/http.md describes it."""
    room = facts.room
    frozen = None
    if room.drawn_at is not None and room.frozen_at is not None:
        frozen = {"at": stamp(room.frozen_at), "count": room.frozen_count, "seed": room.seed}
    return {
        "room": room.cohort.code,
        "state": state_of(room, facts.now),
        "time": stamp(facts.now),
        "joins_from": stamp(room.joinable_from),
        "opens_at": stamp(room.cohort.opens_at),
        "closes_at": stamp(room.cohort.closes_at),
        "order": room.cohort.order,
        "issued": facts.issued,
        "serving": facts.serving,
        "frozen": frozen,
        "drawing": drawing(room, facts.now),
        "witnessing": witnessing(facts),
        "per_minute": per_minute(facts.calls, facts.now),
        "poll_seconds": poll_seconds(room, facts.now, facts.issued - facts.serving),
        "polls": POLLS,
        "waits": facts.estimates.get("waits", []),
        "no_number": facts.estimates.get("no_number", "too_little_history"),
        "score": facts.estimates.get("score"),
        "left": room.board.left,
        "booked": room.board.booked,
        "log": {"size": facts.log_size, "root": facts.log_root},
        "message": {"ko": room.pause_message_ko, "en": room.pause_message_en},
    }


def drawing(room: Room, now: datetime) -> dict[str, str | int | bool] | None:
    """Facts for the time between the closing of the list and the draw; None before and after."""
    due = due_at(room)
    if room.frozen_at is None or room.drawn_at is not None or due is None:
        return None
    return {
        "closed_at": stamp(room.frozen_at),
        "count": room.frozen_count or 0,
        "source": str(room.draw_source),
        "due_at": stamp(due),
        "late": now > due + LATE,
    }


def witnessing(facts: TickFacts) -> dict[str, str | int] | None:
    """How many witnesses have cosigned the closed list, while the line waits for them.

    None too while a draw's number is still to come: until then nobody waits for the witnesses.
    """
    room, due = facts.room, due_at(facts.room)
    is_to_come = room.drawn_at is None and due is not None and facts.now < due
    if facts.witnessed is None or is_to_come or room.witnesses_until is None:
        return None
    until = stamp(room.witnesses_until)
    return {"signed": facts.witnessed, "needed": room.quorum, "until": until}


def due_at(room: Room) -> datetime | None:
    """When the draw's number is due; None while the list is open."""
    number = beacon_round(room)
    if number is not None:
        return beacon.time_of(number)
    return room.frozen_at and room.frozen_at + timedelta(seconds=room.draw_after)


def beacon_round(room: Room) -> int | None:
    """The beacon's round that fixes the order; None before the freeze or for another source."""
    if room.frozen_at is None or room.draw_source != DrawSource.DRAND:
        return None
    return beacon.round_after(room.frozen_at + timedelta(seconds=room.draw_after))


def per_minute(calls: list[Step], now: datetime) -> int:
    return sum(step.people for step in calls if (now - step.at).total_seconds() < RATE_SECONDS)


def poll_seconds(room: Room, now: datetime, waiting: int) -> int:
    """Poll interval of a page without a distance. Long before the opening, as nothing changes."""
    if room.frozen_at is not None and room.drawn_at is None:
        return 3
    if room.frozen_at is None:
        return 5 if (room.cohort.opens_at - now).total_seconds() < 60 else 20
    return POLLS[0][1]


def poll_for(ahead: int) -> int:
    return next(seconds for distance, seconds in reversed(POLLS) if ahead >= distance)


def stamp(moment: datetime) -> str:
    return timezone.localtime(moment).isoformat(timespec="milliseconds")


def write_file(code: str, published: dict[str, Any]) -> None:
    """Write the file that nginx serves; renamed when complete, so that no half one is read."""
    folder = Path(settings.HOME) / "now"
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".", suffix=".json")
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o644)  # mkstemp's 0600 would keep nginx out
        file.write(encode(published))
    os.replace(temporary, folder / f"{code}.json")


def encode(published: dict[str, Any]) -> bytes:
    return json.dumps(published, ensure_ascii=False, separators=(",", ":")).encode()
