"""Redis, which may be slow or gone: a convenience that no page waits for.

A server that hangs (not one that is dead) would hold each page for a second and more. Here nothing
is tried twice, each step has a fifth of a second, and once it did not answer, Redis is left alone
by this process for some seconds.
"""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import redis
from circuitbreaker import CircuitBreaker
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

ANSWER_SECONDS = 0.2
REST_SECONDS = 5

T = TypeVar("T")

breaker = CircuitBreaker(
    failure_threshold=1,
    recovery_timeout=REST_SECONDS,
    expected_exception=(redis.ConnectionError, redis.TimeoutError),
    name="redis",
)


class RedisRests(redis.ConnectionError):
    """It did not answer some seconds ago and is not asked."""


class AtOnce(Retry):
    """How each command is sent: once, and not at all while Redis rests."""

    def __init__(self) -> None:
        super().__init__(NoBackoff(), 0)

    def call_with_retry(
        self, do: Callable[[], T], fail: Callable[..., Any], *args: Any, **options: Any
    ) -> T:
        if breaker.opened:
            raise RedisRests("Redis did not answer just now.")
        with breaker:
            return super().call_with_retry(do, fail, *args, **options)


# For Django's cache, and for `client`.
QUICK: dict[str, Any] = {
    "retry": AtOnce(),
    "socket_timeout": ANSWER_SECONDS,
    "socket_connect_timeout": ANSWER_SECONDS,
}


def client() -> redis.Redis:
    """The Redis of the queues, as a page may ask it; RedisError where it does not answer.

    Not for RQ's workers, which wait for a job for minutes, nor for `rq.Worker`: that raises the
    time limit of the connections it is given.
    """
    return redis.Redis(connection_pool=_pool(settings.REDIS_URL))


@lru_cache(maxsize=4)
def _pool(url: str) -> redis.ConnectionPool:
    return redis.ConnectionPool.from_url(url, **QUICK)


def next_database(url: str) -> str:
    """The same server, one database on."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if parts.scheme == "unix" or "db" in options:
        return _with_options(url, options | {"db": str(int(options.get("db", 0)) + 1)})
    return parts._replace(path=f"/{int(parts.path.strip('/') or 0) + 1}").geturl()


def with_time_limit(url: str) -> str:
    """For clients that others make from the address alone, as the pages of django-rq do."""
    limits = dict.fromkeys(["socket_timeout", "socket_connect_timeout"], str(ANSWER_SECONDS))
    return _with_options(url, limits | dict(parse_qsl(urlsplit(url).query)))


def _with_options(url: str, options: dict[str, str]) -> str:
    return f"{url.partition('?')[0]}?{urlencode(options)}"


class JsonCache:
    """JSON for Django's cache instead of pickle, which would run what somebody wrote to Redis."""

    def dumps(self, value: Any) -> bytes | int:
        # Redis counts with bare numbers.
        return value if type(value) is int else json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        """None, as for what is not there, where this is no JSON."""
        try:
            return json.loads(data)
        except ValueError:
            return None
