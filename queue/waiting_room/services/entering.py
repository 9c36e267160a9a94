"""Entering: never more people inside than the room takes, and always the lowest place first."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Greatest
from django.utils.translation import gettext as _

from database import functions
from database.clock import Now, database_now
from eligibility.models import Cohort, Person
from eligibility.sessions import SESSION, Claim, Session
from waiting_room.enums import Act, Ending
from waiting_room.exceptions import (
    AdmissionOver,
    AtTheDoor,
    LineRefusal,
    NotCalled,
    RoomClosed,
)
from waiting_room.models import Admission, DoorWait, Line, Room, Step, Ticket
from waiting_room.services.joining import come_back
from waiting_room.services.provisional_tickets import refuse_undecided

ADMISSION_LIFETIME = timedelta(minutes=15)
MOST_EXTENSIONS = 12  # WCAG 2.2.1 asks for ten
# A person who does not knock again for this long has left the door.
PATIENCE_AT_THE_DOOR = timedelta(seconds=30)

END_SQL = """
UPDATE waiting_room_admission SET ended_at = jari_now(), ending = %s
WHERE id = %s AND ended_at IS NULL RETURNING ended_at
"""

OF_ADMISSION = ["id", "ticket_id", "room_id", "place", "entered_at", "expires_at", "extensions"]

COLUMNS = [field.attname for field in Admission._meta.concrete_fields]
# Of one room; a ticket that is not let in here has no row.
ENTER = f"""
SELECT {", ".join(COLUMNS)}
FROM waiting_room_enter(
    %(room)s, %(tickets)s::uuid[], %(places)s::bigint[], %(lifetime)s, %(patience)s
)
"""  # noqa: S608  (constants)

CALLED_IN_SESSION = f"""
SELECT asked.*
FROM {SESSION}, LATERAL waiting_room_called(%(ticket)s, session.person_id) AS asked
"""  # noqa: S608  (a constant)


def enter(*, ticket: Ticket) -> Admission:
    """Let a called person in; again and again it is the same admission, while it lasts.

    Raises NotCalled, NotDecided, RoomClosed, or AtTheDoor when every place is taken this moment.
    A pause keeps nobody out who was called: it stops the calling.
    """
    return _enter_at_once(ticket) or _enter_carefully(ticket)


def entry(room_id: int, places: dict[UUID, int]) -> dict[str, Any]:
    """The parameters of ENTER, for tickets with their places."""
    return {
        "room": room_id,
        "tickets": list(places),
        "places": list(places.values()),
        "lifetime": ADMISSION_LIFETIME,
        "patience": PATIENCE_AT_THE_DOOR,
    }


def called_in_session(claim: Claim, ticket_id: UUID) -> tuple[str, dict[str, Any]]:
    """The statement for `called_place`: the ticket, if it is of the person of this session."""
    return CALLED_IN_SESSION, claim.values | {"ticket": ticket_id}


def called_place(rows: Iterable[Sequence[Any]]) -> tuple[int, int] | None:
    """Room and place of the ticket that was read; None if it is another's, or not called."""
    for serving, entry_number, *of_room in rows:
        room = Room.from_db("default", ["id", "frozen_count", "seed", "drawn_at"], of_room)
        place = room.place_of(entry_number)
        if place is not None and place <= serving:
            return room.pk, place
    return None


def _enter_at_once(ticket: Ticket) -> Admission | None:
    """Fast path: one statement, which locks the room for no round trip. None if it is left to the
    careful path, and then nothing is changed."""
    place = ticket.place
    if place is None:
        return None
    row = functions.attempt(ENTER, entry(ticket.room_id, {ticket.pk: place}))
    if row is None:
        return None
    admission = Admission.from_db("default", COLUMNS, row)
    admission.ticket, admission.room = ticket, ticket.room
    return admission


def _enter_carefully(ticket: Ticket) -> Admission:
    """Whole twin of the fast path: the same admission, or the reason why there is none."""
    with transaction.atomic():
        outcome = _let_in(ticket)
    # Only now: the knock at the door has to be kept.
    if isinstance(outcome, LineRefusal):
        raise outcome
    return outcome


def _let_in(ticket: Ticket) -> Admission | LineRefusal:
    # Entering is one at a time per room: that is what makes the count below true.
    line, now = locked_line(ticket.room_id)
    room = line.room
    ticket.room = room
    admission = Admission.objects.filter(ticket=ticket, ended_at=None).first()
    if admission and admission.expires_at > now:
        return admission
    if room.has_ended(now):
        raise RoomClosed(_("This line is closed."))
    place = ticket.place
    if place is None or place > line.serving:
        raise NotCalled(_("It is not your turn yet. Your place is kept."))
    refuse_undecided(ticket)

    if admission or line.active >= room.max_active:
        _lapsed, now = count_inside(line, now)
    free = room.max_active - line.active
    at_door = _at_the_door(ticket, place, now)
    knocked = ticket.pk in at_door
    if free <= len(at_door) - knocked:
        _keep_knocking(ticket, place)
        return AtTheDoor(_("Every place is taken this moment. You are next at the door."))
    if knocked:
        DoorWait.objects.filter(ticket=ticket).delete()
    if ticket.left_at:
        come_back(ticket)
    calls = Step.objects.filter(room=room, act=Act.CALL, first__lte=place).order_by("-first")
    # A trigger adds it to the line, whose check holds against any mistake above.
    return Admission.objects.create(
        ticket=ticket,
        room=room,
        place=place,
        called_at=calls.values_list("at", flat=True).first(),
        entered_at=now,
        expires_at=now + ADMISSION_LIFETIME,
    )


