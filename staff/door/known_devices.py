"""Browsers in which somebody signed in before.

Whoever tries passwords from elsewhere can use up an account's tries, but not those of the
browsers that its owner works in. The cookie opens nothing by itself.
"""

import secrets
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from database import signing
from staff.models import User
from web import cookies

COOKIE = cookies.named("jari_device")
DAYS = 180
USERS = 20  # a shared counter has many; the oldest are forgotten
_SALT = "staff.known_device"


@dataclass(frozen=True)
class KnownDevice:
    number: str
    users: tuple[int, ...]


def device_of(request: HttpRequest) -> KnownDevice | None:
    """The browser, if somebody signed in there in the last half year."""
    try:
        number, users = signing.loads(
            request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=DAYS * 24 * 3600
        )
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return KnownDevice(number, tuple(users))


def known_for(request: HttpRequest, user: User | None) -> str:
    """The number of the browser if this user signed in there before; empty otherwise."""
    device = device_of(request)
    return device.number if device and user and user.pk in device.users else ""


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    device = device_of(request) or KnownDevice(secrets.token_urlsafe(12), ())
    users = [user.pk, *(pk for pk in device.users if pk != user.pk)][:USERS]
    response.set_cookie(
        COOKIE,
        signing.dumps([device.number, users], salt=_SALT),
        max_age=DAYS * 24 * 3600,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )
