"""Set-up of the tests of the line: a cohort, its room, people who may join."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from eligibility.enums import Order
from eligibility.models import Cohort, Decision, Person
from tests.factories import CohortFactory, PersonFactory
from waiting_room.models import Admission, Line, Room, Ticket
from waiting_room.services import joining, rooms, ticking


def make_room(*, ticked: bool = True, max_active: int = 200, max_per_minute: int = 600, **cohort):
    """A room, open by default and first come, first served."""
    joins_from = cohort.pop("joins_from", None)
    room = rooms.open_room(
        cohort=CohortFactory(**{"order": Order.FIFO, **cohort}),
        joins_from=joins_from,
        max_active=max_active,
        max_per_minute=max_per_minute,
    )
    return tick(room) if ticked else room


def make_drawn_room(**more) -> Room:
    """A room before its opening, with a draw; `open_doors` opens it."""
    opens_at = timezone.now() + timedelta(hours=1)
    return make_room(order=Order.DRAW, opens_at=opens_at, **more)


def open_doors(room: Room) -> Room:
    Cohort.objects.filter(pk=room.cohort_id).update(opens_at=timezone.now() - timedelta(seconds=1))
    tick(room)  # closes the list
    return tick(room)  # holds the draw


def tick(room: Room) -> Room:
    ticking.tick_room(room.pk)
    return room_of(room.pk)


def room_of(number: int) -> Room:
    return Room.objects.select_related("cohort", "line", "board").get(pk=number)


def make_eligible(room: Room, person: Person | None = None, **fields) -> Person:
    person = person or PersonFactory()
    values = {"window_from": room.cohort.opens_at, "window_to": room.cohort.closes_at}
    Decision.objects.create(
        person=person, cohort=room.cohort, eligible=True, rule="born", **values | fields
    )
    return person


def join(room: Room, person: Person | None = None) -> Ticket:
    person = person or make_eligible(room)
    return joining.issue_ticket(room=room, person_id=person.pk)


def call(room: Room, upto: int) -> Room:
    """Call everybody up to a place, regardless of the pace."""
    line = room.line
    line.refresh_from_db()
    rooms.record(room, "call", first=line.serving + 1, last=upto)
    line.serving = upto
    line.save(update_fields=["serving"])
    return room_of(room.pk)


def called(room: Room) -> Ticket:
    """A ticket of a person who joined and was called."""
    ticket = join(room)
    call(room, ticket.place)
    return ticket


def back_in_time(room: Room, seconds: float) -> None:
    """Make the last tick appear to be `seconds` ago."""
    Line.objects.filter(room=room).update(ticked_at=timezone.now() - timedelta(seconds=seconds))


def run_out(admission: Admission) -> None:
    Admission.objects.filter(pk=admission.pk).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )


def issued(room: Room) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sequence_last_value(%s::regclass)", [room.entry_sequence])
        return cursor.fetchone()[0] or 0
