"""What a restored database holds; run in a process of its own, whose DATABASE_URL names it."""

import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.core.management import CommandError, call_command
from django.db import connection
from psycopg import sql

from booking import verifying as booking_verifying
from booking.models import Reservation
from eligibility.indexes import phone_indexes
from eligibility.models import Person
from privacy.cipher import UnreadableData, decrypt
from privacy.reindexing import NO_KEY
from privacy.rotation import encrypted_columns
from recovery.published import Published, missing
from vaccination import verifying as vaccination_verifying
from waiting_room.models import Room, Ticket

PEOPLE_LOOKED_UP = 20


def examine(published: Sequence[Published]) -> dict[str, Any]:
    """Problems as sentences, how many rows there are, and how far the WAL was replayed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint, pg_last_xact_replay_timestamp()"
        )
        replayed, newest = cursor.fetchone()
    problems = [
        # By the time of the restored data: what is overdue now was not then.
        *_broken(newest),
        *_bad_logs(),
        *filter(None, map(missing, published)),
        *_unreadable(),
        *_not_found(),
    ]
    counts = {
        "people": Person.objects.count(),
        "tickets": Ticket.objects.count(),
        "reservations": Reservation.objects.count(),
        "lines": Room.objects.count(),
    }
    return {
        "problems": problems,
        "counts": counts,
        "replayed": replayed,
        "newest": newest.isoformat() if newest else "",
    }


def _broken(at: datetime | None) -> Iterator[str]:
    for invariants in (booking_verifying.INVARIANTS, vaccination_verifying.INVARIANTS):
        for result in booking_verifying.verify(now=at, invariants=invariants):
            if result.broken:
                example = result.examples[0]
                yield f"{result.invariant.name}: {result.broken} rows break it ({example})."


def _bad_logs() -> Iterator[str]:
    """Each line's log by the program that everybody can check it with."""
    for code in Room.objects.order_by("pk").values_list("cohort__code", flat=True):
        report = io.StringIO()
        try:
            call_command("verify_line", code, stdout=report)
        except CommandError as error:
            yield f"{error} {report.getvalue().strip().splitlines()[-1:]}"


def _unreadable() -> Iterator[str]:
    """Under each key that a column names, a value is opened and thrown away."""
    for model, field in encrypted_columns():
        names = {
            "table": sql.Identifier(model._meta.db_table),
            "column": sql.Identifier(str(field.column)),
        }
        numbers = sql.SQL(
            "SELECT DISTINCT get_byte({column}, 0) FROM {table} WHERE length({column}) > 0"
        ).format(**names)
        sample = sql.SQL(
            "SELECT {column} FROM {table} WHERE length({column}) > 0"
            " AND get_byte({column}, 0) = %s LIMIT 1"
        ).format(**names)
        with connection.cursor() as cursor:
            cursor.execute(numbers)
            for (number,) in cursor.fetchall():
                cursor.execute(sample, [number])
                value = cursor.fetchone()[0]
                try:
                    decrypt(bytes(value), context=field.context)
                except UnreadableData as error:
                    yield f"{model._meta.label}.{field.name}, key {number}: {error}"


def _not_found() -> Iterator[str]:
    """Whether a person is found by phone: the index keys are those of the data."""
    try:
        people = list(Person.objects.order_by("-pk")[:PEOPLE_LOOKED_UP])
    except UnreadableData:
        return  # _unreadable has said so
    for person in people:
        index = bytes(person.phone_index)
        # Some are not to be found by their phone.
        if person.phone and index[0] != NO_KEY and index not in phone_indexes(person.phone):
            yield "People are not found by their phones: a key is missing in JARI_INDEX_KEYS."
            return
