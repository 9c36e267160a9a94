import ipaddress
from collections.abc import Iterable

from django.conf import settings
from django.http import HttpRequest

from staff.enums import Act
from staff.models import Access, User


def record_access(
    request: HttpRequest,
    *,
    act: Act,
    what: str,
    people: Iterable[int] = (),
    reason: str = "",
    user: User | None = None,
) -> Access:
    """Record that this user saw personal data: whose, what, from where, and for a download why."""
    return Access.objects.create(
        user=user or request.user,
        address=caller_address(request),
        act=act,
        what=what[:200],
        people=sorted(set(people)),
        reason=reason[:200],
    )


def caller_address(request: HttpRequest) -> str | None:
    """Where the caller sits, private addresses included: an office is known by its own.

    As many entries of X-Forwarded-For as we have proxies can be believed (JARI_PROXIES).
    """
    text = request.META.get("REMOTE_ADDR", "")
    if settings.PROXIES:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        text = forwarded[-settings.PROXIES] if len(forwarded) >= settings.PROXIES else ""
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return None
