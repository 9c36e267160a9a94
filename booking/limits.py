"""How often a reservation number may be tried: ten letters can't be guessed, a phone could be."""

import logging

from django.http import HttpRequest
from redis import RedisError

from eligibility.limits import client_address
from web.limits import over

log = logging.getLogger(__name__)

TRIES_PER_NUMBER = "10/10m"
TRIES_PER_ADDRESS = "100/10m"


def looked_up_too_often(request: HttpRequest, number: str) -> bool:
    """Count one more try of this number, and say whether it is too many.

    Without Redis nobody is locked out: a number alone has 45 bits that can't be guessed.
    """
    address = client_address(request)
    try:
        tired = over(request, group="lookup.number", key=number, rate=TRIES_PER_NUMBER)
        if address:
            tired |= over(request, group="lookup.address", key=address, rate=TRIES_PER_ADDRESS)
    except RedisError:
        log.warning("redis is gone: look-ups are not counted")
        return False
    return tired
