"""Workers in processes of their own, as `make run` starts them."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launcher.portal import worker_commands
from launcher.processes import stop
from tests.roles import database_url


@contextmanager
def worker(name: str, home: Path, **variables: str) -> Iterator[subprocess.Popen]:
    """The worker of this name, on the database of this test."""
    env = os.environ | {
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
