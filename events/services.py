"""Reading a person's event line, and recording what no other table does."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any, cast

from django.db import connection
from django.db.models import JSONField, QuerySet
from django.db.models.sql import UpdateQuery

from events.kinds import KINDS, Event
from events.models import RecordedEvent
from events.sources import SOURCES

# The columns of a source.
COLUMNS = "at, kind, reservation_id, actor, parameters"
RECORDED = f"""
SELECT {COLUMNS} FROM events_recordedevent WHERE person_id = %(person)s
"""  # noqa: S608  (a constant)


def story_of(person_id: int) -> list[Event]:
    """All events of a person, the oldest first.

    One statement for all sources, and the few of their `complete`.
    """
    read: dict[str, list[Event]] = {}
    with connection.cursor() as cursor:
        cursor.execute(statement(), {"person": person_id})
        for name, at, kind, reservation_id, actor, parameters in cursor.fetchall():
            event = Event(at, kind, reservation_id, actor, json.loads(parameters))
            read.setdefault(name, []).append(event)
    events = read.pop("", [])
    for name, source in SOURCES.items():
        events += source.complete(read.get(name, []))
    ranks = {code: rank for rank, code in enumerate(KINDS)}
    # Events of one instant in the order in which their kinds were registered.
    return sorted(events, key=lambda event: (event.at, ranks.get(event.kind, -1)))


def statement(left_out: Collection[str] = ()) -> str:
    """The SQL of all sources but some; recorded events have no source's name."""
    parts = {"": RECORDED} | {
        name: source.sql for name, source in SOURCES.items() if source.sql and name not in left_out
    }
    union = "\nUNION ALL\n".join(
        f"SELECT '{name}' AS source, of_source.* FROM ({sql}) AS of_source ({COLUMNS})"  # noqa: S608
        for name, sql in parts.items()
    )
    return f"{union}\nORDER BY at"


def first_since(
    people: Collection[int],
    since: datetime,
    *,
    left_out: Collection[str] = (),
    kinds_left_out: Collection[str] = (),
) -> dict[int, str]:
    """Person id → name of the source ("" for recorded events) of their first event from an instant
    on. People without one are left out, and events of the sources `left_out`.
    """
    # Each source reads one person: the same SQL for each of these people.
    of_person = statement(left_out).replace("%(person)s", "whose.id")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT DISTINCT ON (whose.id) whose.id, of_person.source
            FROM unnest(%(people)s::bigint[]) AS whose (id)
            CROSS JOIN LATERAL ({of_person}) AS of_person
            WHERE of_person.at >= %(since)s AND of_person.kind <> ALL(%(kinds)s)
            ORDER BY whose.id, of_person.at
            """,  # noqa: S608  (constants)
            {"people": list(people), "since": since, "kinds": list(kinds_left_out)},
        )
        return dict(cursor.fetchall())


def record(
    *, kind: str, person_id: int, actor: str, reservation_id: int | None = None, **parameters: Any
) -> None:
    """Record one event in the caller's transaction, at the database's time."""
    RecordedEvent.objects.create(
        kind=kind,
        person_id=person_id,
        reservation_id=reservation_id,
        actor=actor,
        parameters=parameters,
    )


def update_and_record(rows: QuerySet[Any], values: dict[str, Any], event: RecordedEvent) -> int:
    """`rows.update(**values)` and the event in one statement; returns how many rows changed.

    Nothing is recorded if none did. For pages whose statements are counted.
    """
    update = cast("UpdateQuery", rows.query.chain(UpdateQuery))
    update.add_update_values(values)
    changing, parameters = update.get_compiler(connection=connection).as_sql()
    encoded = JSONField().get_db_prep_value(event.parameters, connection)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH changed AS ({changing} RETURNING 1), recorded AS (
                INSERT INTO events_recordedevent
                    (kind, person_id, reservation_id, actor, parameters)
                SELECT %s, %s, %s, %s, %s WHERE EXISTS (SELECT FROM changed)
            )
            SELECT count(*) FROM changed
            """,  # noqa: S608  (made by Django)
            [*parameters, event.kind, event.person_id, event.reservation_id, event.actor, encoded],
        )
        changed: int = cursor.fetchone()[0]
        return changed
