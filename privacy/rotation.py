"""Moves what is stored under older keys to the newest one, while everybody goes on working."""

from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.db import connection, models
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from privacy.cipher import decrypt, encrypt, newest_key_number
from privacy.fields import EncryptedField

BATCH = 2000


def encrypted_columns() -> Iterator[tuple[type[models.Model], EncryptedField[Any, Any]]]:
    """Every encrypted column of every model."""
    for model in apps.get_models():
        for field in model._meta.local_concrete_fields:
            if isinstance(field, EncryptedField):
                yield model, field


def rotate(tell: Callable[[str, int], None] = lambda column, count: None) -> int:
    """Encrypt everything anew that is not under the newest key; how many values that were.

    In small steps, each of its own: it may be broken off and run again. A value that somebody
    changes at the same moment is left to them, since they write it under the newest key.
    """
    return sum(_rotate_column(model, field, tell) for model, field in encrypted_columns())


def _rotate_column(
    model: type[models.Model], field: EncryptedField[Any, Any], tell: Callable[[str, int], None]
) -> int:
    names = {
        "table": sql.Identifier(model._meta.db_table),
        "column": sql.Identifier(str(field.column)),
        "key": sql.Identifier(str(model._meta.pk.column)),
        "type": sql.SQL(str(model._meta.pk.rel_db_type(connection))),
    }
    # The first step has no key to start after.
    choose = sql.SQL(
        "SELECT {key}, {column} FROM {table} WHERE (%s::{type} IS NULL OR {key} > %s)"
        " AND get_byte({column}, 0) <> %s ORDER BY {key} LIMIT %s"
    ).format(**names)
    write = sql.SQL(
        "UPDATE {table} SET {column} = new.value"
        " FROM unnest(%s::{type}[], %s::bytea[], %s::bytea[]) AS new (pk, value, old)"
        " WHERE {table}.{key} = new.pk AND {table}.{column} = new.old"
    ).format(**names)
    total, after = 0, None
    with connection.cursor() as cursor:
        while rows := _chosen(cursor, choose, after):
            keys = [key for key, _value in rows]
            old = [bytes(value) for _key, value in rows]
            new = [
                encrypt(decrypt(value, context=field.context), context=field.context)
                for value in old
            ]
            cursor.execute(write, [keys, new, old])
            total += cursor.rowcount
            after = keys[-1]
            tell(f"{model._meta.label}.{field.name}", total)
    return total


def _chosen(cursor: CursorWrapper, choose: sql.Composed, after: Any) -> list[tuple[Any, ...]]:
    cursor.execute(choose, [after, after, newest_key_number(), BATCH])
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
