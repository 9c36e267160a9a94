"""The short lists beside a caller's story, read in one statement."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.utils.dateparse import parse_datetime

from booking.enums import ON_THE_LIST, EntryStatus
from booking.models import OutsideDose
from events.models import CallerNote
from messaging.hooks import name_of
from messaging.models import Message
from messaging.services import why_not_send_again
from privacy.cipher import decrypt

MESSAGES_SHOWN = 10
_NOTE = b"events_callernote.text"

LISTS = """
SELECT 'note', jsonb_build_object('at', at, 'by', by), text FROM (
    SELECT at, by, text FROM events_callernote
    WHERE person_id = %(person)s AND text IS NOT NULL ORDER BY at DESC, id DESC
) AS note
UNION ALL
SELECT 'entry', jsonb_build_object('dose', dose, 'status', status), NULL FROM (
    SELECT dose, status FROM booking_listentry
    WHERE person_id = %(person)s AND status = ANY(%(on_the_list)s) ORDER BY dose
) AS entry
UNION ALL
SELECT 'message', jsonb_build_object(
    'id', id, 'kind', kind, 'channel', channel, 'status', status, 'created_at', created_at,
    'not_after', not_after, 'is_written', is_written, 'receipt', receipt
), NULL FROM (
    SELECT id, kind, channel, status, created_at, not_after, receipt,
        text IS NOT NULL AS is_written
    FROM messaging_message WHERE person_id = %(person)s ORDER BY id DESC LIMIT %(most)s
) AS message
UNION ALL
SELECT 'outside_dose', jsonb_build_object(
    'dose', dose, 'vaccine_id', vaccine_id, 'given_on', given_on
), NULL
FROM booking_outsidedose WHERE person_id = %(person)s
"""


@dataclass
class CallerLists:
    """What the caller's page shows besides the story and the appointments."""

    notes: list[CallerNote] = field(default_factory=list)  # the newest first
    entries: list[dict[str, Any]] = field(default_factory=list)  # of the cancellation list
    sent: list[dict[str, Any]] = field(default_factory=list)  # messages, the newest first
    outside_doses: list[OutsideDose] = field(default_factory=list)


def lists_of(person_id: int) -> CallerLists:
    lists = CallerLists()
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "person": person_id,
            "on_the_list": ON_THE_LIST,
            "most": MESSAGES_SHOWN,
        }
        cursor.execute(LISTS, values)
        for part, content, text in cursor.fetchall():
            _ADD[part](lists, json.loads(content), text)
    return lists


def _add_note(lists: CallerLists, row: dict[str, Any], text: Any) -> None:
    plain = decrypt(bytes(text), context=_NOTE)
    lists.notes.append(CallerNote(at=_time(row["at"]), by=row["by"], text=plain))


def _add_entry(lists: CallerLists, row: dict[str, Any], _text: Any) -> None:
    lists.entries.append({"dose": row["dose"], "status": EntryStatus(row["status"]).label})


def _add_message(lists: CallerLists, row: dict[str, Any], _text: Any) -> None:
    message = Message(
        pk=row["id"],
        kind=row["kind"],
        channel=row["channel"],
        status=row["status"],
        created_at=_time(row["created_at"]),
        not_after=row["not_after"] and _time(row["not_after"]),
        text="" if row["is_written"] else None,  # only whether there is one
        receipt=row["receipt"],
    )
    may_send = why_not_send_again(message) is None
    lists.sent.append({"row": message, "name": name_of(message.kind), "may_send": may_send})


def _add_outside_dose(lists: CallerLists, row: dict[str, Any], _text: Any) -> None:
    given_on = date.fromisoformat(row["given_on"])
    dose = OutsideDose(dose=row["dose"], vaccine_id=row["vaccine_id"], given_on=given_on)
    lists.outside_doses.append(dose)


_ADD: dict[str, Callable[[CallerLists, dict[str, Any], Any], None]] = {
    "note": _add_note,
    "entry": _add_entry,
    "message": _add_message,
    "outside_dose": _add_outside_dose,
}


def _time(text: str) -> datetime:
    at = parse_datetime(text)
    assert at  # written by Postgres
    return at
