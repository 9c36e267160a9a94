"""A forked process never speaks on the connection that it has in common with its parent."""

import os

import pytest
from django.db import connection

from database import clock


@pytest.mark.django_db
def test_a_forked_process_leaves_its_parents_connection_alone():
    connection.ensure_connection()

    child = os.fork()
    if child == 0:
        clock._measured = None
        clock.measure()
        os._exit(0 if clock._measured is None else 1)
    _pid, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT 7")
        assert cursor.fetchone() == (7,)
