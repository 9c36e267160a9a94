"""Rate limits of certificates. A code has 100 secret bits; the limits protect the servers."""

import logging

from django.http import HttpRequest
from redis import RedisError

from web.addresses import client_address, network_of
from web.limits import over

log = logging.getLogger(__name__)

# Codes verified from one network: an airline's counter stays far below, a guessing program not.
VERIFY_RATE = "300/10m"
# A PDF is drawn anew each time.
PDF_RATE = "20/10m"


def verifies_too_often(request: HttpRequest) -> bool:
    address = client_address(request)
    source = network_of(address) if address else "unknown"
    return _over(request, "certificate.verify", source, VERIFY_RATE)


def draws_too_often(request: HttpRequest, number: str) -> bool:
    return _over(request, "certificate.pdf", number, PDF_RATE)


def _over(request: HttpRequest, group: str, key: str, rate: str) -> bool:
    try:
        return over(request, group=group, key=key, rate=rate)
    except RedisError:
        # Fail open, as the secret bits protect what is behind.
        log.warning("redis is gone: %s is not counted", group)
        return False
