"""Jobs for the workers. What lies in Redis is only ever data."""

import django_rq
from rq import Queue, serializers, worker_registration
from rq.serializers import JSONSerializer

from outside.redis import client

LINE, CODES, MESSAGES, DEFAULT, EXPORTS = "line", "codes", "messages", "default", "exports"


def only_json() -> None:
    """Make JSON what RQ writes and reads, in this process.

    Its default is pickle: whoever can write to Redis could run code in the workers. RQ's cron and
    some pages of django-rq take the default whatever the queue says, so the default is changed.
    """
    serializers.DefaultSerializer = serializers.PickleSerializer = JSONSerializer  # type: ignore[assignment,misc]
    serializers.SERIALIZER_ALIASES["pickle"] = JSONSerializer


def enqueue(queue: str, job: str, *arguments: int | str) -> None:
    """Ask a worker of `queue` to run `job`; RedisError if nobody can be asked."""
    _queue(queue).enqueue(job, *arguments, result_ttl=0)


def ring(queue: str, job: str) -> None:
    """Have `job`, which does all there is to do, run soon; RedisError if nobody can be asked.

    What waits in the queue already starts later than now and will find the work too, so a crowd
    makes no crowd of jobs. Two, since one of them may be a job of another kind.
    """
    waiting = _queue(queue)
    if waiting.count < 2:
        waiting.enqueue(job, result_ttl=0)


def has_worker(queue: str) -> bool:
    """Whether a worker of this queue gave a sign of life lately; RedisError if nobody knows."""
    # Not `Worker.all`: it would raise the time limit of our connections to minutes.
    keys = worker_registration.get_keys(queue=_queue(queue))
    return any(client().exists(key) for key in keys)


def _queue(name: str) -> Queue:
    return django_rq.get_queue(name, commit_mode="auto", connection=client())
