"""What is counted by request rather than by row.

Without Redis these limits rest, and nobody is locked out. Codes are counted where they are kept
(eligibility.services.code_limits).
"""

import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from redis import RedisError

from database import signing
from eligibility.indexes import phone_index
from eligibility.services.code_limits import Asker
from privacy.cipher import blind_index
from web import addresses, cookies
from web.limits import over

DISTRICTS_PER_PHONE = "5/10m"
KNOWN_COOKIE = cookies.named("jari_known")
_KNOWN_SALT = "eligibility.known"
_KNOWN_AGE = 180 * 86400
_MOST_KNOWN = 6  # phones around one browser


def source_of(request: HttpRequest, phone: str) -> Asker:
    """Who asks for a code to `phone`: a browser that proved it before, or a network."""
    name, phones = _known(request)
    if name and phone_index(phone).hex() in phones:
        return Asker(blind_index(name, context=b"browser"), known_browser=True)
    address = client_address(request)
    return Asker(blind_index(address, context=b"network") if address else None)


def remember_browser(request: HttpRequest, response: HttpResponse, phone: str) -> None:
    """This browser has proved `phone`: what strangers ask for does not slow it down."""
    name, phones = _known(request)
    index = phone_index(phone).hex()
    value = [name or secrets.token_urlsafe(12), [index, *(p for p in phones if p != index)]]
    response.set_cookie(
        KNOWN_COOKIE,
        signing.dumps([value[0], value[1][:_MOST_KNOWN]], salt=_KNOWN_SALT),
        max_age=_KNOWN_AGE,
        httponly=True,
        samesite="Lax",
        secure=settings.CSRF_COOKIE_SECURE,
    )


def _known(request: HttpRequest) -> tuple[str, list[str]]:
    cookie = request.COOKIES.get(KNOWN_COOKIE, "")
    try:
        name, phones = signing.loads(cookie, salt=_KNOWN_SALT, max_age=_KNOWN_AGE)
    except (signing.BadSignature, ValueError):
        return "", []
    return name, phones


def names_districts_too_often(request: HttpRequest, phone: str) -> bool:
    """Whoever lives there knows it at once."""
    try:
        return _counted(request, "district", phone_index(phone).hex(), DISTRICTS_PER_PHONE)
    except RedisError:
        return False


def address_is_busy(request: HttpRequest) -> bool:
    """Far more from one address than a mobile carrier's shared address brings: ask for work."""
    address = client_address(request)
    if address is None:
        return False
    try:
        return _counted(request, "address", address, settings.ADDRESS_LIMIT)
    except RedisError:
        return False


def _counted(request: HttpRequest, what: str, key: str, rate: str) -> bool:
    return over(request, group=f"identity.{what}", key=key, rate=rate)


def client_address(request: HttpRequest) -> str | None:
    """The caller's public network; None where it is not known.

    A private address is that of our own proxy, or of a test: it says nothing about the caller.
    """
    address = addresses.client_address(request)
    return addresses.network_of(address) if address and address.is_global else None
