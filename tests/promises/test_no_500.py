"""No address answers 500, whatever is sent: each public one, by every method and content type.

Random requests out of the address table, deep enough to reach the services: by strangers, by
somebody signed in, by somebody inside, by somebody who acts for another. JARI_FUZZ_SECONDS says
for how long (a minute unless it says otherwise, an hour before a release); a failure prints the
seed, which JARI_FUZZ_SEED repeats.
"""

import os
import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import quote_from_bytes

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from booking.areas import clinic_key, district_key
from booking.models import Offer, Reservation
from booking.services import hold_slot, make_offers
from eligibility import sessions
from eligibility.models import Proxy
from eligibility.services import ask_to_book_for
from tests.booking.test_offers import entry
from tests.eligibility.signing_in import sign_in
from tests.factories import (
    AdmissionFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    TicketFactory,
)
from waiting_room.services.joining import CODE_KEY
from web.codes import resume_code

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = float(os.environ.get("JARI_FUZZ_SECONDS", "60"))
METHODS = ["GET", "HEAD", "POST", "POST", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
FIELDS = [
    "name", "birth_date", "century", "phone", "code", "resend", "next", "home", "reason",
    "note", "field", "wanted", "answer", "earlier", "everywhere", "slot", "second", "key",
    "channel", "email", "extension", "places", "date_from", "date_to", "part", "vaccine",
    "leftover", "number", "language", "work", "wait", "provider", "region", "district", "date",
    "near", "weekday", "page", "clinic", "state", "error", "session_state", "history", "stop",
]  # fmt: skip
FORMS = ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
TYPES = [
    *FORMS * 4,
    "application/x-www-form-urlencoded; charset=utf-7",
    "application/x-www-form-urlencoded; charset=euc-kr",
    "application/x-www-form-urlencoded; charset=nothing",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=x; charset=utf-16",
    "application/json",
    "text/plain; charset=latin-1",
    "",
    "x",
]
ODD = [
    b"", b"x", b"0", b"-1", b"1e9", b"9" * 19, b"9" * 400, b"\x00", b"a\x00b", b"\xff\xfe",
    b"\xed\xa0\x80", b"\xed\xbf\xbf", "é".encode(), "١٢".encode(), "김시험".encode(),
    b"2026-02-30", b"0001-01-01", b"9999-12-31", b"99999-01-01", b"12:61", b":", b"d:", b"c:",
    b"d:/", b"c:x", b"c:" + b"9" * 30, b"%00", b"../../etc/passwd", b"//evil.example",
    b"{{7*7}}", b"<b>", b"' or 1=1 --", b"\r\nSet-Cookie: a=b", "\u202e".encode(), b"a" * 3000,
    b"1,2", b"37.5,127.0", b"nan,inf", b"inf", b"1,", b"|", "서울특별시|".encode(), b"on", b"true",
]  # fmt: skip
COOKIES = [
    sessions.COOKIE, "jari_code", "jari_provider", "jari_known", "jari_tickets", "jari_seen",
    "jari_language", "csrftoken", "sessionid",
]  # fmt: skip


@dataclass
class Scene:
    browsers: list[Client]
    # What exists, so that requests get past the first check.
    known: list[bytes]
    arguments: dict[str, list[str]] = field(default_factory=dict)


def make_scene() -> Scene:
    inside, waiting = AdmissionFactory(), TicketFactory()
    person = inside.ticket.person
    slot, other = SlotFactory(), SlotFactory(double=True)
    [held] = hold_slot(person_id=person.pk, slot_id=slot.pk, admission_id=inside.pk)
    booked = ReservationFactory()
    entry(AdmissionFactory())
    make_offers()
    proxy = Proxy.objects.create(person=person, by=PersonFactory())
    asked = ask_to_book_for(
        by=PersonFactory(), name=person.name, birth_date=person.birth_date, phone=person.phone
    )
    tokens = [str(asked.token), *(str(one.token) for one in Offer.objects.all())]
    acting = Client(raise_request_exception=False)
    sign_in(acting, proxy.by)
    acting.post(f"/family/{proxy.pk}/act/")
    browsers = [Client(raise_request_exception=False), acting]
    for one in (person, waiting.person, booked.person):
        browsers.append(Client(raise_request_exception=False))
        sign_in(browsers[-1], one)
    numbers = list(Reservation.objects.values_list("number", flat=True))
    known = [
        str(slot.pk), str(other.pk), str(held.key), "sms", "email", "a@example.org", "ko", "en",
        person.name, "19640512", "010-0000-1234", "yes", "no", "identity", "morning", "2027-01-01",
        district_key(slot.clinic.region, slot.clinic.district), clinic_key(slot.clinic_id),
        slot.vaccine.code, slot.clinic.code, slot.clinic.region, resume_code(waiting.pk, CODE_KEY),
        *numbers,
    ]  # fmt: skip
    cohort = inside.room.cohort.code
    return Scene(
        browsers,
        [text.encode() for text in known],
        {
            "slug": [cohort, waiting.room.cohort.code, slot.clinic.code, "nothing", "national"],
            "str": [cohort, *numbers, slot.clinic.code, "x", "é", "7K2M-QX4D-9T", "a" * 300],
            "int": ["0", "1", str(proxy.pk), str(asked.pk), "9" * 9, "9" * 40],
            "uuid": [
                str(waiting.pk), str(inside.ticket_id), *tokens, str(uuid.UUID(int=0)),
            ],
            "path": ["x", "../x", "a/b"],
        },
    )  # fmt: skip


def public_addresses() -> list[str]:
    """Every route of the portal but the staff's, as Django writes it."""
    found = []

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> None:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if route.startswith("admin/"):
                continue
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, route)
            else:
                found.append(route)

    walk(get_resolver().url_patterns, "")
    return found


