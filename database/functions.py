"""Functions of the database: installed from files by migrations, called in one round trip.

Each function is one file, `<app>/sql/<name>_v<number>.sql`, readable as a whole. A migration
installs it by name and version; a changed function is a new file with the next number.
"""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.migrations import RunSQL

from database.postgres.base import TaggedBindingCursor


def source_of(app_label: str, name: str, version: int) -> str:
    """The text of a function's file."""
    folder = Path(apps.get_app_config(app_label).path) / "sql"
    return (folder / f"{name}_v{version:02}.sql").read_text(encoding="utf-8")


def install(app_label: str, name: str, version: int = 1) -> RunSQL:
    """A migration operation that installs this version; reversed, the one before or none.

    The old version is dropped first, because CREATE OR REPLACE can't change arguments or result
    columns. Running statements finish with the version they began with.
    """
    drop = f"DROP FUNCTION IF EXISTS {name};\n"
    before = source_of(app_label, name, version - 1) if version > 1 else ""
    # One string, which Postgres runs as one script: semicolons in the function don't split it.
    return RunSQL(drop + source_of(app_label, name, version), drop + before)


def call(function: str, values: dict[str, Any]) -> tuple[Any, ...] | None:
    """Call a function that succeeds or changes nothing; None if a constraint refused it.

    A function's statements are planned once per connection; sent as text, planning them takes
    longer than running them.
    """
    marks = ", ".join(f"%({name})s" for name in values)
    return attempt(f"SELECT * FROM {function}({marks})", values)  # noqa: S608


def attempt(sql: str, values: dict[str, Any]) -> tuple[Any, ...] | None:
    """The first row of a statement that succeeds or changes nothing; None if a constraint refused
    it, or if it returned none."""
    # A savepoint, so that a failure does not abort an outer transaction; in autocommit the
    # statement is a transaction of its own and needs none.
    alone = nullcontext() if connection.get_autocommit() else transaction.atomic()
    try:
        with alone, binding_cursor() as cursor:
            cursor.execute(sql, values)
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row
    except IntegrityError:
        return None


def binding_cursor() -> CursorWrapper:
    """A cursor that binds parameters on the server.

    Django's default formats them into the text in Python, a fifth of the portal's time for such a
    statement. Statements are not prepared, so PgBouncer may stand in between.
    """
    connection.ensure_connection()
    cursor: Any = TaggedBindingCursor(connection.connection)  # type: ignore[call-arg]  # the stub forgets psycopg's own arguments
    make = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    return make(cursor)
