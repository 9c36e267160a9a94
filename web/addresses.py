"""The caller's network address, behind the trusted proxies that JARI_PROXIES counts."""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(request: HttpRequest) -> Address | None:
    """The caller's address, private ones included; None if it is unknown.

    Each trusted proxy appends the address that it saw to X-Forwarded-For. Entries before the last
    `settings.PROXIES` come from the caller and are ignored.
    """
    return address_of(request.META, settings.PROXIES)


def address_of(environ: Mapping[str, Any], hops: int) -> Address | None:
    """`client_address` of a WSGI environ, behind `hops` trusted proxies."""
    text = environ.get("REMOTE_ADDR", "")
    if hops:
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
        text = forwarded[-hops] if len(forwarded) >= hops else ""
    return parse(text)


# An attacker's many spellings push out only each other.
@lru_cache(maxsize=4096)
def parse(text: str) -> Address | None:
    """An address as proxies write it: `1.2.3.4`, `1.2.3.4:5678`, `[2001:db8::1]:443`."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # A server that listens on both families sees 1.2.3.4 as ::ffff:1.2.3.4.
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=4096)
def network_of(address: Address) -> str:
    """The key of limits: an IPv4 address, or the IPv6 /64, which one household usually has."""
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address)
