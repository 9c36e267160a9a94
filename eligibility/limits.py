"""Limits that are counted per request in Redis; without Redis they are off.

Codes are counted from their rows instead (eligibility.services.code_limits).
"""

import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from redis import RedisError

from database import signing
from eligibility.indexes import phone_index, phone_indexes
from eligibility.services.code_limits import RequestSource
from privacy.cipher import blind_indexes
from web import addresses, cookies
from web.limits import over

DISTRICTS_PER_PHONE = "5/10m"
KNOWN_COOKIE = cookies.named("jari_known")
_KNOWN_SALT = "eligibility.known"
KNOWN_AGE = 180 * 86400
# Of a request's environ, in which no header of a browser has such a name.
COUNTED = "jari.address_is_busy"
_MOST_KNOWN = 6  # phones that one browser may have proved, as in a family


def source_of(request: HttpRequest, phone: str) -> RequestSource:
    """Source of a request for a code: a browser that proved `phone` before, else a network."""
    name, phones = _proved_phones(request)
    if name and not {index.hex() for index in phone_indexes(phone)}.isdisjoint(phones):
        return RequestSource(tuple(blind_indexes(name, context=b"browser")), known_browser=True)
    address = client_address(request)
    return RequestSource(tuple(blind_indexes(address, context=b"network")) if address else ())


def remember_browser(request: HttpRequest, response: HttpResponse, phone: str) -> None:
    """Note in a signed cookie that this browser proved `phone`: codes that strangers ask for don't
    count against it any more. Keeps the newest phones."""
    name, phones = _proved_phones(request)
    indexes = [index.hex() for index in phone_indexes(phone)]
    newest = [indexes[0], *(other for other in phones if other not in indexes)][:_MOST_KNOWN]
    response.set_cookie(
        KNOWN_COOKIE,
        signing.dumps([name or secrets.token_urlsafe(12), newest], salt=_KNOWN_SALT),
        max_age=KNOWN_AGE,
        httponly=True,
        samesite="Lax",
        secure=settings.CSRF_COOKIE_SECURE,
    )


def _proved_phones(request: HttpRequest) -> tuple[str, list[str]]:
    """The browser's random name and the indexes of the phones it proved; ("", []) without."""
    cookie = request.COOKIES.get(KNOWN_COOKIE, "")
    try:
        name, phones = signing.loads(cookie, salt=_KNOWN_SALT, max_age=KNOWN_AGE)
    except (signing.BadSignature, ValueError):
        return "", []
    return name, phones


def names_districts_too_often(request: HttpRequest, phone: str) -> bool:
    """Counts one guess of a district for this phone; residents know theirs at once."""
    try:
        return _counted(request, "district", phone_index(phone).hex(), DISTRICTS_PER_PHONE)
    except RedisError:
        return False


def address_is_busy(request: HttpRequest) -> bool:
    """Counts one request; True above what a mobile carrier's shared address brings. The caller then
    asks for a proof of work. A request with COUNTED was counted by the event loop."""
    if COUNTED not in request.META:
        request.META[COUNTED] = _count_address(request)
    is_busy: bool = request.META[COUNTED]
    return is_busy


def _count_address(request: HttpRequest) -> bool:
    address = client_address(request)
    if address is None:
        return False
    try:
        return _counted(request, "address", address, settings.ADDRESS_LIMIT)
    except RedisError:
        return False


def _counted(request: HttpRequest, limit: str, key: str, rate: str) -> bool:
    return over(request, group=f"identity.{limit}", key=key, rate=rate)


def client_address(request: HttpRequest) -> str | None:
    """The caller's public network, or None for a private address: that is a proxy of ours or a
    test, and counting it would put all callers into one bucket."""
    address = addresses.client_address(request)
    return addresses.network_of(address) if address and address.is_global else None
