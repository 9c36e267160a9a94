"""A row for each minute of a room: the ticks' tally on the board, written when its minute is over.

59 of 60 ticks add nothing but a value to the update that publishes anyway.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from waiting_room.enums import RoomStatus
from waiting_room.estimate import Row
from waiting_room.forecast import LineLoad
from waiting_room.models import Room, RoomMinute
from waiting_room.now_document import TickFacts, waiting_in


def record_minute(facts: TickFacts, *, is_last: bool) -> dict[str, Any]:
    """The tally with this tick; writes the row of a minute that is over.

    `is_last` is the last tick of the room, whose minute ends with it. Rooms that nobody can join
    yet have no minutes.
    """
    tally: dict[str, Any] = facts.room.board.minute
    minute = facts.now.replace(second=0, microsecond=0).isoformat()
    if tally and tally["minute"] != minute:
        _write(facts.room.pk, tally)
        tally = {}
    if facts.now < facts.room.joinable_from:
        return {}
    tally = _with_tick(tally or {"minute": minute}, facts)
    if is_last:
        _write(facts.room.pk, tally)
    return tally


def _with_tick(tally: dict[str, Any], facts: TickFacts) -> dict[str, Any]:
    room = facts.room
    return {
        "minute": tally["minute"],
        "ticks": tally.get("ticks", 0) + 1,
        "paused": tally.get("paused", 0) + (room.status == RoomStatus.PAUSED),
        "missed": round(tally.get("missed", 0.0) + facts.missed, 1),
        "issued": facts.issued,
        "serving": facts.serving,
        "entered": facts.entered,
        "ran_out": facts.ran_out,
        "booked": room.board.booked,
        "inside": facts.active,
        "at_door": facts.at_door,
        "pace": round(facts.pace, 1),
        "max_active": room.max_active,
        "max_per_minute": room.max_per_minute,
        "reasons": _with_reasons(tally.get("reasons", []), facts.reasons),
        # The worst of the minute: a mean would hide what slowed the line.
        "latency": _worse(tally.get("latency"), facts.latency),
        "error_rate": _worse(tally.get("error_rate"), facts.error_rate),
    }


def _with_reasons(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[dict[str, Any]]:
    counted = {reason["code"]: reason for reason in before}
    for reason in now:
        ticks = counted.get(reason["code"], {}).get("ticks", 0) + 1
        counted[reason["code"]] = {**reason, "ticks": ticks}
    return sorted(counted.values(), key=lambda reason: (-reason["ticks"], reason["code"]))


def _worse(before: float | None, now: float | None) -> float | None:
    measured = [value for value in (before, now) if value is not None]
    return max(measured, default=None)


def _write(room_id: int, tally: dict[str, Any]) -> None:
    values = {**tally, "minute": datetime.fromisoformat(tally["minute"])}
    # A clock that was set back comes to a minute again: the first row of it stays.
    RoomMinute.objects.bulk_create([RoomMinute(room_id=room_id, **values)], ignore_conflicts=True)


# Rates are those of so many whole minutes before now.
LATELY = 10


def load_of(room: Room, minutes: Sequence[RoomMinute]) -> LineLoad:
    """How the line moves, for a forecast; `minutes` are the room's latest, in their order."""
    document, codes = room.board.document, {reason["code"] for reason in room.board.reasons}
    latest = minutes[-(LATELY + 1) :]
    called, joined = float(document.get("per_minute", 0)), 0.0
    if len(latest) > 1:
        elapsed = (latest[-1].minute - latest[0].minute).total_seconds() / 60
        called = (latest[-1].serving - latest[0].serving) / elapsed
        joined = (latest[-1].issued - latest[0].issued) / elapsed
    return LineLoad(
        waiting=waiting_in(room),
        inside=room.line.active,
        max_active=room.max_active,
        max_per_minute=room.max_per_minute,
        pace=room.line.pace,
        called=called,
        joined=joined,
        is_full="room" in codes,
        is_slowed=not codes.isdisjoint(["slowed", "steady"]),
        waits=tuple(Row(*row) for row in document.get("waits", [])),
    )
