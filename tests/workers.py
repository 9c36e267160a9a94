"""Workers in processes of their own, as `make run` starts them."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from launcher.portal import worker_commands
from launcher.processes import stop
from tests.roles import database_url
from tests.waiting import until


@contextmanager
def worker(name: str, home: Path, **variables: str) -> Iterator[subprocess.Popen]:
    """The worker of this name, on the database of this test."""
    name_of_sessions = f"worker of a test {uuid.uuid4()}"
    env = os.environ | {
        "PGAPPNAME": name_of_sessions,
        "DATABASE_URL": database_url(),
        "JARI_HOME": str(home),
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        **variables,
    }
    process = subprocess.Popen(worker_commands()[name], env=env, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        stop(process, 15, patience=5)
        # Postgres ends them a little later; until then the test's database can't be dropped.
        until(lambda: not _sessions(name_of_sessions), "sessions of a worker that has ended")


def _sessions(name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND state = 'idle'",
            [name],
        )
        return int(cursor.fetchone()[0])