def locked_line(room_id: int) -> tuple[Line, datetime]:
    """The line's row, locked, with the database's clock as it was when the lock was had."""
    line = (
        Line.objects.select_for_update(of=("self",), no_key=True)
        .select_related("room__cohort")
        .get(pk=room_id)
    )
    return line, database_now()


def count_inside(line: Line, now: datetime) -> tuple[int, datetime]:
    """End what ran out and count what lives; the caller has locked the line.

    Returns how many lapsed, and the clock after the count: an admission that begins then begins
    after all those that the count saw end.
    """
    lapsed = Admission.objects.filter(
        room_id=line.room_id, ended_at=None, expires_at__lte=now
    ).update(ended_at=now, ending=Ending.LAPSED)
    active = Admission.objects.filter(room_id=line.room_id, ended_at=None).count()
    max_active = max(line.room.max_active, active)
    if lapsed or (active, max_active) != (line.active, line.max_active):
        line.active, line.max_active = active, max_active
        line.ran_out += lapsed
        line.save(update_fields=["active", "max_active", "ran_out"])
    return lapsed, database_now()


def _at_the_door(ticket: Ticket, place: int, now: datetime) -> set[UUID]:
    """Who knocked lately and goes in before this place, and this ticket itself if it ever did."""
    before = Q(place__lt=place, at__gt=now - PATIENCE_AT_THE_DOOR)
    knocks = DoorWait.objects.filter(before | Q(ticket=ticket), room_id=ticket.room_id)
    return set(knocks.values_list("ticket_id", flat=True))


def _keep_knocking(ticket: Ticket, place: int) -> None:
    DoorWait.objects.update_or_create(
        ticket=ticket, defaults={"room_id": ticket.room_id, "place": place, "at": Now()}
    )


def knock(*, ticket: Ticket) -> None:
    """Stay at the door, as the waiting page does by itself; nothing happens elsewhere."""
    DoorWait.objects.filter(ticket=ticket).update(at=Now())


def live_admission(person_id: int) -> Admission | None:
    """The admission with which this person may book now, in whichever room."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM waiting_room_live_admission(%s)", [person_id])
        return admission_of_row(person_id, *cursor.fetchone())


IN_SESSION = f"""
SELECT session.sees_from, live.*
FROM {SESSION}, LATERAL waiting_room_live_admission(session.person_id) AS live
"""  # noqa: S608  (a constant)


def admission_in_session(claim: Claim) -> tuple[Session | None, Admission | None]:
    """The session of a claim with `live_admission` of its person, in one statement.

    No admission when the session has ended.
    """
    with connection.cursor() as cursor:
        cursor.execute(IN_SESSION, claim.values)
        sees_from, *row = cursor.fetchone()
    return claim.session(sees_from), admission_of_row(claim.person_id, *row)


def admission_of_row(
    person_id: int,
    cohort_id: int | None,
    vaccines: list[str],
    region: str,
    district: str,
    *of_admission: Any,
) -> Admission | None:
    """The admission in a row of sql/waiting_room_live_admission; other fields are deferred.

    Every booking page reads it: building the queryset took longer than Postgres' answer.
    """
    if cohort_id is None:
        return None
    admission = Admission.from_db("default", OF_ADMISSION, of_admission)
    ticket = Ticket.from_db("default", ["id", "person_id"], [admission.ticket_id, person_id])
    ticket.person = Person.from_db(
        "default", ["id", "region", "district"], [person_id, region, district]
    )
    admission.ticket = ticket
    admission.room = Room.from_db("default", ["id", "cohort_id"], [admission.room_id, cohort_id])
    admission.room.cohort = Cohort.from_db("default", ["id", "vaccines"], [cohort_id, vaccines])
    return admission


def extend_admission(*, admission: Admission) -> Admission:
    """Fifteen minutes from now on; AdmissionOver, also after the last extension."""
    extended = Admission.objects.filter(
        pk=admission.pk, ended_at=None, expires_at__gt=Now(), extensions__lt=MOST_EXTENSIONS
    ).update(
        expires_at=Greatest(F("expires_at"), Now() + ADMISSION_LIFETIME),
        extensions=F("extensions") + 1,
    )
    admission.refresh_from_db(fields=["expires_at", "extensions"])
    if not extended and admission.extensions >= MOST_EXTENSIONS:
        raise AdmissionOver(_("Your time can’t be extended again. Please book now."))
    if not extended:
        raise AdmissionOver(_("Your time for booking has run out. Enter again from your ticket."))
    return admission


def end_admission(*, admission: Admission, ending: Ending) -> Admission:
    """End an admission, once; ending it again changes nothing.

    The line's own row is left alone, so that bookings do not queue up behind each other: the
    next count sees the place free. Only a lapse is counted in it (Line.ran_out).
    """
    if ending == Ending.LAPSED:
        with transaction.atomic():
            line, _now = locked_line(admission.room_id)  # before the admission: see locks.py
            row = _end(admission, ending)
            Line.objects.filter(pk=line.pk).update(ran_out=F("ran_out") + (1 if row else 0))
    else:
        row = _end(admission, ending)
    if row:
        admission.ended_at, admission.ending = row[0], ending
    else:
        admission.refresh_from_db(fields=["ended_at", "ending"])
    return admission


def _end(admission: Admission, ending: Ending) -> tuple[datetime] | None:
    with connection.cursor() as cursor:
        cursor.execute(END_SQL, [ending, admission.pk])
        row: tuple[datetime] | None = cursor.fetchone()
        return row


def lapse_admissions() -> int:
    """End every admission that ran out of time; how many did."""
    late = Admission.objects.filter(ended_at=None, expires_at__lte=Now())
    lapsed = 0
    for room_id in late.values_list("room_id", flat=True).distinct():
        with transaction.atomic():
            lapsed += count_inside(*locked_line(room_id))[0]
    return lapsed
