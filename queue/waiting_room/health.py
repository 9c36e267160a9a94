"""Response times and failures of the booking pages, over all web processes.

Each process sums up its requests and adds the sums to Redis about once a second. Without Redis
nothing is known, and the pace depends on free admissions alone.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.http import Http404
from redis import RedisError

from database.clock import known_now
from outside.redis import client

FLUSH_SECONDS = 1.0
BUCKET_SECONDS = 10
BUCKETS = 3  # that `lately` reads
FEWEST = 20  # requests for a mean to be meaningful
KEY = "jari:booking-health:{}"


class Tally:
    """Sums of one process, flushed to Redis by the request that finds them old enough."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flushed_at = time.monotonic()
        self._empty()

    def _empty(self) -> None:
        self._requests, self._errors, self._seconds = 0, 0, 0.0

    def add(self, seconds: float, *, failed: bool) -> None:
        with self._lock:
            self._requests += 1
            self._errors += failed
            self._seconds += seconds
            if time.monotonic() - self._flushed_at < FLUSH_SECONDS:
                return
            sums = self._requests, self._errors, self._seconds
            self._flushed_at = time.monotonic()
            self._empty()
        try:
            self._flush(*sums)
        except RedisError:
            # The sums are dropped, and Redis is tried again in 5 seconds, not by each request.
            self._flushed_at = time.monotonic() + 5

    def _flush(self, requests: int, errors: int, seconds: float) -> None:
        key = KEY.format(_bucket())
        pipe = client().pipeline(transaction=False)
        pipe.hincrby(key, "requests", requests)
        pipe.hincrby(key, "errors", errors)
        pipe.hincrby(key, "milliseconds", round(seconds * 1000))
        pipe.expire(key, BUCKET_SECONDS * (BUCKETS + 2))
        pipe.execute()


tally = Tally()


@dataclass
class Outcome:
    """Result of one booking request; `counts` is False for a visitor without an admission."""

    counts: bool = False
    failed: bool = False


def _bucket() -> int:
    """Number of the current bucket, by the database's clock so that all nodes agree."""
    return int(known_now().timestamp() // BUCKET_SECONDS)


@contextmanager
def measured() -> Iterator[Outcome]:
    """Measure one booking request. Exceptions count as failures, except Http404."""
    outcome = Outcome()
    started = time.perf_counter()
    try:
        yield outcome
    except Http404:
        raise
    except Exception:
        outcome.counts = outcome.failed = True
        raise
    finally:
        if outcome.counts:
            tally.add(time.perf_counter() - started, failed=outcome.failed)


def lately() -> tuple[float | None, float | None]:
    """Mean seconds and share of failures of the last half minute; None below FEWEST requests."""
    now = _bucket()
    try:
        pipe = client().pipeline(transaction=False)
        for back in range(BUCKETS):
            pipe.hgetall(KEY.format(now - back))
        buckets = pipe.execute()
    except RedisError:
        return None, None
    requests, errors, milliseconds = (
        sum(int(bucket.get(name, 0)) for bucket in buckets)
        for name in (b"requests", b"errors", b"milliseconds")
    )
    if requests < FEWEST:
        return None, None
    return milliseconds / 1000 / requests, errors / requests
