"""Who is asking: a signed cookie, so that the opening minute costs no session row and no query."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

COOKIE = "jari_who"
_SALT = "eligibility.who"


@dataclass(frozen=True)
class Who:
    """A person who proved who they are, and when they did."""

    person_id: int
    verified_at: datetime


def signed_in(request: HttpRequest) -> Who | None:
    """Who this browser proved to be, by the server's own clock; None if nobody, or too long ago."""
    if hasattr(request, "_jari_who"):
        return request._jari_who
    request._jari_who = who_from(request.COOKIES.get(COOKIE, ""))
    return request._jari_who


@cache
def _signer(key: str, fallbacks: tuple[str, ...]) -> signing.TimestampSigner:
    """Made once: making one costs as much as checking a signature."""
    return signing.TimestampSigner(key=key, fallback_keys=fallbacks, salt=_SALT)


def who_from(cookie: str) -> Who | None:
    """Who a cookie's value proves its bearer to be."""
    if not cookie:
        return None
    signer = _signer(settings.SECRET_KEY, tuple(settings.SECRET_KEY_FALLBACKS))
    try:
        person_id, stamp = signer.unsign_object(cookie)
    except (signing.BadSignature, ValueError):
        return None
    verified_at = datetime.fromtimestamp(stamp, tz=UTC)
    if verified_at + timedelta(days=settings.IDENTITY_DAYS) < timezone.now():
        return None
    return Who(person_id=person_id, verified_at=verified_at)


def sign_in(response: HttpResponse, *, person_id: int) -> None:
    response.set_cookie(
        COOKIE,
        signing.dumps([person_id, int(timezone.now().timestamp())], salt=_SALT),
        max_age=settings.IDENTITY_DAYS * 86400,
        httponly=True,
        samesite="Lax",
        secure=settings.CSRF_COOKIE_SECURE,
    )


def sign_out(response: HttpResponse) -> None:
    response.delete_cookie(COOKIE, samesite="Lax")
