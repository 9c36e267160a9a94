"""Questions of booking about lines; nothing is changed here."""

from collections.abc import Collection
from typing import TypedDict

from django.db.models import Max, Prefetch
from django_stubs_ext import WithAnnotations

from database.clock import database_now
from waiting_room.models import Room, Ticket


class BeforeAnnotations(TypedDict):
    last: int | None  # the highest entry number
    own: list[Ticket]  # tickets of the person in question


def waiting_before(*, person_id: int, cohorts: Collection[int]) -> dict[int, int]:
    """Cohort id → number of people who would be passed over if staff booked for this person now.

    Cohorts are left out where it is the person's turn, or nobody waits.
    """
    now = database_now()
    own = Prefetch("tickets", Ticket.objects.filter(person=person_id), to_attr="own")
    rooms = (
        Room.objects.filter(cohort__in=cohorts)
        .select_related("cohort", "line")
        .prefetch_related(own)
        .annotate(last=Max("tickets__entry"))
    )
    return {
        room.cohort_id: before
        for room in rooms
        if not room.has_ended(now) and (before := _before(room)) is not None
    }


def _before(room: "WithAnnotations[Room, BeforeAnnotations]") -> int | None:
    last, serving = room.last or 0, room.line.serving
    if last <= serving:
        return None
    place = room.place_of(room.own[0].entry) if room.own else None
    if place is None:  # without a ticket, or before the draw: everybody who waits
        return last - serving
    return place - serving - 1 if place > serving else None
