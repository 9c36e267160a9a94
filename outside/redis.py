"""Connections to Redis with short timeouts, no retries and a circuit breaker.

Pages work without Redis, but a server that hangs would delay each of them by a second and more.
So each step has ANSWER_SECONDS, and after a failure this process does not ask Redis for
REST_SECONDS.
"""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import redis
from circuitbreaker import CircuitBreaker
from django.conf import settings
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.retry import Retry

from outside import sentinel

ANSWER_SECONDS = 0.2
REST_SECONDS = 5

T = TypeVar("T")

breaker = CircuitBreaker(
    failure_threshold=1,
    recovery_timeout=REST_SECONDS,
    expected_exception=(redis.ConnectionError, redis.TimeoutError),
    name="redis",
)


class RedisUnavailable(redis.ConnectionError):
    """The circuit breaker is open: Redis failed within the last REST_SECONDS."""


class NoRetry(Retry):
    """Sends each command once, and none while the circuit breaker is open."""

    def __init__(self) -> None:
        super().__init__(NoBackoff(), 0)

    def call_with_retry(
        self, do: Callable[[], T], fail: Callable[..., Any], *args: Any, **options: Any
    ) -> T:
        if breaker.opened:
            raise RedisUnavailable("Redis did not answer just now.")
        with breaker:
            return super().call_with_retry(do, fail, *args, **options)


# Options of all connections: Django's cache and `client`.
CONNECTION_OPTIONS: dict[str, Any] = {
    "retry": NoRetry(),
    "socket_timeout": ANSWER_SECONDS,
    "socket_connect_timeout": ANSWER_SECONDS,
}
CACHE_OPTIONS: dict[str, Any] = CONNECTION_OPTIONS | {
    "serializer": "outside.redis.JsonCache",
    "pool_class": "outside.redis.Pool",
}


def client() -> redis.Redis:
    """A client of the queues' Redis for pages; its commands raise RedisError.

    Not for RQ's workers, which wait for jobs for minutes, nor for `rq.Worker`, which raises the
    timeouts of the connections it is given.
    """
    return redis.Redis(connection_pool=_pool(settings.REDIS_URL))


@lru_cache(maxsize=4)
def _pool(url: str) -> redis.ConnectionPool:
    return Pool.from_url(url, **CONNECTION_OPTIONS)


class Pool:
    """For Django's cache, which makes its pools by `from_url` of a class."""

    @staticmethod
    def from_url(url: str, **options: Any) -> redis.ConnectionPool:
        """Connections to the server of `url`, or to the primary that Sentinels name."""
        if sentinel.is_named_by(url):
            return sentinel.pool(url, **options)
        return redis.ConnectionPool.from_url(url, **options)


class SentinelQueues(RedisCache):
    """The connection of RQ's queues with Sentinel, which django-rq takes from a cache.

    Its own `SENTINELS` setting loses the password of the Sentinels on some pages of its dashboard.
    """

    def get_master_client(self) -> redis.Redis:
        url, options = self._servers[0], self._options  # type: ignore[attr-defined]
        return redis.Redis(connection_pool=_queue_pool(url, **options))


@lru_cache(maxsize=4)
def _queue_pool(url: str, **options: Any) -> redis.ConnectionPool:
    return Pool.from_url(url, **options)


def queue_connection(url: str, *, waits: bool) -> dict[str, Any]:
    """django-rq's setting of a connection; a worker `waits` for jobs without a time limit."""
    if sentinel.is_named_by(url):
        return {"USE_REDIS_CACHE": "queues"}
    return {"URL": url if waits else with_time_limit(url)}


def queue_cache(url: str, *, waits: bool) -> dict[str, Any]:
    """The cache that `queue_connection` names; unused without Sentinel."""
    limits = ("socket_timeout", "socket_connect_timeout")
    options = {} if waits else {name: CONNECTION_OPTIONS[name] for name in limits}
    return {"BACKEND": "outside.redis.SentinelQueues", "LOCATION": [url], "OPTIONS": options}


def next_database(url: str) -> str:
    """The URL of the next database number on the same server."""
    if sentinel.is_named_by(url):
        return sentinel.next_database(url)
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if parts.scheme == "unix" or "db" in options:
        return _with_options(url, options | {"db": str(int(options.get("db", 0)) + 1)})
    return parts._replace(path=f"/{int(parts.path.strip('/') or 0) + 1}").geturl()


def with_time_limit(url: str) -> str:
    """A URL with our timeouts, for clients made from the URL alone, as django-rq's pages do."""
    limits = dict.fromkeys(["socket_timeout", "socket_connect_timeout"], str(ANSWER_SECONDS))
    return _with_options(url, limits | dict(parse_qsl(urlsplit(url).query)))


def _with_options(url: str, options: dict[str, str]) -> str:
    return f"{url.partition('?')[0]}?{urlencode(options)}"


class JsonCache:
    """JSON serializer for Django's cache; pickle would run code that was written to Redis."""

    def dumps(self, value: Any) -> bytes | int:
        # Unserialized, because INCR works on plain integers.
        return value if type(value) is int else json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        """The value; None, as for a missing key, if the data is no JSON."""
        try:
            return json.loads(data)
        except ValueError:
            return None
