"""Response times and failures of the booking pages, over all web processes.

Each process sums up its requests and adds the sums to Redis about once a second. Without Redis
nothing is known, and the pace depends on free admissions alone.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.http import Http404
from redis import RedisError

from database.clock import known_now
from outside.redis import client
from waiting_room.pace import LineState

FLUSH_SECONDS = 1.0
BUCKET_SECONDS = 10
BUCKETS = 3  # that `lately` reads
FEWEST = 20  # requests for a mean to be meaningful
KEY = "jari:booking-health:{}"
# What a minute had in all, until the job of reports.minutes has read it.
MINUTE_KEY = "jari:booking-minute:{}"
MINUTES_KEPT = 90
SLOW_SECONDS = LineState.latency_target
REFUSED = "refused:"  # before room and name of a refusal: "refused:7:SlotFull"


class Tally:
    """Sums of one process, flushed to Redis by the request that finds them old enough."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flushed_at = time.monotonic()
        self._empty()

    def _empty(self) -> None:
        self._requests, self._errors, self._slow, self._seconds = 0, 0, 0, 0.0
        self._refusals = Counter[str]()

    def add(self, seconds: float, *, failed: bool, refusal: str = "") -> None:
        """Count a request of a booking page; `refusal` is what it was refused for."""
        with self._lock:
            self._requests += 1
            self._errors += failed
            self._slow += seconds > SLOW_SECONDS
            self._seconds += seconds
            self._refusals.update([refusal] if refusal else [])
            sums = self._due()
        self.flush(sums)

    def note(self, seconds: float) -> dict[str, int]:
        """Count a request of the event loop, which must not wait for Redis: returns the sums for
        `flush` in a thread, if they are due."""
        with self._lock:
            self._requests += 1
            self._slow += seconds > SLOW_SECONDS
            self._seconds += seconds
            return self._due()

    def refuse(self, refusal: str) -> None:
        """Count a refusal of a page that is not measured."""
        with self._lock:
            self._refusals[refusal] += 1
            sums = self._due()
        self.flush(sums)

    def _due(self) -> dict[str, int]:
        """The sums, if it is time to flush them; the lock is held."""
        if time.monotonic() - self._flushed_at < FLUSH_SECONDS:
            return {}
        sums = {
            "requests": self._requests,
            "errors": self._errors,
            "milliseconds": round(self._seconds * 1000),
            "slow": self._slow,
            **{f"{REFUSED}{name}": count for name, count in self._refusals.items()},
        }
        self._flushed_at = time.monotonic()
        self._empty()
        return sums

    def flush(self, sums: dict[str, int]) -> None:
        if not sums:
            return
        bucket, minute = KEY.format(_bucket()), MINUTE_KEY.format(_minute(known_now()))
        try:
            pipe = client().pipeline(transaction=False)
            for name in ("requests", "errors", "milliseconds"):
                pipe.hincrby(bucket, name, sums[name])
            for name, count in sums.items():
                pipe.hincrby(minute, name, count)
            pipe.expire(bucket, BUCKET_SECONDS * (BUCKETS + 2))
            pipe.expire(minute, MINUTES_KEPT * 60)
            pipe.execute()
        except RedisError:
            # The sums are dropped, and Redis is tried again in 5 seconds, not by each request.
            self._flushed_at = time.monotonic() + 5


tally = Tally()


@dataclass
class Outcome:
    """Result of one booking request; `counts` is False for a visitor without an admission."""

    counts: bool = False
    failed: bool = False
    room_id: int = 0
    refusal: str = ""


_outcome: ContextVar[Outcome | None] = ContextVar("outcome of a booking page", default=None)


def note_refusal(refusal: Exception | None) -> None:
    """Count the page that is being made as refused for this reason."""
    outcome = _outcome.get()
    if outcome is not None and refusal is not None:
        outcome.refusal = type(refusal).__name__


def count_refusal(room_id: int, refusal: Exception) -> None:
    """Count a refusal of a page of the line itself."""
    tally.refuse(f"{room_id}:{type(refusal).__name__}")


def _bucket() -> int:
    """Number of the current bucket, by the database's clock so that all nodes agree."""
    return int(known_now().timestamp() // BUCKET_SECONDS)


@contextmanager
def measured() -> Iterator[Outcome]:
    """Measure one booking request. Exceptions count as failures, except Http404."""
    outcome = Outcome()
    token = _outcome.set(outcome)
    started = time.perf_counter()
    try:
        yield outcome
    except Http404:
        raise
    except Exception:
        outcome.counts = outcome.failed = True
        raise
    finally:
        _outcome.reset(token)
        if outcome.counts:
            refusal = f"{outcome.room_id}:{outcome.refusal}" if outcome.refusal else ""
            seconds = time.perf_counter() - started
            tally.add(seconds, failed=outcome.failed, refusal=refusal)


def _minute(at: datetime) -> int:
    return int(at.timestamp() // 60)


def minute_of(at: datetime) -> dict[str, int] | None:
    """What booking pages did in the minute of `at`, over all processes, by name; {} for none.

    None without Redis, or if the minute is too long ago.
    """
    if _minute(known_now()) - _minute(at) >= MINUTES_KEPT - 2:
        return None
    try:
        found = client().hgetall(MINUTE_KEY.format(_minute(at)))
    except RedisError:
        return None
    sums = cast("dict[bytes, bytes]", found)
    return {name.decode(): int(count) for name, count in sums.items()}


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
