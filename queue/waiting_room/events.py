"""The line's part of a person's event line."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _

from database.clock import known_now
from events.kinds import Event, Kind
from events.models import RecordedEvent
from events.sources import Source
from staff.actors import CITIZEN, SYSTEM
from waiting_room.models import Room, Ticket

# A called person who has not entered after this long was away.
AWAY_AFTER = timedelta(minutes=1)
# Pauses of one room that a story shows at most.
MOST_PAUSES = 40

KINDS = [
    # Numbers of people who came before the opening mean nothing: the draw gives the place.
    Kind("gathered", _("came before the opening and takes part in the draw (%(cohort)s)")),
    Kind("joined", _("joined the line as number %(place)s (%(cohort)s)")),
    Kind("drawn", _("the draw gave number %(place)s")),
    Kind("left_line", _("left the line")),
    Kind("returned_to_line", _("came back to the line, at the old number")),
    Kind("line_paused", _("the line was paused for everybody (%(cohort)s)")),
    Kind("line_resumed", _("the line went on (%(cohort)s)")),
    Kind("line_closed", _("the line was closed (%(cohort)s)")),
    Kind("called", _("called: number %(place)s")),
    Kind("away", _("away: had not entered a minute after the call; the turn stays theirs")),
    Kind("entered", _("entered the booking pages")),
    Kind("admission_booked", _("everything was booked, the turn was used")),
    Kind("admission_left", _("left the booking pages")),
    Kind("admission_lapsed", _("the time for booking ran out")),
]

# `joined` becomes the final kinds below, as SQL can't compute a place in the draw. An admission
# whose time is over is ended by the next one that is counted: it ran out at `expires_at`.
SQL = """
SELECT ticket.joined_at AS at, 'joined', NULL::bigint, 'citizen', jsonb_build_object(
    'room', ticket.room_id, 'entry', ticket.entry,
    'cohort', jsonb_build_object('ko', cohort.name_ko, 'en', cohort.name_en)
)
FROM waiting_room_ticket AS ticket
JOIN waiting_room_room AS room ON room.id = ticket.room_id
JOIN eligibility_cohort AS cohort ON cohort.id = room.cohort_id
WHERE ticket.person_id = %(person)s
UNION ALL
SELECT change.at, change.kind, NULL, change.actor,
    jsonb_build_object('room', admission.room_id, 'place', admission.place)
FROM waiting_room_ticket AS ticket
JOIN waiting_room_admission AS admission ON admission.ticket_id = ticket.id
CROSS JOIN LATERAL (VALUES
    (admission.entered_at, 'entered', 'citizen'),
    (
        CASE
            WHEN admission.ending = 'lapsed' THEN least(admission.expires_at, admission.ended_at)
            WHEN admission.ended_at IS NULL AND admission.expires_at <= jari_now()
                THEN admission.expires_at
            ELSE admission.ended_at
        END,
        'admission_' || coalesce(nullif(admission.ending, ''), 'lapsed'),
        CASE WHEN admission.ending IN ('booked', 'left') THEN 'citizen' ELSE 'system' END
    )
) AS change (at, kind, actor)
WHERE ticket.person_id = %(person)s AND change.at IS NOT NULL
"""

# For each ticket: the call of its place, and the pauses since it was issued.
STEPS = """
SELECT asked.room, step.at, step.act
FROM unnest(%(rooms)s::bigint[], %(places)s::bigint[], %(since)s::timestamptz[])
    AS asked (room, place, since)
CROSS JOIN LATERAL (
    (
        SELECT at, act, last FROM waiting_room_step
        WHERE room_id = asked.room AND act = 'call' AND first <= asked.place
        ORDER BY first DESC LIMIT 1
    )
    UNION ALL
    (
        SELECT at, act, NULL FROM waiting_room_step
        -- The first condition is that of the index `steps_but_calls`.
        WHERE room_id = asked.room AND act <> 'call' AND at >= asked.since
            AND act IN ('pause', 'resume', 'close')
        ORDER BY id LIMIT %(most)s
    )
) AS step
WHERE step.act <> 'call' OR step.last >= asked.place
"""
_KIND_OF_ACT = {
    "call": "called",
    "pause": "line_paused",
    "resume": "line_resumed",
    "close": "line_closed",
}


def _complete(events: list[Event]) -> list[Event]:
    joined = [event for event in events if event.kind == "joined"]
    rooms = Room.objects.in_bulk([event.parameters["room"] for event in joined])
    places = {
        event.parameters["room"]: rooms[event.parameters["room"]].place_of(
            event.parameters["entry"]
        )
        for event in joined
    }
    steps = _steps(joined, places) if joined else []
    entered = _first_by_room(event for event in events if event.kind == "entered")
    return [
        *(event for event in events if event.kind != "joined"),
        *(final for event in joined for final in _joining(event, rooms, places)),
        *(step for step in steps if _concerns(step, entered)),
        *_absences(steps, entered),
    ]


def _joining(
    event: Event, rooms: dict[int, Room], places: dict[int, int | None]
) -> Iterator[Event]:
    """Joining with its place, or gathering and the draw that gave it."""
    room = rooms[event.parameters["room"]]
    parameters = event.parameters | {"place": places[room.pk]}
    drawn = bool(room.seed) and event.parameters["entry"] <= (room.frozen_count or 0)
    if drawn or parameters["place"] is None:
        yield replace(event, kind="gathered")
    else:
        yield replace(event, parameters=parameters)
    if drawn and room.drawn_at:
        yield Event(room.drawn_at, "drawn", actor=SYSTEM, parameters=parameters)


def _steps(joined: list[Event], places: dict[int, int | None]) -> list[Event]:
    parameters = {event.parameters["room"]: event.parameters for event in joined}
    asked: dict[str, Any] = {
        "rooms": list(parameters),
        # Nobody without a place is called.
        "places": [places[room] or 0 for room in parameters],
        "since": [event.at for event in joined],
        "most": MOST_PAUSES,
    }
    with connection.cursor() as cursor:
        cursor.execute(STEPS, asked)
        return [
            Event(
                at,
                _KIND_OF_ACT[act],
                actor=SYSTEM,
                parameters=parameters[room] | {"place": places[room]},
            )
            for room, at, act in cursor.fetchall()
        ]


def _first_by_room(events: Iterable[Event]) -> dict[Any, datetime]:
    first: dict[Any, datetime] = {}
    for event in events:
        room = event.parameters["room"]
        first[room] = min(event.at, first.get(room, event.at))
    return first


def _concerns(step: Event, entered: dict[Any, datetime]) -> bool:
    """Pauses matter to a person until they have entered."""
    since = entered.get(step.parameters["room"])
    return step.kind == "called" or since is None or step.at <= since


def _absences(steps: list[Event], entered: dict[Any, datetime]) -> Iterator[Event]:
    for step in steps:
        until = entered.get(step.parameters["room"]) or known_now()
        if step.kind == "called" and until > step.at + AWAY_AFTER:
            yield Event(step.at + AWAY_AFTER, "away", actor=CITIZEN, parameters=step.parameters)


SOURCE = Source("waiting_room", KINDS, SQL, _complete)


def moved(ticket: Ticket, kind: str, *, by: str) -> RecordedEvent:
    """The event of a ticket that left the line or came back; unsaved."""
    return RecordedEvent(
        kind=kind,
        person_id=ticket.person_id,
        actor=by,
        parameters={"room": ticket.room_id},
    )
