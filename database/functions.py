"""Functions of the database: installed from files by migrations, called in one round trip.

Each function is one file, `<app>/sql/<name>_v<number>.sql`, readable as a whole. A migration
installs it by name and version; a changed function is a new file with the next number.
"""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.utils import CursorWrapper
from django.db.migrations import RunSQL


def source_of(app_label: str, name: str, version: int) -> str:
    """The text of a function's file."""
    folder = Path(apps.get_app_config(app_label).path) / "sql"
    return (folder / f"{name}_v{version:02}.sql").read_text(encoding="utf-8")


def install(app_label: str, name: str, version: int = 1) -> RunSQL:
    """A migration's operation: install this version; backwards, the version before or none.

    The old version is dropped first, so that arguments and columns may change. Statements that
    are under way keep the version they began with.
    """
    drop = f"DROP FUNCTION IF EXISTS {name};\n"
    before = source_of(app_label, name, version - 1) if version > 1 else ""
    # One string: with a list, each statement would be cut at its semicolons.
    return RunSQL(drop + source_of(app_label, name, version), drop + before)


def call(function: str, values: dict[str, Any]) -> tuple[Any, ...] | None:
    """Call a function that succeeds or changes nothing; None if a constraint refused it.

    Its body is planned once for each connection: sent as text, planning costs more than doing.
    """
    marks = ", ".join(f"%({name})s" for name in values)
    # Inside an outer transaction a failure must not spoil it; alone, the statement is one.
    alone = nullcontext() if connection.get_autocommit() else transaction.atomic()
    try:
        with alone, binding_cursor() as cursor:
            cursor.execute(f"SELECT * FROM {function}({marks})", values)  # noqa: S608
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row
    except IntegrityError:
        return None


def binding_cursor() -> CursorWrapper:
    """A cursor whose values travel beside the text.

    Django's own writes them into it, in Python: a fifth of what the portal spends on such a
    statement. Nothing is prepared, so PgBouncer may stand between.
    """
    connection.ensure_connection()
    cursor: Any = ServerBindingCursor(connection.connection)  # type: ignore[call-arg]  # the stub forgets psycopg's own arguments
    make = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    return make(cursor)
