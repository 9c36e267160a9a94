"""The names of our cookies.

In production each begins with `__Host-`: browsers then take it only over TLS, from this very
host and for all of it, so that no neighbour under the same domain can plant one.
https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes
"""

from django.conf import settings


def named(name: str) -> str:
    return f"{settings.COOKIE_PREFIX}{name}"
