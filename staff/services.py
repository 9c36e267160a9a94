from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from typing import Any, cast

from django.http import HttpRequest

from database.clock import database_now
from staff.enums import Act
from staff.models import Access, PeopleSet, User
from staff.models.accesses import FEW
from web.addresses import client_address

GUESSES, GUESS_PERIOD = 20, timedelta(minutes=10)


def staff_of(request: HttpRequest) -> User:
    """Who sent this request to the admin, which lets in nobody else."""
    return cast("User", request.user)


def record_access(
    request: HttpRequest | None,
    *,
    act: Act,
    what: str,
    data: dict[str, Any] | None = None,
    people: Iterable[int] = (),
    reason: str = "",
    user: User | None = None,
    by: str = "",
) -> Access:
    """Record that this user saw personal data: whose, what, from where, and for a download why.

    `what` is a kind of staff.kinds, or the label of a model. Without a request it was a command,
    named in `by`.
    """
    numbers = sorted(set(people))
    few = len(numbers) <= FEW
    return Access.objects.create(
        user=user or (staff_of(request) if request else None),
        by=by[:100],
        address=caller_address(request) if request else None,
        act=act,
        what=what,
        data=data or {},
        people=numbers if few else [],
        people_set=None if few else _set_of(numbers),
        reason=reason[:200],
    )


def _set_of(numbers: list[int]) -> PeopleSet:
    """These people, kept once: a sheet that is looked at all day is one set and many records."""
    digest = sha256(",".join(map(str, numbers)).encode()).hexdigest()
    values = {"size": len(numbers), "people": numbers}
    return PeopleSet.objects.get_or_create(digest=digest, defaults=values)[0]


def guesses_too_often(user: User) -> bool:
    """Whether this user searched in vain so often that it looks like guessing."""
    since = database_now() - GUESS_PERIOD
    vain = Access.objects.filter(user=user, act=Act.SEARCH, at__gt=since, data__found=0)
    return vain.count() >= GUESSES


def caller_address(request: HttpRequest) -> str | None:
    """Where the caller sits, private addresses included: an office is known by its own."""
    address = client_address(request)
    return str(address) if address else None
