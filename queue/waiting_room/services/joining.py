"""Joining: one statement, committed before the number is shown. Joining again returns the same
ticket."""

import os
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from database.clock import Now
from eligibility.models import Decision
from eligibility.services.decisions import eligible_decision
from events.services import update_and_record
from staff.actors import CITIZEN
from waiting_room.events import moved
from waiting_room.exceptions import (
    LineRefusal,
    NotEligible,
    NotYetJoinable,
    OwnWindowLater,
    RoomClosed,
)
from waiting_room.locks import JOIN
from waiting_room.models import Room, Ticket
from waiting_room.services.resume_codes import code_keys
from web.codes import index_of_ticket

# Generation and number of a session that has not ended: for callers that have checked the cookie.
CHECKED = (2**31 - 1, 0)

# The gate is MATERIALIZED and read first, so that no entry number is drawn before the lock is held.
# Times are jari_clock(), the clock after the wait for the lock (not that of the statement's start):
# an entry behind a frozen list must not have a time before the freeze. A person who has a ticket
# draws no number; two joins of one person at once end at the unique constraint.
JOINING = """
WITH gate AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared(%(join)s, %(room)s)
), asked AS (
    -- Drops people whose session has ended (as the function eligibility_session, for many people at
    -- once). Inequalities: for an equality the planner estimates almost no rows, and chooses nested
    -- loops for a whole batch.
    SELECT asked.* FROM unnest(
        %(ids)s::uuid[], %(people)s::bigint[], %(indexes)s::bigint[], %(generations)s::int[],
        %(sessions)s::bigint[]
    ) WITH ORDINALITY AS asked (id, person_id, resume_index, generation, session, turn)
    JOIN eligibility_person AS person
        ON person.id = asked.person_id AND person.session_generation <= asked.generation
        AND asked.session <> ALL (person.ended_sessions)
), existing AS (
    SELECT ticket.* FROM waiting_room_ticket AS ticket JOIN asked USING (person_id)
    WHERE ticket.room_id = %(room)s
), admissible AS (
    SELECT asked.*, decision.provisional
    FROM gate, asked
    JOIN waiting_room_room AS room ON room.id = %(room)s
    JOIN eligibility_cohort AS cohort ON cohort.id = room.cohort_id
    JOIN eligibility_decision AS decision
        ON decision.cohort_id = room.cohort_id AND decision.person_id = asked.person_id
    WHERE room.status <> 'closed'
        -- Room.joinable_from, why_not
        AND least(room.joins_from, cohort.opens_at) <= jari_clock()
        AND cohort.closes_at > jari_clock()
        AND decision.eligible AND decision.window_to > jari_clock()
        AND decision.window_from <= greatest(jari_clock(), cohort.opens_at)
        AND NOT EXISTS (SELECT FROM existing WHERE existing.person_id = asked.person_id)
    ORDER BY asked.turn
), fresh AS (
    INSERT INTO waiting_room_ticket
        (id, room_id, person_id, entry, joined_at, resume_index, provisional)
    SELECT id, %(room)s, person_id, nextval(%(sequence)s), jari_clock(),
        resume_index, provisional
    FROM admissible
    ON CONFLICT DO NOTHING
    RETURNING *
)
"""
COLUMNS = ["id", "person_id", "entry", "joined_at", "left_at", "provisional", "resume_index"]
TICKET_SQL = f"""{JOINING}
SELECT {", ".join(COLUMNS)} FROM fresh UNION ALL SELECT {", ".join(COLUMNS)} FROM existing
"""  # noqa: S608  (constants)
# For a batch: person → ticket. Tickets of people who left are not returned, as coming back needs
# more checks (_come_back).
TICKET_IDS_SQL = f"""{JOINING}
SELECT person_id, id::text FROM fresh
UNION ALL SELECT person_id, id::text FROM existing WHERE left_at IS NULL
"""  # noqa: S608  (constants)


def parameters(
    room_id: int, people: Sequence[int], sessions: Sequence[tuple[int, int]] | None = None
) -> dict[str, Any]:
    """Parameters of the statement, with a new ticket id for each of these people.

    `sessions` are generation and number of their cookies (eligibility.sessions.Claim), in the same
    order; None if the cookies have been checked.
    """
    generations, numbers = zip(*(sessions or [CHECKED] * len(people)), strict=True)
    ids, key = _new_ids(len(people)), code_keys()[0]
    return {
        "join": JOIN,
        "room": room_id,
        "sequence": Room.sequence_name(room_id),
        "ids": _array(ticket_id.hex() for ticket_id in ids),
        "people": _array(people),
        "generations": _array(generations),
        "sessions": _array(numbers),
        "indexes": _array(index_of_ticket(ticket_id, key) for ticket_id in ids),
    }


