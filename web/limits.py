"""How often something may be tried: the one wrapper of django-ratelimit."""

from django.http import HttpRequest
from django_ratelimit.core import is_ratelimited


def over(request: HttpRequest, *, group: str, key: str, rate: str, counts: bool = True) -> bool:
    """Count one more try of `key`, and say whether it is above `rate` ("10/10m").

    With `counts=False` it only says so: failures are counted when they are known.

    Raises RedisError without Redis: what then counts instead is the caller's matter.
    """
    limited: bool = is_ratelimited(
        request, group=group, key=lambda _group, _request: key, rate=rate, increment=counts
    )
    return limited
