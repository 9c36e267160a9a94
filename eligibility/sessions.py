"""Who is asking: a signed cookie, so that the opening minute costs no session row and no query."""

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from django.conf import settings
from django.core.signing import b64_encode
from django.db import connection
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from database import signing
from database.clock import known_now
from eligibility.models import Person
from web import cookies

COOKIE = cookies.named("jari_who")
_SALT = "eligibility.who"


@dataclass(frozen=True)
class Who:
    """A person who proved who they are, and when they did."""

    person_id: int
    verified_at: datetime
    # Person.session_generation of the person when the cookie was made.
    generation: int = 0
    # Who signed in and acts for this person, if it is not the person; and their generation.
    by_id: int | None = None
    by_generation: int = 0
    # Who acts sees what was booked since the person said yes; None: everything.
    sees_from: datetime | None = None

    def may_see(self, made_at: datetime) -> bool:
        return self.sees_from is None or made_at >= self.sees_from


# Where a request keeps what was asked for it: one statement for each.
_ASKED = "_jari_who"


def signed_in(request: HttpRequest) -> Who | None:
    """Who this browser proved to be, by the server's own clock; None if nobody, or too long ago.

    One statement for each request: signing out everywhere works at once.
    """
    asked = vars(request)
    if _ASKED not in asked:
        asked[_ASKED] = who_from(request.COOKIES.get(COOKIE, ""))
    who: Who | None = asked[_ASKED]
    return who


def who_of(request: HttpRequest) -> Who:
    """Who is signed in, in a view that lets nobody else through (views.asks)."""
    who = signed_in(request)
    assert who
    return who


def named(request: HttpRequest) -> Who | None:
    """Who to greet on a page, also where the database is away; it opens nothing."""
    if _ASKED in vars(request):
        return signed_in(request)
    return read_cookie(request.COOKIES.get(COOKIE, ""))


class _Signer(signing.Signer):
    """Django's own, with the key derived once: deriving it costs as much as the check itself."""

    def signature(self, value: str | bytes, key: str | bytes | None = None) -> str:
        derived = _derived_key(self.salt, key or self.key)
        signed = value.encode() if isinstance(value, str) else value
        return b64_encode(hmac.digest(derived, signed, "sha256")).decode()


@cache
def _derived_key(salt: str, key: str) -> bytes:
    return hashlib.sha256(f"{salt}signer{key}".encode()).digest()


@cache
def _signer(key: str, fallbacks: tuple[str, ...]) -> _Signer:
    return _Signer(key=key, fallback_keys=list(fallbacks), salt=_SALT)


def who_from(cookie: str) -> Who | None:
    """Who a cookie's value proves its bearer to be; one statement."""
    who = read_cookie(cookie)
    if who is None or not who.by_id:
        return who if who and is_current(who) else None
    with connection.cursor() as cursor:
        cursor.execute(_STILL_ACTS, [who.person_id, who.generation, who.by_id, who.by_generation])
        row = cursor.fetchone()
    return replace(who, sees_from=row[0]) if row else None


_CURRENT = """
SELECT FROM eligibility_person WHERE id = %s AND session_generation = %s
"""
# Acting ends with either of the two signing out everywhere, and with the proxy.
_STILL_ACTS = """
SELECT CASE WHEN proxy.shows_earlier THEN NULL ELSE proxy.declared_at END
FROM eligibility_proxy AS proxy
JOIN eligibility_person AS person ON person.id = proxy.person_id
JOIN eligibility_person AS by ON by.id = proxy.by_id
WHERE person.id = %s AND person.session_generation = %s
    AND by.id = %s AND by.session_generation = %s AND proxy.ended_at IS NULL
"""


def is_current(who: Who) -> bool:
    """Whether the person in a cookie has not signed out everywhere since."""
    with connection.cursor() as cursor:
        cursor.execute(_CURRENT, [who.person_id, who.generation])
        return bool(cursor.rowcount == 1)


def sign_out_everywhere(person_id: int) -> None:
    """Every cookie of this person, and of whoever acts for them, proves nothing from now on."""
    Person.objects.filter(pk=person_id).update(session_generation=F("session_generation") + 1)


def read_cookie(cookie: str) -> Who | None:
    """What a cookie's value says, signed by us and in date; no statement, so the person may have
    signed out everywhere since, or ended the proxy."""
    if not cookie:
        return None
    signer = _signer(settings.SECRET_KEY, tuple(settings.SECRET_KEY_FALLBACKS))
    try:
        person_id, stamp, generation, *by = signer.unsign_object(cookie)
    except (signing.BadSignature, ValueError):
        return None
    verified_at = datetime.fromtimestamp(stamp, tz=UTC)
    if verified_at + timedelta(days=settings.IDENTITY_DAYS) < known_now():
        return None
    by_id, by_generation = by or (None, 0)
    return Who(person_id, verified_at, generation, by_id, by_generation)


def sign_in(
    response: HttpResponse,
    *,
    person_id: int,
    by_id: int | None = None,
    verified_at: datetime | None = None,
    generation: int | None = None,
) -> None:
    """Give this browser the cookie; acting for somebody lasts as long as one's own proof.

    `by_id` is who proved a phone: always the same, whomever they act for. `generation` is asked of
    the database unless it is given.
    """
    stamp = int((verified_at or known_now()).timestamp())
    value = [person_id, stamp, _generation(person_id) if generation is None else generation]
    if by_id:
        value += [by_id, _generation(by_id)]
    response.set_cookie(
        COOKIE,
        signing.dumps(value, salt=_SALT),
        max_age=settings.IDENTITY_DAYS * 86400,
        httponly=True,
        samesite="Lax",
        secure=settings.CSRF_COOKIE_SECURE,
    )


def _generation(person_id: int) -> int:
    found = Person.objects.filter(pk=person_id).values_list("session_generation", flat=True)
    return found.first() or 0


def sign_out(response: HttpResponse) -> None:
    response.delete_cookie(COOKIE, samesite="Lax")


def to_identity(back_to: str) -> HttpResponse:
    """To the page on which people prove who they are, and from there to `back_to`."""
    return redirect(f"{reverse('identity')}?{urlencode({'next': back_to})}")
