"""RQ jobs, serialized as JSON."""

import django_rq
from rq import Queue, cron_scheduler_registry, get_current_job, serializers, worker_registration
from rq.defaults import DEFAULT_CRON_SCHEDULER_TTL
from rq.serializers import JSONSerializer

from database.tracing import traced
from outside.redis import client

LINE, CODES, MESSAGES, DEFAULT, EXPORTS = "line", "codes", "messages", "default", "exports"
# Cron sends a heartbeat with every round, which is each second.
CRON_SECONDS = 15


def use_json_serializer() -> None:
    """Make JSON RQ's default serializer in this process.

    The default is pickle, by which write access to Redis would run code in the workers. RQ's cron
    and some pages of django-rq ignore the queue's serializer, so the default itself is replaced.
    """
    serializers.DefaultSerializer = serializers.PickleSerializer = JSONSerializer  # type: ignore[assignment,misc]
    serializers.SERIALIZER_ALIASES["pickle"] = JSONSerializer


def enqueue(queue: str, job: str, *arguments: int | str) -> None:
    """Queue `job`; raises RedisError."""
    _queue(queue).enqueue(job, *arguments, result_ttl=0, meta=_meta())


def enqueue_once(queue: str, job: str) -> None:
    """Queue `job`, which does all work there is, unless it is queued already; raises RedisError.

    A queued job starts later than now and finds the new work too, so a crowd makes no crowd of
    jobs. Up to two may wait, since one may be a job of another kind.
    """
    waiting = _queue(queue)
    if waiting.count < 2:
        waiting.enqueue(job, result_ttl=0, meta=_meta())


def _meta() -> dict[str, str]:
    """Of a new job: the request it was made for, which its log lines and statements name."""
    return {"request": traced()}


def id_of_job() -> str:
    """For database.tracing: the request of this worker's job, else the job itself; "" elsewhere."""
    job = get_current_job()
    return "" if job is None else job.meta.get("request") or job.id


def depths() -> dict[str, int]:
    """How many jobs wait in each queue; raises RedisError."""
    return {name: _queue(name).count for name in (LINE, CODES, MESSAGES, DEFAULT, EXPORTS)}


def has_worker(queue: str) -> bool:
    """Whether a worker of this queue sent a heartbeat lately; raises RedisError."""
    # Not `Worker.all`, which raises the timeouts of our connections to minutes.
    keys = worker_registration.get_keys(queue=_queue(queue))
    return any(client().exists(key) for key in keys)


def has_cron() -> bool:
    """Whether cron sent a heartbeat within CRON_SECONDS; raises RedisError."""
    # By the time that is left of its key: the registry's times are of cron's own clock.
    names = cron_scheduler_registry.get_keys(client())
    newest = max((client().ttl(f"rq:cron_scheduler:{name}") for name in names), default=0)
    return newest > DEFAULT_CRON_SCHEDULER_TTL - CRON_SECONDS


def _queue(name: str) -> Queue:
    return django_rq.get_queue(name, commit_mode="auto", connection=client())
