"""Inserting a row that may be there already, in one statement without a savepoint."""

from django.db import connection
from django.db.models import Model
from django.db.models.expressions import DatabaseDefault


def insert_once(row: Model, *, unique: str) -> int | None:
    """The new row's id; None if there is one with the same value in the column `unique`.

    ON CONFLICT needs no savepoint, unlike catching IntegrityError.
    """
    fields = [
        field
        for field in row._meta.concrete_fields
        if not (field.primary_key or isinstance(field.value_from_object(row), DatabaseDefault))
    ]
    quoted = connection.ops.quote_name
    columns = ", ".join(quoted(str(field.column)) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quoted(row._meta.db_table)} ({columns}) VALUES ({places})"  # noqa: S608
            f" ON CONFLICT ({quoted(unique)}) DO NOTHING RETURNING id",
            [field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields],
        )
        found = cursor.fetchone()
    return found[0] if found else None
