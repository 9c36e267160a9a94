"""One worker migrates; the others copy its database, as migrating takes most of a minute.

`take` before a worker makes its test database, `give` when it is there: meanwhile the others wait.
Only on the server that tests/services.py started for all of them."""

import os

import psycopg
from django.db import connection
from psycopg import sql

from tests import services

NAME = "jari_migrated"
_server: psycopg.Connection | None = None  # holds the lock until it is closed


def take() -> None:
    global _server
    if not services.shared:
        return
    _server = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    _server.execute("SELECT pg_advisory_lock(hashtext(%s))", [NAME])
    if _is_there(_server):
        connection.settings_dict["TEST"]["TEMPLATE"] = NAME


def give() -> None:
    global _server
    if _server is None:
        return
    if not _is_there(_server):
        connection.close()  # a database that is in use can't be copied
        names = map(sql.Identifier, (NAME, connection.settings_dict["NAME"]))
        _server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(*names))
    _server.close()
    _server = None


def _is_there(server: psycopg.Connection) -> bool:
    named = "SELECT FROM pg_database WHERE datname = %s"
    return server.execute(named, [NAME]).fetchone() is not None
