"""Workers that run their jobs themselves: after a time limit or a lost connection they go on."""

import os
import time

import django_rq
import pytest
from django.db import connection
from rq.job import JobStatus

from outside.jobs import has_worker
from outside.redis import client
from outside.workers import LastingWorker, worker_for
from tests import waiting
from tests.workers import worker

pytestmark = pytest.mark.django_db(transaction=True)


def pid() -> int:
    return os.getpid()


def sleep_in_postgres(seconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def run(name: str, *jobs):
    """The jobs after a worker of this queue has run them, in this process."""
    queue = django_rq.get_queue(name)
    queued = [queue.enqueue(job, *arguments, **options) for job, arguments, options in jobs]
    django_rq.get_worker(name).work(burst=True)
    for job in queued:
        job.refresh()
    return queued


def test_only_exports_get_a_process_for_each_job():
    kinds = {name: type(django_rq.get_worker(name)).__name__ for name in ("line", "codes")}
    kinds["exports"] = type(django_rq.get_worker("exports")).__name__

    assert kinds == {"line": "LastingWorker", "codes": "LastingWorker", "exports": "ForkingWorker"}
    assert isinstance(worker_for([django_rq.get_queue("default")]), LastingWorker)


@pytest.mark.parametrize("name", ["line", "exports"])
def test_a_worker_is_known_again_after_redis_was_emptied(name):
    lasting = django_rq.get_worker(name)
    lasting.register_birth()
    client().flushdb()
    assert not has_worker(name)

    lasting.heartbeat()

    assert has_worker(name)
    lasting.register_death()
    assert not has_worker(name)


def test_a_job_runs_in_the_process_of_the_worker():
    [job] = run("codes", (pid, (), {}))

    assert job.return_value() == os.getpid()


def test_a_job_that_takes_too_long_ends_without_the_next_ones():
    began = time.monotonic()

    late, after = run("codes", (sleep_in_postgres, (60,), {"job_timeout": 1}), (backend, (), {}))

    assert time.monotonic() - began < 30
    assert late.get_status() == JobStatus.FAILED
    assert "JobTimeoutException" in late.latest_result().exc_string
    assert after.get_status() == JobStatus.FINISHED


def test_a_worker_goes_on_after_its_connection_was_cut(tmp_path):
    queue = django_rq.get_queue("codes")
    with worker("codes", tmp_path):
        first = queue.enqueue(backend)
        waiting.until(lambda: first.get_status() == JobStatus.FINISHED, "no first", patience=60)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [first.return_value()])
        second = queue.enqueue(backend)
        waiting.until(lambda: second.get_status() == JobStatus.FINISHED, "no second", patience=60)

    assert second.return_value() != first.return_value()
