"""Jobs for the workers. What lies in Redis is only ever data."""

import django_rq
from rq import serializers
from rq.serializers import JSONSerializer

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
    django_rq.get_queue(queue, commit_mode="auto").enqueue(job, *arguments, result_ttl=0)


def ring(queue: str, job: str) -> None:
    """Have `job`, which does all there is to do, run soon; RedisError if nobody can be asked.

    What waits in the queue already starts later than now and will find the work too, so a crowd
    makes no crowd of jobs. Two, since one of them may be a job of another kind.
    """
    waiting = django_rq.get_queue(queue, commit_mode="auto")
    if waiting.count < 2:
        waiting.enqueue(job, result_ttl=0)
