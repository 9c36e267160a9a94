"""Empties the Redis databases of a test, over connections of its own."""

from functools import cache

from django.conf import settings
from redis import Redis


@cache
def _redis(url: str) -> Redis:
    # Without the portal's short time limits, which a busy machine exceeds.
    return Redis.from_url(url)


def empty_redis() -> None:
    """Drop queues and cache."""
    _redis(settings.REDIS_URL).flushdb()
    _redis(settings.CACHES["default"]["LOCATION"][0]).flushdb()
