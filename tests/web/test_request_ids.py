"""The id by which the lines of a request are found together."""

import logging
import re

import pytest
from django.db import connection

from config.logs import JsonFormatter, MaskedFormatter
from database.functions import attempt
from database.tracing import traced, tracing
from outside import jobs

OWN_STATEMENT = "SELECT current_query()"
GIVEN = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("proxies", "given", "is_taken"),
    [
        (1, GIVEN, True),
        # Nobody but our own proxy may name a request, and nothing else than an id.
        (0, GIVEN, False),
        (1, "1 */ DROP TABLE", False),
        (1, "", False),
    ],
)
@pytest.mark.django_db
def test_an_answer_names_its_request(client, settings, proxies, given, is_taken):
    settings.PROXIES = proxies

    name = client.get("/", headers={"X-Request-ID": given}).headers["X-Request-ID"]

    assert (name == given) == is_taken
    assert is_taken or re.fullmatch("[0-9a-f]{16}", name)
    assert traced() == ""


@pytest.mark.django_db
def test_its_statements_carry_it_as_a_comment():
    with tracing("abcdef12"), connection.cursor() as cursor:
        cursor.execute(OWN_STATEMENT)
        by_cursor = cursor.fetchone()[0]
        by_function = attempt(f"{OWN_STATEMENT} WHERE %(one)s = 1", {"one": 1})[0]
    with connection.cursor() as cursor:
        cursor.execute(OWN_STATEMENT)
        outside = cursor.fetchone()[0]

    assert by_cursor == f"{OWN_STATEMENT} /* abcdef12 */"
    assert by_function.endswith("= 1 /* abcdef12 */")
    assert outside == OWN_STATEMENT


def test_its_log_lines_end_with_it():
    record = logging.LogRecord("x", logging.INFO, "", 0, "happened", (), None)

    with tracing("abcdef12"):
        plain = MaskedFormatter("%(message)s").format(record)
        entry = JsonFormatter().format(record)

    assert plain == "happened #abcdef12"
    assert '"trace.id": "abcdef12"' in entry
    assert "trace.id" not in JsonFormatter().format(record)


def test_a_job_goes_by_the_request_that_it_was_made_for():
    with tracing("abcdef12"):
        jobs.enqueue(jobs.EXPORTS, "reports.jobs.continue_files")

    [job] = jobs._queue(jobs.EXPORTS).jobs

    assert job.meta["request"] == "abcdef12"
