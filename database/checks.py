"""Whether the accounts of the database are as `database.roles` wants them."""

from typing import Any

from django.apps import apps
from django.core import checks
from django.db import DatabaseError, connection

from database import roles

LIMITS = ("idle_in_transaction_session_timeout", "lock_timeout")
_MISSING = "SELECT name FROM pg_settings WHERE name = ANY(%s) AND setting = '0' ORDER BY name"


def every_table_is_granted(**_asked: Any) -> list[checks.CheckMessage]:
    models = apps.get_models(include_auto_created=True)
    managed = {
        model._meta.db_table
        for model in models
        if model._meta.managed and not model._meta.proxy  # some stand for tables that are none
    }
    return [
        checks.Error(
            f"database/grants.tsv has no line for the table {table}.",
            hint="Write what the application does with it: SELECT, INSERT, UPDATE, DELETE.",
            id="database.E001",
        )
        for table in sorted(managed - roles.tables().keys())
    ]


def limits_reach_the_server(**_asked: Any) -> list[checks.CheckMessage]:
    """PgBouncer drops the limits that a connection asks for when it starts."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(_MISSING, [list(LIMITS)])
            missing = [name for (name,) in cursor.fetchall()]
    except DatabaseError:
        return [checks.Info("The database could not be asked for its limits.")]
    return [
        checks.Warning(
            f"Connections of the application have no {name}: what hangs would keep its locks.",
            hint="ALTER ROLE … SET, as docs/running.md has it under “More than one server”.",
            id="database.W002",
        )
        for name in missing
    ]


def account_does_no_more_than_it_needs(**_asked: Any) -> list[checks.CheckMessage]:
    try:
        with connection.cursor() as cursor:
            surplus = roles.surplus(cursor)
    except DatabaseError:
        return [checks.Info("The database could not be asked for the rights of its account.")]
    if not surplus:
        return []
    more = f" (and {len(surplus) - 1} more)" if surplus[1:] else ""
    return [
        checks.Warning(
            f"The application's account of the database may do too much: {surplus[0]}{more}.",
            hint="Two accounts, and `manage.py database_roles`: docs/running.md.",
            id="database.W001",
        )
    ]
