"""Tests act as the application's account of the database; what only the owner may, `as_owner`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote

import psycopg
from django.db import connection
from django.db.backends.utils import CursorWrapper

ROLE = "jari_app"  # DATABASE_ROLE
OPTION = f"-c role={ROLE}"
_MAKE = f"""
DO $$ BEGIN
    CREATE ROLE {ROLE};
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END $$
"""


def make_role() -> None:
    with suppress(psycopg.OperationalError), psycopg.connect(os.environ["DATABASE_URL"]) as server:
        server.execute(_MAKE)


@contextmanager
def every_connection_as_the_application() -> Iterator[None]:
    """From here on; the tables were made by whom DATABASE_URL names."""
    options = connection.settings_dict["OPTIONS"]
    before = options["options"]
    options["options"] = f"{before} {OPTION}"
    connection.close()
    yield
    options["options"] = before
    connection.close()


@contextmanager
def as_owner() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE NONE")
    try:
        yield
    finally:
        # Of a transaction that failed the end takes the role back.
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute(f"SET ROLE {ROLE}")


@contextmanager
def past_triggers() -> Iterator[CursorWrapper]:
    """Past foreign keys too: as after a restore that went wrong, or with the master key."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            yield cursor
        finally:
            cursor.execute("SET session_replication_role = origin")


def database_url() -> str:
    """The test's own database, as other processes of the application must be told."""
    return f"{owner_url()}?options={quote(OPTION)}"


def owner_url() -> str:
    base, _slash, _name = os.environ["DATABASE_URL"].rpartition("/")
    return f"{base}/{connection.settings_dict['NAME']}"
