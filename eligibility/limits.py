"""How often codes may be asked for.

Without Redis nobody is locked out: the limit per phone is then counted in the database, and the
limit per address rests.
"""

import logging
from datetime import date, timedelta

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from redis import RedisError

from eligibility.indexes import name_birth_index, phone_index
from eligibility.models import PhoneCode
from web import addresses
from web.limits import over

log = logging.getLogger(__name__)

CODES_PER_PHONE = "6/10m"
CODES_PER_PERSON = "12/h"
DISTRICTS_PER_PHONE = "5/10m"
_FALLBACK = (6, timedelta(minutes=10))


def asks_too_often(request: HttpRequest, *, name: str, birth_date: date, phone: str) -> bool:
    """Count one more code for this phone and this person, and say whether it is too many."""
    index = phone_index(phone)
    try:
        return _counted(request, "phone", index.hex(), CODES_PER_PHONE) | _counted(
            request, "person", name_birth_index(name, birth_date).hex(), CODES_PER_PERSON
        )
    except RedisError:
        log.warning("redis is gone: codes are counted in the database")
        most, period = _FALLBACK
        since = timezone.now() - period
        return PhoneCode.objects.filter(phone_index=index, sent_at__gt=since).count() >= most


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