def _new_ids(count: int) -> list[bytes]:
    """Random UUIDs as `web.codes.random_uuid` makes them, but of one piece of noise."""
    noise = os.urandom(16 * count)
    return [noise[start : start + 16] for start in range(0, 16 * count, 16)]


def _array(values: Iterable[Any]) -> str:
    """A Postgres array literal of numbers or ids; adapting a list takes three times as long."""
    return f"{{{','.join(map(str, values))}}}"


def issue_ticket(*, room: Room, person_id: int) -> Ticket:
    """The person's ticket in this line: a new one, or the one they have.

    Raises NotEligible, NotYetJoinable (or its OwnWindowLater) or RoomClosed.
    """
    # Repeated, with another ticket id, if the resume index was taken or a second request of the
    # same person was faster.
    for _attempt in range(3):
        with connection.cursor() as cursor:
            cursor.execute(TICKET_SQL, parameters(room.pk, [person_id]))
            row = cursor.fetchone()
        if row:
            return _come_back(ticket_from(row, room))
        refusal = why_not(room_id=room.pk, person_id=person_id)
        # Decisions are stored at sign-in; a cohort or a nearer window may have come since then.
        renewable = isinstance(refusal, NotEligible | OwnWindowLater)
        if renewable and eligible_decision(person_id, room.cohort):
            refusal = why_not(room_id=room.pk, person_id=person_id)
        if refusal:
            raise refusal
    raise RuntimeError("A person who may join could not be given a ticket.")


def ticket_from(row: Sequence[Any], room: Room) -> Ticket:
    """A Ticket object from a row of TICKET_SQL."""
    ticket = Ticket(room=room, **dict(zip(COLUMNS, row, strict=True)))
    ticket._state.adding, ticket._state.db = False, "default"
    return ticket


def _come_back(ticket: Ticket) -> Ticket:
    """Clear `left_at` of a person who joins again; raises NotEligible after a refused review."""
    if ticket.left_at:
        # A provisional ticket was ended by a refused review: it needs a new yes.
        if ticket.provisional and (refusal := why_not_eligible(ticket)):
            raise refusal
        come_back(ticket)
    return ticket


def come_back(ticket: Ticket) -> None:
    """Clear `left_at`, recorded in the person's event line."""
    row = Ticket.objects.filter(pk=ticket.pk)
    update_and_record(row, {"left_at": None}, moved(ticket, "returned_to_line", by=CITIZEN))
    ticket.left_at = None


def why_not_eligible(ticket: Ticket) -> NotEligible | None:
    refusal = why_not(room_id=ticket.room_id, person_id=ticket.person_id)
    return refusal if isinstance(refusal, NotEligible) else None


def why_not(*, room_id: int, person_id: int) -> LineRefusal | None:
    """Why this person could not join now, None if they could: the plain twin of JOINING's rules.

    NotEligible, NotYetJoinable, OwnWindowLater or RoomClosed.
    """
    room = Room.objects.select_related("cohort").annotate(now=Now()).get(pk=room_id)
    if room.has_ended(room.now):
        return RoomClosed(_("This line is closed."))
    decision = Decision.objects.filter(person_id=person_id, cohort_id=room.cohort_id).first()
    if not decision or not decision.eligible or decision.window_to <= room.now:
        return NotEligible(_("You can't book with this group. See what you may book, and when."))
    if room.joinable_from > room.now:
        return NotYetJoinable(_("It is too early to join this line."))
    if decision.window_from > max(room.now, room.cohort.opens_at):
        return OwnWindowLater(_("It is too early to join this line."))
    return None


def leave_line(*, ticket: Ticket) -> Ticket:
    """Leave the line; joining again before the room closes restores the same place."""
    row = Ticket.objects.filter(pk=ticket.pk, left_at=None)
    update_and_record(row, {"left_at": Now()}, moved(ticket, "left_line", by=CITIZEN))
    ticket.refresh_from_db(fields=["left_at"])
    return ticket
