"""Joining: one statement, committed before the number is shown, the same answer every time."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from database.clock import Now
from eligibility.models import Decision
from eligibility.services import eligible_decision
from waiting_room.exceptions import (
    LineRefusal,
    NotEligible,
    NotYetJoinable,
    OwnWindowLater,
    RoomClosed,
)
from waiting_room.locks import JOIN
from waiting_room.models import Room, Ticket
from web.codes import UnreadableCode, index_of_ticket, lookup_index

# No cookie is newer than this.
ANY_GENERATION = 2**31 - 1
CODE_KEY = hashlib.sha256(b"web.codes" + settings.INDEX_KEY).digest()

# The gate comes first, so that no number is drawn outside the lock, and by the clock as it is after
# the wait for it: a place behind a frozen list does not carry a time before it. A person who is in
# the line already takes no number; a race of one person with themselves ends at the unique
# constraint.
JOINING = """
WITH gate AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared(%(join)s, %(room)s)
), asked AS (
    -- Nobody whose cookie is older than their signing out everywhere. As an inequality, since the
    -- planner takes an equality for hardly ever true, and compares everybody with everybody.
    SELECT asked.* FROM unnest(
        %(ids)s::uuid[], %(people)s::bigint[], %(indexes)s::bigint[], %(generations)s::int[]
    ) WITH ORDINALITY AS asked (id, person_id, resume_index, generation, turn)
    JOIN eligibility_person AS person
        ON person.id = asked.person_id AND person.session_generation <= asked.generation
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
        -- Room.joinable_from
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
# For many at once: whose ticket is which, of those who have not left meanwhile.
TICKET_IDS_SQL = f"""{JOINING}
SELECT person_id, id::text FROM fresh
UNION ALL SELECT person_id, id::text FROM existing WHERE left_at IS NULL
"""  # noqa: S608  (constants)


def parameters(
    room_id: int, people: Sequence[int], generations: Sequence[int] | None = None
) -> dict[str, Any]:
    """What the statement needs to give each of these people a ticket of a new id.

    `generations` are the session generations of their cookies, in the same order; none where
    the cookies were looked at already.
    """
    ids = _new_ids(len(people))
    return {
        "join": JOIN,
        "room": room_id,
        "sequence": Room.sequence_name(room_id),
        "ids": _array(ticket_id.hex() for ticket_id in ids),
        "people": _array(people),
        "generations": _array(generations or [ANY_GENERATION] * len(people)),
        "indexes": _array(index_of_ticket(ticket_id, CODE_KEY) for ticket_id in ids),
    }


def _new_ids(count: int) -> list[bytes]:
    """Random UUIDs (version 4) as bytes; uuid.uuid4 takes three times as long for each."""
    noise = bytearray(os.urandom(16 * count))
    for start in range(0, 16 * count, 16):
        noise[start + 6] = noise[start + 6] & 0x0F | 0x40
        noise[start + 8] = noise[start + 8] & 0x3F | 0x80
    return [bytes(noise[start : start + 16]) for start in range(0, 16 * count, 16)]


def _array(values: Iterable[Any]) -> str:
    """As Postgres writes arrays of numbers and ids, in a third of the time that lists take."""
    return f"{{{','.join(map(str, values))}}}"


def issue_ticket(*, room: Room, person_id: int) -> Ticket:
    """The person's ticket in this line: a new one, or the one they have.

    Raises NotEligible, NotYetJoinable or RoomClosed.
    """
    # A second try, with another ticket id, if a resume code was taken or the person's own
    # other request was first.
    for _attempt in range(3):
        with connection.cursor() as cursor:
            cursor.execute(TICKET_SQL, parameters(room.pk, [person_id]))
            row = cursor.fetchone()
        if row:
            return _come_back(ticket_from(row, room))
        refusal = why_not(room_id=room.pk, person_id=person_id)
        # A cohort may have been added, or the person's window come nearer, after they signed in.
        renewable = isinstance(refusal, NotEligible | OwnWindowLater)
        if renewable and eligible_decision(person_id, room.cohort):
            refusal = why_not(room_id=room.pk, person_id=person_id)
        if refusal:
            raise refusal
    raise RuntimeError("A person who may join could not be given a ticket.")


def ticket_from(row: Sequence[Any], room: Room) -> Ticket:
    ticket = Ticket(room=room, **dict(zip(COLUMNS, row, strict=True)))
    ticket._state.adding, ticket._state.db = False, "default"
    return ticket


def _come_back(ticket: Ticket) -> Ticket:
    if ticket.left_at:
        # Ended by a refused review: it comes back with a new yes only.
        if ticket.provisional and (refusal := why_not_eligible(ticket)):
            raise refusal
        Ticket.objects.filter(pk=ticket.pk).update(left_at=None)
        ticket.left_at = None
    return ticket


def why_not_eligible(ticket: Ticket) -> NotEligible | None:
    refusal = why_not(room_id=ticket.room_id, person_id=ticket.person_id)
    return refusal if isinstance(refusal, NotEligible) else None


def why_not(*, room_id: int, person_id: int) -> LineRefusal | None:
    """Why nobody by this number could join just now; None if they could."""
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


def index_of(typed: str) -> int | None:
    """Where to look for a ticket by its resume code; None if what was typed is no such code."""
    try:
        return lookup_index(typed, CODE_KEY)
    except UnreadableCode:
        return None


def leave_line(*, ticket: Ticket) -> Ticket:
    """Step out for good; whoever joins again before the room closes has the same place."""
    Ticket.objects.filter(pk=ticket.pk, left_at=None).update(left_at=Now())
    ticket.refresh_from_db(fields=["left_at"])
    return ticket
