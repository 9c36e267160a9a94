"""Nothing outlives its transaction, so that PgBouncer may give a connection to others after it."""

import re

import pytest
from django.conf import settings
from django.db import connection

from database import silence
from database.checks import limits_reach_the_server

OF_A_SESSION = {
    r"pg_(try_)?advisory_(lock|unlock)\w*\(": "pg_advisory_xact_lock",
    r"\b(LISTEN|UNLISTEN|NOTIFY|PREPARE|DEALLOCATE) [a-z_\"]": "a row",
    r"[\"'(]SET (?!LOCAL|TRANSACTION)[a-z_]+ *(=|TO\b)": "SET LOCAL",
    r"set_config\([^)]*, *false\)": "set_config(…, true)",
    r"\bWITH HOLD\b": "a cursor of the transaction",
    r"CREATE (GLOBAL |LOCAL )?TEMP(ORARY)? TABLE(?![^;\"]*ON COMMIT DROP)": "ON COMMIT DROP",
    r"\bON COMMIT (PRESERVE|DELETE) ROWS": "ON COMMIT DROP",
}
# Measured and made ready by connections of their own, which don't go by PgBouncer.
APART = ("tests", "bench", "launcher", "docs")


def sources():
    for kind in ("*.py", "*.sql"):
        for path in settings.BASE_DIR.rglob(kind):
            top = path.relative_to(settings.BASE_DIR).parts[0]
            if top not in APART and not top.startswith((".", "var")):
                yield path


def test_no_statement_leaves_something_with_its_connection():
    found = [
        f"{path.relative_to(settings.BASE_DIR)}: {match[0]!r}: use {instead}"
        for path in sources()
        for pattern, instead in OF_A_SESSION.items()
        for match in re.finditer(pattern, path.read_text())
    ]

    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT pg_advisory_lock(1)",
        'execute("LISTEN jobs")',
        "execute('SET work_mem = 1')",
        "set_config('work_mem', '1MB', false)",
        "CREATE TEMPORARY TABLE a (b int);",
    ],
)
def test_each_of_them_would_be_found(text):
    assert any(re.search(pattern, text) for pattern in OF_A_SESSION)


@pytest.mark.django_db
def test_the_driver_leaves_neither_cursors_nor_prepared_statements():
    assert connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]
    parameters = connection.get_connection_params()
    assert parameters["prepare_threshold"] is None
    with silence._connect(parameters) as asking:
        assert asking.prepare_threshold is None


@pytest.mark.django_db
def test_limits_that_do_not_reach_the_server_are_reported():
    assert limits_reach_the_server() == []

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = 0")

    assert [(found.id, "no lock_timeout" in found.msg) for found in limits_reach_the_server()] == [
        ("database.W002", True)
    ]
