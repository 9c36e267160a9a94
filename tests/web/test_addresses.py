"""Whose word counts for where a request comes from."""

import pytest
from django.test import RequestFactory

from web.addresses import client_address, network_of, parse


def seen(settings, hops: int, remote: str, forwarded: str) -> str | None:
    settings.PROXIES = hops
    request = RequestFactory().get("/", REMOTE_ADDR=remote, HTTP_X_FORWARDED_FOR=forwarded)
    address = client_address(request)
    return str(address) if address else None


@pytest.mark.parametrize(
    ("hops", "forwarded", "address"),
    [
        (0, "8.8.8.8", "203.0.113.9"),
        (1, "8.8.8.8", "8.8.8.8"),
        (1, "127.0.0.1, 8.8.8.8", "8.8.8.8"),
        (1, "10.0.0.1,192.168.0.1,1.1.1.1 , 8.8.8.8", "8.8.8.8"),
        (1, "9.9.9.9, 8.8.8.8:5678", "8.8.8.8"),
        (1, "9.9.9.9, [2001:db8:1:2:3::4]:443", "2001:db8:1:2:3::4"),
        (1, '9.9.9.9, "[2001:db8::1]"', "2001:db8::1"),
        (2, "9.9.9.9, 8.8.8.8, 10.0.0.2", "8.8.8.8"),
        (2, "8.8.8.8", None),
        (1, "", None),
        (1, "8.8.8.8, ", None),
        (1, "8.8.8.8, unknown", None),
        (1, "8.8.8.8, 1.2.3", None),
        (1, "8.8.8.8, 1.2.3.4.5:6", None),
        (1, "8.8.8.8, \x00", None),
    ],
)
def test_a_forged_header_changes_nothing(settings, hops, forwarded, address):
    assert seen(settings, hops, "203.0.113.9", forwarded) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("fe80::1%eth0", "fe80::1"),
        ("1.2.3.4:80", "1.2.3.4"),
        (" 1.2.3.4 ", "1.2.3.4"),
        ("[::1]", "::1"),
        ("1.2.3.4:80:90", None),
        ("[1.2.3.4", "1.2.3.4"),
        ("localhost", None),
        ("", None),
    ],
)
def test_an_address_is_read_as_proxies_write_it(text, address):
    found = parse(text)

    assert (str(found) if found else None) == address


def test_a_household_counts_as_one():
    one, other = parse("2001:db8:1:2::1"), parse("2001:db8:1:2:ffff::2")

    assert network_of(one) == network_of(other) == "2001:db8:1:2::"
    assert network_of(parse("1.2.3.4")) == "1.2.3.4"
