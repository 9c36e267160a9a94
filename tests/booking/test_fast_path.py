"""Holds and confirms in the event loop do what the views do, or leave it to them."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import reverse

from booking.fast_path import FastBooking
from booking.finder.search import Search, find
from booking.models import Reservation, Slot
from config.bridge import WsgiBridge
from config.headers import security_headers
from eligibility.services.signing_out import sign_out_everywhere
from messaging.models import Message
from tests.booking.test_sessions import Scene
from tests.factories import ReservationFactory, SlotFactory
from tests.waiting_room.test_batched_joins import Answer, Request
from waiting_room.enums import Ending
from waiting_room.models import Admission
from waiting_room.services.entering import end_admission

T = TypeVar("T")
pytestmark = pytest.mark.django_db(transaction=True)

# What differs between two people and two requests.
OWN = re.compile(
    r'(csrfmiddlewaretoken" value=")\w+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'
    r"|reservations/\w+/"
)
SAME_SITE = {"HTTP_SEC_FETCH_SITE": "same-origin"}


@pytest.fixture
def slot(clock) -> Slot:
    clock.freeze()
    return SlotFactory(capacity=9)


def fast(scene: Scene, name: str, form: dict[str, Any], **more: Any) -> HttpResponse | None:
    """The fast path's own answer to a browser's request."""
    values = SAME_SITE | more
    method = values.pop("method", "post")
    factory = RequestFactory(headers={"accept-language": "en"})
    factory.cookies = scene.browser.cookies
    body = "&".join(f"{key}={value}" for key, value in form.items())
    kind = values.pop("content_type", "application/x-www-form-urlencoded")
    request = factory.generic(method.upper(), reverse(name), body, kind, **values)
    application = FastBooking()

    async def ask() -> HttpResponse | None:
        try:
            return await application(request.environ)
        finally:
            await application.close()

    return in_a_loop(ask)


def in_a_loop(ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
    # In a thread of its own: Playwright's event loop may run in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(ask())).result()


def scene_at(slot: Slot, **more: Any) -> Scene:
    scene = Scene(acting=more.get("acting", False), slot=slot)
    # A slot is known to the process that showed it.
    find(Search(region=slot.clinic.region, district=slot.clinic.district))
    scene.browser.cookies["csrftoken"] = "t" * 32
    return scene


def shown(response: HttpResponse) -> tuple[int, dict[str, str], str, list[dict[str, Any]]]:
    headers = {name.lower(): value for name, value in response.items()}
    for name in ("x-request-id", "expires"):
        headers.pop(name)
    return (
        response.status_code,
        {name: OWN.sub("", value) for name, value in headers.items()},
        OWN.sub(r"\1", response.content.decode()),
        [
            {name: value for name, value in cookie.items() if name != "expires"}
            | {"value": cookie.coded_value}
            for cookie in response.cookies.values()
        ],
    )


def rows() -> list[list[dict[str, Any]]]:
    """All that two people's bookings write, without what differs between them."""
    apart = {"id", "number", "key", "person_id", "admission_id", "ticket_id", "room_id", "place"}
    return [
        [
            {name: value for name, value in row.items() if name not in apart}
            for row in model.objects.order_by("pk").values()
        ]
        for model in (Reservation, Message, Admission)
    ]


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_booking_is_that_of_the_views_in_answers_and_rows(slot, language):
    one, other = scene_at(slot), scene_at(slot)
    for scene in (one, other):
        scene.browser.cookies["jari_language"] = language
    sent = {"csrfmiddlewaretoken": "x", "slot": slot.pk}

    held = fast(one, "hold", sent)
    viewed = other.browser.post(reverse("hold"), sent)

    assert shown(held) == shown(viewed)
    keys = [row.key for row in Reservation.objects.order_by("pk")]
    confirm = {"csrfmiddlewaretoken": "x", "channel": "sms", "email": ""}

    booked = fast(one, "confirm", confirm | {"key": keys[0]})
    receipt = other.browser.post(reverse("confirm"), confirm | {"key": keys[1]})

    assert shown(booked) == shown(receipt)
    first, second = Reservation.objects.order_by("pk")
    assert booked.headers["Location"] == f"/reservations/{first.number}/"
    for mine, theirs in rows():
        assert mine == theirs
    slot.refresh_from_db()
    assert (first.status, second.status, slot.booked) == ("confirmed", "confirmed", 2)


def test_a_repeated_request_is_left_to_the_views_which_answer_the_same(slot):
    scene = scene_at(slot)
    fast(scene, "hold", {"slot": slot.pk})
    key = Reservation.objects.get().key
    first = fast(scene, "confirm", {"key": key})

    assert fast(scene, "hold", {"slot": slot.pk}) is None
    assert fast(scene, "confirm", {"key": key}) is None
    again = scene.browser.post(reverse("confirm"), {"key": key})
    assert again.headers["Location"] == first.headers["Location"]
    assert Message.objects.count() == 1


