"""Questions of booking about lines; nothing is changed here."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from django.db.models import OuterRef, Prefetch, Subquery
from django_stubs_ext import WithAnnotations

from database.clock import database_now
from waiting_room.enums import RoomStatus
from waiting_room.models import Room, Ticket


class LineAnnotations(TypedDict):
    last: int | None  # the highest entry number
    own: list[Ticket]  # tickets of the person in question


@dataclass(frozen=True)
class LineOfPerson:
    """The line of one cohort as one person meets it."""

    # People who would be passed over if staff booked for the person now; None where it is their
    # turn, or nobody waits.
    before: int | None
    is_joinable: bool
    has_ticket: bool


def lines_for(
    *, person_id: int, cohorts: Collection[int], now: datetime
) -> dict[int, LineOfPerson]:
    """By cohort; cohorts without a room are left out."""
    # By the index of entries; the highest of all would be found by reading all tickets.
    last = Ticket.objects.filter(room=OuterRef("pk")).order_by("-entry")
    own = Prefetch("tickets", Ticket.objects.filter(person=person_id), to_attr="own")
    rooms = (
        Room.objects.filter(cohort__in=cohorts)
        .select_related("cohort", "line")
        .prefetch_related(own)
        .annotate(last=Subquery(last.values("entry")[:1]))
    )
    return {
        room.cohort_id: LineOfPerson(
            before=None if room.has_ended(now) else _before(room),
            is_joinable=room.joinable_from <= now and room.status != RoomStatus.CLOSED,
            has_ticket=any(ticket.left_at is None for ticket in room.own),
        )
        for room in rooms
    }


def waiting_before(*, person_id: int, cohorts: Collection[int]) -> dict[int, int]:
    """Cohort id → `LineOfPerson.before`, where it is not None."""
    lines = lines_for(person_id=person_id, cohorts=cohorts, now=database_now())
    return {cohort: line.before for cohort, line in lines.items() if line.before is not None}


def _before(room: "WithAnnotations[Room, LineAnnotations]") -> int | None:
    last, serving = room.last or 0, room.line.serving
    if last <= serving:
        return None
    place = room.place_of(room.own[0].entry) if room.own else None
    if place is None:  # without a ticket, or before the draw: everybody who waits
        return last - serving
    return place - serving - 1 if place > serving else None
