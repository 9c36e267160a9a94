from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from math import isqrt
from typing import Any, cast

from django.http import HttpRequest

from database.clock import Now, database_now
from staff.enums import Act
from staff.models import Access, PeopleSet, User
from staff.models.accesses import FEW
from web.addresses import client_address

GUESSES, GUESS_PERIOD = 20, timedelta(minutes=10)


def staff_of(request: HttpRequest) -> User:
    """The signed-in user; for requests to the admin, which no one else reaches."""
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
    """Record an access to personal data: by whom, to whose data, and from which address.

    `what` is a kind of staff.kinds or the label of a model; `reason` is given for downloads.
    Without a request the access was a command's, and with `by` a program's: both are named in it.
    """
    # Sorted and distinct, so that equal sets have one digest.
    numbers = sorted(set(people))
    few = len(numbers) <= FEW
    if user is None and request is not None and not by:
        user = staff_of(request)
    return Access.objects.create(
        user=user,
        by=by[:100],
        address=caller_address(request) if request else None,
        act=act,
        what=what,
        data=data or {},
        people=numbers if few else [],
        people_set=None if few else _set_of(numbers, _topic_of(act, what, data or {}, user)),
        reason=reason[:200],
    )


def _topic_of(act: Act, what: str, data: dict[str, Any], user: User | None) -> str:
    """The page whose views show nearly the same people: a sheet for all its users, or a list."""
    parts = {
        Act.PRINT: list(data.values()),
        Act.LIST: [user.pk if user else "", database_now().date()],
    }.get(act)
    return ":".join(map(str, [what, *parts])) if parts else ""


def _set_of(numbers: list[int], topic: str) -> PeopleSet:
    """The stored set of these people: a day sheet that is opened all day needs one set.

    A set that differs in a few people from the newest whole one of `topic` is stored as this
    difference: 2,000 people took 34 kB after each booking.
    """
    digest = sha256(",".join(map(str, numbers)).encode()).hexdigest()
    stored = PeopleSet.objects.filter(digest=digest).only("pk").first()
    if stored:
        return stored
    values = {"size": len(numbers), "topic": topic[:100], "people": numbers}
    bases = PeopleSet.objects.filter(topic=topic[:100]).order_by("-made_at")
    base = bases.first() if topic else None
    if base:
        added = sorted(set(numbers).difference(base.people))
        removed = sorted(set(base.people).difference(numbers))
        # Differences grow with each view: with one change a view the sum of whole sets and
        # differences is least where a new whole set is made after about this many.
        if len(added) + len(removed) <= 2 * isqrt(len(numbers)):
            values |= {"topic": "", "people": added, "base": base, "removed": removed}
    # Two views of one second may show the same people.
    return PeopleSet.objects.get_or_create(digest=digest, defaults=values)[0]


def guesses_too_often(user: User) -> bool:
    """Whether so many of the user's searches found nobody that they look like guesses."""
    since = Now() - GUESS_PERIOD
    failed = Access.objects.filter(user=user, act=Act.SEARCH, at__gt=since, data__found=0)
    return failed.count() >= GUESSES


def caller_address(request: HttpRequest) -> str | None:
    """The caller's address for a record; also a private one, as offices use them."""
    address = client_address(request)
    return str(address) if address else None
