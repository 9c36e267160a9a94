"""Workers of RQ's queues; django-rq makes them by `worker_for` (setting RQ)."""

from collections.abc import Sequence
from typing import Any

from django.db import connections
from rq import Queue, SimpleWorker, Worker
from rq.job import Job

from outside.jobs import EXPORTS


class LastingWorker(SimpleWorker):
    """Runs one job after the other in its own process.

    RQ's usual worker forks for each job. Forking the loaded application and connecting to the
    database anew took three quarters of a core while three people a second booked. A job's time
    limit ends it here too, by a signal.
    """

    def execute_job(self, job: Job, queue: Queue) -> None:
        try:
            super().execute_job(job, queue)
        finally:
            # Back to the pool, which looks at it: a job that ran out of time leaves it anyhow.
            connections.close_all()


def worker_for(queues: Sequence[Queue], **options: Any) -> SimpleWorker | Worker:
    """The worker of these queues. Exports get a process for each job, which gives way to others
    (os.nice) and gives its memory back."""
    forks = EXPORTS in {queue.name for queue in queues}
    return (Worker if forks else LastingWorker)(queues, **options)