def fill(scene: Scene) -> None:
    Slot.objects.filter(pk=scene.slot.pk).update(booked=9)


LEFT: dict[str, tuple[dict[str, Any], Callable[[Scene], Any] | None]] = {
    "of another site": ({"HTTP_SEC_FETCH_SITE": "cross-site"}, None),
    "of an old browser": ({"HTTP_SEC_FETCH_SITE": ""}, None),
    "by GET": ({"method": "get"}, None),
    "of another kind": ({"content_type": "text/plain"}, None),
    "for another host": ({"HTTP_HOST": "exa mple"}, None),
    "signed out": ({}, lambda scene: sign_out_everywhere(scene.person.pk)),
    "without a cookie": ({}, lambda scene: scene.browser.cookies.clear()),
    "full": ({}, fill),
    "ended": ({}, lambda scene: end_admission(admission=scene.admission, ending=Ending.LEFT)),
    "two doses": ({}, lambda scene: SlotFactory(double=True)),
    "booked": ({}, lambda scene: ReservationFactory(person=scene.person)),
}


@pytest.mark.parametrize("why", LEFT)
def test_an_unusual_hold_is_left_to_the_views(slot, why):
    scene = scene_at(slot)
    more, prepare = LEFT[why]
    prepared = prepare(scene) if prepare else None
    chosen = prepared if isinstance(prepared, Slot) else slot
    before = Reservation.objects.count()

    assert fast(scene, "hold", {"slot": chosen.pk}, **more) is None
    assert Reservation.objects.count() == before


@pytest.mark.parametrize("form", [{"slot": 1, "second": 2}, {"slot": "x"}, {"language": "ko"}, {}])
def test_an_unusual_form_is_left_to_the_views(slot, form):
    assert fast(scene_at(slot), "hold", {"slot": slot.pk} | form if form else form) is None
    assert not Reservation.objects.exists()


@pytest.mark.parametrize(
    "form", [{"channel": "email", "email": "a@example.org"}, {"key": "x"}, {"letters": "large"}]
)
def test_an_unusual_confirmation_is_left_to_the_views(slot, form):
    scene = scene_at(slot)
    fast(scene, "hold", {"slot": slot.pk})
    key = Reservation.objects.get().key

    assert fast(scene, "confirm", {"key": key, "channel": "sms"} | form) is None
    assert Reservation.objects.get().status == "held"


def test_who_acts_for_somebody_and_anothers_key_are_left_to_the_views(slot):
    scene, thief = scene_at(slot), scene_at(slot)
    assert fast(scene_at(slot, acting=True), "hold", {"slot": slot.pk}) is None
    fast(scene, "hold", {"slot": slot.pk})

    assert fast(thief, "confirm", {"key": Reservation.objects.get().key}) is None
    assert Reservation.objects.get().status == "held"


def test_without_tls_nothing_is_answered(slot, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert fast(scene_at(slot), "hold", {"slot": slot.pk}) is None


def test_a_silent_database_is_left_to_the_views(slot, monkeypatch):
    monkeypatch.setattr("database.silence.silence.is_away", True)
    scene = scene_at(slot)
    answer = fast(scene, "hold", {"slot": slot.pk})
    monkeypatch.undo()

    assert answer is None
    assert not Reservation.objects.exists()


def test_the_web_server_asks_the_fast_path_first_and_passes_the_body_on(slot):
    scene, other = scene_at(slot), scene_at(slot)

    def views(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]

    async def ask() -> list[Answer]:
        fast_booking = FastBooking()
        bridge = WsgiBridge(views, headers=security_headers(), fast=[fast_booking])
        answers = []
        for browser, form in ((scene.browser, b"slot=%d"), (other.browser, b"slot=%d&letters=")):
            cookies = "; ".join(f"{name}={m.value}" for name, m in browser.cookies.items())
            headers = [
                ("host", "localhost"), ("cookie", cookies), ("sec-fetch-site", "same-origin"),
                ("content-type", "application/x-www-form-urlencoded"),
            ]  # fmt: skip
            request = Request("POST", reverse("hold"), headers, body=form % slot.pk)
            answers.append(Answer(request.body))
            await bridge(request.scope, answers[-1])
        await fast_booking.close()
        return answers

    held, passed_on = in_a_loop(ask)

    assert held.headers.items() >= {"x-frame-options": "DENY", "content-language": "ko"}.items()
    assert str(Reservation.objects.get().key) in held.content.decode()
    assert passed_on.content == b"slot=%d&letters=" % slot.pk
