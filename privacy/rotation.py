"""Key rotation: encrypts values under older keys anew, while the portal runs."""

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


def rotate(report: Callable[[str, int], None] = lambda column, count: None) -> int:
    """Encrypt all values that are not under the newest key; returns their number.

    In batches, each a transaction of its own: it can be interrupted and run again. A value that
    is changed meanwhile is skipped, since it was written under the newest key. `report` gets the
    column and the count so far after each batch.
    """
    return sum(_rotate_column(model, field, report) for model, field in encrypted_columns())


def _rotate_column(
    model: type[models.Model], field: EncryptedField[Any, Any], report: Callable[[str, int], None]
) -> int:
    names = {
        "table": sql.Identifier(model._meta.db_table),
        "column": sql.Identifier(str(field.column)),
        "key": sql.Identifier(str(model._meta.pk.column)),
        "type": sql.SQL(str(model._meta.pk.rel_db_type(connection))),
    }
    # Keyset pagination; NULL is the start. Byte 0 of a value is its key number.
    choose = sql.SQL(
        "SELECT {key}, {column} FROM {table} WHERE (%s::{type} IS NULL OR {key} > %s)"
        " AND get_byte({column}, 0) <> %s ORDER BY {key} LIMIT %s"
    ).format(**names)
    # Compare-and-set on the old ciphertext: a concurrent write wins.
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
            report(f"{model._meta.label}.{field.name}", total)
    return total


def _chosen(cursor: CursorWrapper, choose: sql.Composed, after: Any) -> list[tuple[Any, ...]]:
    cursor.execute(choose, [after, after, newest_key_number(), BATCH])
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
