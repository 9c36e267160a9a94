"""Cron on two nodes, as processes."""

import os
import signal
import subprocess
import sys

import django_rq
import pytest
from django.conf import settings

from database.models import Lease
from launcher.processes import spawn, stop
from outside.jobs import has_cron
from tests import waiting
from tests.roles import database_url

COMMAND = [sys.executable, "manage.py", "rqcron", "config.cron", "--skip-checks"]


@pytest.fixture
def crons(tmp_path):
    env = os.environ | {
        "DATABASE_URL": database_url(),
        "JARI_HOME": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
    }
    started = [
        spawn(COMMAND, log=tmp_path / name, env=env, cwd=settings.BASE_DIR) for name in ("a", "b")
    ]
    yield started
    for process in started:
        stop(process, signal.SIGTERM, patience=5)


def acting(crons: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes] | None:
    """The process that has the turn; its pid is part of the holder's name."""
    holders = Lease.objects.values_list("holder", flat=True)
    pids = [int(holder.split(":")[1]) for holder in holders]
    return next((cron for cron in crons if cron.pid in pids), None)


@pytest.mark.django_db(transaction=True)
def test_one_cron_acts_and_the_other_when_it_is_stopped(crons):
    line = django_rq.get_queue("line")
    waiting.until(lambda: line.count and acting(crons), "no cron acts", patience=60)
    first = acting(crons)
    assert has_cron()

    stop(first, signal.SIGTERM, patience=10)
    waiting.until(lambda: acting(crons) not in (None, first), "the other waits", patience=30)
    line.empty()

    waiting.until(lambda: line.count, "nothing is queued", patience=30)
