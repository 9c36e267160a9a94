"""How booking is doing: how long its pages take and how many fail, over all web processes.

Each process adds up what it served and, about once a second, adds the sums to Redis; without
Redis nothing is known, and the pace goes by the free places alone.
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
BUCKETS = 3
FEWEST = 20  # requests that say something
KEY = "jari:booking-health:{}"


class Tally:
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
            # Not to be asked again by every request while it is away.
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
    """How one booking request ended; a visitor who is turned away does not count."""

    counts: bool = False
    failed: bool = False


def _bucket() -> int:
    """The one that every node and worker adds to now, however wrong its own clock is."""
    return int(known_now().timestamp() // BUCKET_SECONDS)


@contextmanager
def measured() -> Iterator[Outcome]:
    """Measure one booking request; an exception is a failure, a page not found is none."""
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
    """Mean seconds and share of failures of the last half minute; None if too little is known."""
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
