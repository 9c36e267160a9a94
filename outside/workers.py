"""Workers of RQ's queues; django-rq makes them by `worker_for` (setting RQ)."""

from collections.abc import Sequence
from typing import Any

from django.db import connections
from redis.client import Pipeline
from rq import Queue, SimpleWorker, Worker, worker_registration
from rq.job import Job
from rq.worker import BaseWorker

from outside.jobs import EXPORTS


class RegisteredWorker(BaseWorker):
    """Is in the list of workers even after Redis was emptied, which RQ fills at the start alone.

    Without it `/readyz` would miss a worker that works, and say that the lines stand still."""

    def heartbeat(self, timeout: int | None = None, pipeline: "Pipeline | None" = None) -> None:
        super().heartbeat(timeout, pipeline)
        worker_registration.register(self, pipeline)


class LastingWorker(RegisteredWorker, SimpleWorker):
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


class ForkingWorker(RegisteredWorker, Worker):
    """Runs each job in a process of its own."""


def worker_for(queues: Sequence[Queue], **options: Any) -> RegisteredWorker:
    """The worker of these queues. Exports get a process for each job, which gives way to others
    (os.nice) and gives its memory back."""
    forks = EXPORTS in {queue.name for queue in queues}
    return (ForkingWorker if forks else LastingWorker)(queues, **options)
