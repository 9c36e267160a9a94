"""One worker migrates; the others copy its database, as migrating takes most of a minute.

`take` before a worker makes its test database, `give` when it is there: meanwhile the others wait.
Only on the server that tests/services.py started for all of them."""

import os
from contextlib import ExitStack

import psycopg
from django.db import connection
from psycopg import sql

from tests import services
from tests.quick_migrations import copied_fields
from tests.waiting import until

NAME = "jari_migrated"
_server: psycopg.Connection | None = None  # holds the lock until it is closed
_quickly = ExitStack()


def take() -> None:
    global _server
    _quickly.enter_context(copied_fields())
    if not services.shared:
        return
    _server = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    _server.execute("SELECT pg_advisory_lock(hashtext(%s))", [NAME])
    if _is_there(_server):
        connection.settings_dict["TEST"]["TEMPLATE"] = NAME


def give() -> None:
    global _server
    _quickly.close()
    if _server is None:
        return
    if not _is_there(_server):
        made = connection.settings_dict["NAME"]
        connection.close()
        # A database that is in use can't be copied, and a busy server ends sessions a little later.
        until(lambda: not _sessions(made), "sessions of a new test database", patience=60)
        names = map(sql.Identifier, (NAME, made))
        _server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(*names))
    _server.close()
    _server = None


def _sessions(database: str) -> int:
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = %s"
    return int(_server.execute(count, [database, "client backend"]).fetchone()[0])


def _is_there(server: psycopg.Connection) -> bool:
    named = "SELECT FROM pg_database WHERE datname = %s"
    return server.execute(named, [NAME]).fetchone() is not None