def address_of(route: str, scene: Scene, dice: random.Random) -> str:
    parts = []
    for part in route.replace("^", "").replace("\\Z", "").split("<"):
        inner, closed, rest = part.partition(">")
        if closed:
            kind = inner.partition(":")[0] if ":" in inner else "str"
            values = scene.arguments.get(kind, scene.arguments["str"])
            parts.append(quote_from_bytes(dice.choice(values).encode()) + rest)
        else:
            parts.append(part)
    return "/" + "".join(parts)


def values_of(scene: Scene, dice: random.Random) -> list[tuple[str, bytes]]:
    names = dice.sample(FIELDS, dice.randint(0, 8))
    pool = scene.known if dice.random() < 0.5 else ODD
    return [(name, dice.choice(pool if dice.random() < 0.7 else ODD)) for name in names]


def encoded(values: list[tuple[str, bytes]]) -> str:
    return "&".join(f"{name}={quote_from_bytes(value)}" for name, value in values)


def body_of(kind: str, values: list[tuple[str, bytes]], dice: random.Random) -> bytes:
    if dice.random() < 0.05:
        return dice.randbytes(dice.randint(0, 200))
    if not kind.startswith("multipart"):
        return encoded(values).encode()
    parts = [
        b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
        % (name.encode(), b'; filename="f"' if dice.random() < 0.1 else b"", value)
        for name, value in values
    ]
    return b"".join(parts) + (b"--x--\r\n" if dice.random() < 0.9 else b"")


def requests(scene: Scene, dice: random.Random) -> Iterator[dict]:
    routes = public_addresses()
    while True:
        for route in dice.sample(routes, len(routes)):
            kind = dice.choice(TYPES)
            method = dice.choice(METHODS)
            headers = {
                "HTTP_ACCEPT_LANGUAGE": dice.choice(["ko", "en", "x" * 300, "é", ""]),
                "HTTP_REFERER": dice.choice(["", "http://testserver/", "x", "//é"]),
            }
            yield {
                "method": method,
                "path": address_of(route, scene, dice),
                "data": body_of(kind, values_of(scene, dice), dice) if method != "GET" else b"",
                "content_type": kind,
                "QUERY_STRING": encoded(values_of(scene, dice)),
                **headers,
            }


def odd_cookie(browser: Client, dice: random.Random) -> None:
    name = dice.choice(COOKIES)
    browser.cookies[name] = dice.choice(
        ["", "x", "a:b:c", "é", "9" * 5000, "W10:1:x", "eyJ9", "::", "\\000"]
    )


def test_no_request_ends_in_an_error_of_ours():
    seed = int(os.environ.get("JARI_FUZZ_SEED") or time.time_ns() % 2**32)
    dice = random.Random(seed)  # noqa: S311 - what to send, no secret
    scene = make_scene()
    jars = [{name: one.value for name, one in b.cookies.items()} for b in scene.browsers]
    failed: dict[str, dict] = {}

    end, sent = time.monotonic() + SECONDS, 0
    for request in requests(scene, dice):
        number = dice.randrange(len(scene.browsers))
        browser = scene.browsers[number]
        browser.cookies = SimpleCookie(jars[number])
        if dice.random() < 0.2:
            odd_cookie(browser, dice)
        answer = browser.generic(**request)
        answer.close()
        sent += 1
        if answer.status_code >= 500:
            failed.setdefault(f"{request['method']} {request['path']}", request)
        if time.monotonic() > end or len(failed) > 20:
            break

    assert not failed, f"seed {seed}, {sent} requests: {failed}"
    assert sent > len(public_addresses()), "each address at least once"


def test_the_table_has_every_public_address():
    routes = public_addresses()

    assert len(routes) > 40
    assert {"identity/", "booking/list/", "family/", "queue/resume/"} <= set(routes)
    assert settings.ROOT_URLCONF == "config.urls"
