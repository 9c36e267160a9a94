"""Who is asking: a signed cookie, so that the opening minute costs no session row and no query."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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
    request._jari_who = _read(request.COOKIES.get(COOKIE, ""))
    return request._jari_who


def _read(value: str) -> Who | None:
    if not value:
        return None
    try:
        person_id, stamp = signing.loads(value, salt=_SALT)
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
