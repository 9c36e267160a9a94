"""A room as facts for the one decision where people stand (standing.rules)."""

from datetime import datetime
from typing import Any

from eligibility.models import Cohort
from standing.facts import LineFacts
from waiting_room.enums import RoomStatus, State
from waiting_room.models import Room
from waiting_room.now_document import state_of

# A line whose last tick is older calls nobody: the worker does not run.
STILL_SECONDS = 15


def facts_without_room(cohort: Cohort, now: datetime, **own: Any) -> LineFacts:
    """A cohort that has no line yet; `own` are the fields of LineFacts about one person."""
    return LineFacts(
        code=cohort.code,
        name=cohort.name,
        opens_at=cohort.opens_at,
        closes_at=cohort.closes_at,
        has_ended=cohort.closes_at <= now,
        **own,
    )


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
        joinable_from=room.joinable_from,
        has_places=room.drawn_at is not None,
        is_paused=room.status == RoomStatus.PAUSED,
        stands_still=still and state == State.OPEN,
        has_ended=state == State.CLOSED,
        **own,
    )
