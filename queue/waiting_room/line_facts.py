"""A room as facts for the one decision where people stand (standing.rules)."""

from datetime import datetime
from typing import Any

from standing.facts import LineFacts
from waiting_room.enums import RoomStatus, State
from waiting_room.models import Room
from waiting_room.now_document import state_of

# A line whose last tick is older calls nobody: the worker does not run.
STILL_SECONDS = 15


def facts_of_room(
    room: Room, now: datetime, *, ticked_at: datetime | None, **own: Any
) -> LineFacts:
    """How a line stands; `own` are the fields of LineFacts about one person."""
    state = state_of(room, now)
    still = ticked_at is not None and (now - ticked_at).total_seconds() > STILL_SECONDS
    return LineFacts(
        code=room.cohort.code,
        name=room.cohort.name,
        opens_at=room.cohort.opens_at,
        closes_at=room.cohort.closes_at,
        joins_from=room.joins_from,
        has_places=room.drawn_at is not None,
        is_paused=room.status == RoomStatus.PAUSED,
        stands_still=still and state == State.OPEN,
        has_ended=state == State.CLOSED,
        **own,
    )
