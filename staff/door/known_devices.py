"""Browsers in which users signed in before, by a signed cookie.

Wrong tries from other browsers can use up an account's limit, but not that of its owner's browsers
(staff.limits). The cookie gives no access.
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
USERS = 20  # of a shared computer; the oldest are dropped
_SALT = "staff.known_device"


@dataclass(frozen=True)
class KnownDevice:
    """A browser's random number, and the ids of users who signed in there, newest first."""

    number: str
    users: tuple[int, ...]


def device_of(request: HttpRequest) -> KnownDevice | None:
    """The browser, if a user signed in there in the last DAYS."""
    try:
        number, users = signing.loads(
            request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=DAYS * 24 * 3600
        )
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return KnownDevice(number, tuple(users))


def known_for(request: HttpRequest, user: User | None) -> str:
    """The browser's number if this user signed in there before, else ""."""
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
        samesite="Strict",  # needed only by the portal's own log-in form
    )
