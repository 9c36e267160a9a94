"""What a test with transactions of its own leaves in the tables, removed for the next.

Django's flush truncates every table, each index a new file, and makes content types and
permissions anew: one to two seconds a test, twice as long as most of these tests take."""

from functools import cache

from django.db import connection

from tests.roles import past_triggers

# The same rows in every database, and kept by id in the caches of Django.
REFERENCE = {"django_content_type", "auth_permission"}
# Bytes. What is deleted stays in the file, and would change the plans of later tests.
LARGE = 128 * 1024


def empty_tables() -> None:
    """Delete all rows but those of REFERENCE; give back the files of tables that grew."""
    with past_triggers() as cursor:
        cursor.execute(_used_tables())
        used = cursor.fetchall()
        large = [table for table, size in used if size > LARGE]
        if large:
            cursor.execute(f"TRUNCATE {', '.join(map(_quoted, large))} CASCADE")
        small = [table for table, size in used if size <= LARGE]
        if small:
            cursor.execute("; ".join(map(_delete, small)))


def _delete(table: str) -> str:
    return f"DELETE FROM {_quoted(table)}"  # noqa: S608 - a table of our models


@cache
def _used_tables() -> str:
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return " UNION ALL ".join(
        f"SELECT '{table}', pg_relation_size('{_quoted(table)}')"
        f" WHERE pg_relation_size('{_quoted(table)}') > 0"
        for table in tables
        if table not in REFERENCE
    )


def _quoted(table: str) -> str:
    return connection.ops.quote_name(table)
