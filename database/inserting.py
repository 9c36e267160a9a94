"""Inserting rows by statements that a caller may send together with others."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Model
from django.db.models.expressions import DatabaseDefault

# SQL with a %s or %(name)s for each value.
Statement = tuple[str, Sequence[Any] | Mapping[str, Any]]


def insertion(row: Model) -> tuple[str, list[Any]]:
    """Inserts an unsaved row. What the database fills in by itself is left to it."""
    fields = [
        field
        for field in row._meta.concrete_fields
        if not (
            isinstance(field.value_from_object(row), DatabaseDefault)
            or (field.primary_key and field.value_from_object(row) is None)
        )
    ]
    # Not by the proxy `connection`, which looks the connection up for each of its attributes.
    database = connections[DEFAULT_DB_ALIAS]
    quoted = database.ops.quote_name
    columns = ", ".join(quoted(str(field.column)) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    return (
        f"INSERT INTO {quoted(row._meta.db_table)} ({columns}) VALUES ({places})",  # noqa: S608
        [field.get_db_prep_save(field.pre_save(row, True), database) for field in fields],
    )


def insert_once(row: Model, *, unique: str) -> int | None:
    """The new row's id; None if there is one with the same value in the column `unique`.

    In one statement, and ON CONFLICT needs no savepoint, unlike catching IntegrityError.
    """
    sql, values = insertion(row)
    with connection.cursor() as cursor:
        cursor.execute(
            f"{sql} ON CONFLICT ({connection.ops.quote_name(unique)}) DO NOTHING RETURNING id",
            values,
        )
        found = cursor.fetchone()
    return found[0] if found else None
