from collections.abc import Iterable

from django.http import HttpRequest

from staff.enums import Act
from staff.models import Access, User
from web.addresses import client_address


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
    """Where the caller sits, private addresses included: an office is known by its own."""
    address = client_address(request)
    return str(address) if address else None
