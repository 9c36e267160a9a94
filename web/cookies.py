"""Names of the portal's cookies.

In production each begins with `__Host-`: browsers accept it only over TLS, from this host and for
all of its paths, so that another host of the same domain can't set it.
https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes
"""

from django.conf import settings


def named(name: str) -> str:
    return f"{settings.COOKIE_PREFIX}{name}"
