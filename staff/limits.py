"""How often a password may be tried. Without Redis each process counts for itself."""

import hashlib
import logging

from django.core.cache import caches
from django.http import HttpRequest
from django_ratelimit.core import is_ratelimited
from redis import RedisError

from staff.services import caller_address

log = logging.getLogger(__name__)

# An office shares one address; a guesser tries one name many times, or many names.
TRIES_PER_NAME, TRIES_PER_ADDRESS = 10, 100
PERIOD = 600


def tries_too_often(request: HttpRequest, username: str) -> bool:
    """Count one more try for this name from this address, and say whether it is too many."""
    address = caller_address(request) or "unknown"
    name = hashlib.blake2b(f"{address}|{username.casefold()}".encode(), digest_size=16).hexdigest()
    return _over(request, "name", name, TRIES_PER_NAME) | _over(
        request, "address", address, TRIES_PER_ADDRESS
    )


def _over(request: HttpRequest, what: str, key: str, most: int) -> bool:
    try:
        return is_ratelimited(
            request,
            group=f"staff.{what}",
            key=lambda group, request: key,
            rate=f"{most}/{PERIOD}s",
            increment=True,
        )
    except RedisError:
        log.warning("redis is gone: log-ins are counted by each process")
        local = caches["local"]
        local.add(f"staff.{what}.{key}", 0, timeout=PERIOD)
        return local.incr(f"staff.{what}.{key}") > most
