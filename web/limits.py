"""Rate limits: the only wrapper of django-ratelimit."""

from django.http import HttpRequest
from django_ratelimit.core import is_ratelimited


def over(request: HttpRequest, *, group: str, key: str, rate: str, counts: bool = True) -> bool:
    """Count one try of `key` and return whether it exceeds `rate` ("10/10m").

    With `counts=False` it only checks, for limits on failures, which are counted afterwards.
    Raises RedisError without Redis; the caller decides what happens then.
    """
    limited: bool = is_ratelimited(
        request, group=group, key=lambda _group, _request: key, rate=rate, increment=counts
    )
    return limited
