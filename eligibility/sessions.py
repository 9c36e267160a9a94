"""Who is asking: a signed cookie, so that the opening minute costs no session row and no query."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from eligibility.models import Proxy

COOKIE = "jari_who"
_SALT = "eligibility.who"


@dataclass(frozen=True)
class Who:
    """A person who proved who they are, and when they did."""

    person_id: int
    verified_at: datetime
    # The proxy who acts for this person, if it is not the person.
    by_id: int | None = None


def signed_in(request: HttpRequest) -> Who | None:
    """Who this browser proved to be, by the server's own clock; None if nobody, or too long ago."""
    if hasattr(request, "_jari_who"):
        return request._jari_who
    request._jari_who = who_from(request.COOKIES.get(COOKIE, ""))
    return request._jari_who


class _Signer(signing.TimestampSigner):
    """Django's own, with the key derived once: deriving it costs as much as the check itself."""

    def signature(self, value, key=None):
        derived = _derived_key(self.salt, key or self.key)
        return signing.b64_encode(hmac.digest(derived, value.encode(), "sha256")).decode()


@cache
def _derived_key(salt: str, key: str) -> bytes:
    return hashlib.sha256(f"{salt}signer{key}".encode()).digest()


@cache
def _signer(key: str, fallbacks: tuple[str, ...]) -> _Signer:
    return _Signer(key=key, fallback_keys=fallbacks, salt=_SALT)


def who_from(cookie: str) -> Who | None:
    """Who a cookie's value proves its bearer to be."""
    who = read_cookie(cookie)
    # Only whoever acts for somebody costs a query: it can be taken back at any time.
    if who and who.by_id and not _still_acts(who):
        return None
    return who


def _still_acts(who: Who) -> bool:
    return Proxy.objects.filter(person=who.person_id, by=who.by_id, ended_at=None).exists()


def read_cookie(cookie: str) -> Who | None:
    """What a cookie's value says, signed by us and in date; no query, so that a proxy in it may
    have been ended since."""
    if not cookie:
        return None
    signer = _signer(settings.SECRET_KEY, tuple(settings.SECRET_KEY_FALLBACKS))
    try:
        person_id, stamp, *by = signer.unsign_object(cookie)
    except (signing.BadSignature, ValueError):
        return None
    verified_at = datetime.fromtimestamp(stamp, tz=UTC)
    if verified_at + timedelta(days=settings.IDENTITY_DAYS) < timezone.now():
        return None
    return Who(person_id=person_id, verified_at=verified_at, by_id=by[0] if by else None)


def sign_in(
    response: HttpResponse,
    *,
    person_id: int,
    by_id: int | None = None,
    verified_at: datetime | None = None,
) -> None:
    """Give this browser the cookie; acting for somebody lasts as long as one's own proof."""
    stamp = int((verified_at or timezone.now()).timestamp())
    response.set_cookie(
        COOKIE,
        signing.dumps([person_id, stamp, *([by_id] if by_id else [])], salt=_SALT),
        max_age=settings.IDENTITY_DAYS * 86400,
        httponly=True,
        samesite="Lax",
        secure=settings.CSRF_COOKIE_SECURE,
    )


def sign_out(response: HttpResponse) -> None:
    response.delete_cookie(COOKIE, samesite="Lax")
