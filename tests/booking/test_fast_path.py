"""Pages and acts of the event loop are those of the views, or left to them."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

import pytest
import redis
from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import reverse

from booking.fast_path import FastBooking
from booking.finder import availability
from booking.finder import search as finding
from booking.models import Clinic, Reservation, Slot
from booking.services.changes import cancel_reservation
from booking.services.seats import lock_slots
from config.bridge import WsgiBridge
from config.headers import security_headers
from database.clock import known_now
from eligibility.models import Person
from eligibility.services.signing_out import sign_out_everywhere
from messaging.models import Message
from tests.booking.test_sessions import Scene
from tests.factories import PersonFactory, ReservationFactory, SlotFactory
from tests.waiting_room.test_batched_joins import Answer, Request
from waiting_room import health
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


@pytest.fixture(autouse=True)
def _lists_are_kept(monkeypatch):
    """For longer than their second, which a busy machine may need for less than a test."""
    for cache in availability.all_caches:
        monkeypatch.setattr(cache, "_seconds", 600)


@pytest.fixture
def slot(clock) -> Slot:
    clock.freeze()
    return SlotFactory(capacity=9)


@pytest.fixture(params=["one dose", "two doses"])
def either_slot(request, clock) -> Slot:
    clock.freeze()
    slot = SlotFactory(capacity=9, double=request.param == "two doses")
    for days in (28, 21):
        later = slot.starts_at + timedelta(days=days)
        SlotFactory(clinic=slot.clinic, vaccine=slot.vaccine, starts_at=later, capacity=9)
    return slot


def fast(
    scene: Scene, where: str, form: dict[str, Any] | None = None, **more: Any
) -> HttpResponse | None:
    """The fast path's own answer to a browser's request, of a page or of a form."""
    values = SAME_SITE | more
    method = values.pop("method", "get" if form is None else "post")
    factory = RequestFactory(headers={"accept-language": "en"})
    factory.cookies = scene.browser.cookies
    body = "&".join(f"{key}={value}" for key, value in (form or {}).items())
    kind = values.pop("content_type", "application/x-www-form-urlencoded")
    address = where if where.startswith("/") else reverse(where)
    request = factory.generic(method.upper(), address, body, kind, **values)
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
    scene.browser.cookies["csrftoken"] = "t" * 32
    # A list and its slots are known to the process that showed them.
    scene.browser.get(reverse("booking"))
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


def in_language(language: str, letters: str, *scenes: Scene) -> None:
    for scene in scenes:
        scene.browser.cookies["jari_language"] = language
        scene.browser.cookies["jari_letters"] = letters
        scene.browser.get(reverse("booking"))


@pytest.mark.parametrize(("language", "letters"), [("ko", "normal"), ("en", "large")])
def test_a_booking_is_that_of_the_views_in_answers_and_rows(either_slot, language, letters):
    one, other = scene_at(either_slot), scene_at(either_slot)
    in_language(language, letters, one, other)
    own = {"headers": {"sec-fetch-site": "same-origin"}}
    sent = {"csrfmiddlewaretoken": "x", "slot": either_slot.pk}

    assert shown(fast(one, "booking")) == shown(other.browser.get(reverse("booking"), **own))
    held = fast(one, "hold", sent)
    viewed = other.browser.post(reverse("hold"), sent, **own)

    assert shown(held) == shown(viewed)
    keys = list(dict.fromkeys(row.key for row in Reservation.objects.order_by("pk")))
    confirm = {"csrfmiddlewaretoken": "x", "channel": "sms", "email": ""}

    booked = fast(one, "confirm", confirm | {"key": keys[0]})
    confirmed = other.browser.post(reverse("confirm"), confirm | {"key": keys[1]}, **own)

    assert shown(booked) == shown(confirmed)
    receipt = fast(one, booked.headers["Location"])
    assert shown_receipt(receipt) == shown_receipt(other.browser.get(confirmed.url, **own))
    mine = Reservation.objects.filter(key=keys[0]).order_by("dose")
    assert booked.headers["Location"] == f"/reservations/{mine[0].number}/"
    assert [row.status for row in mine] == ["confirmed"] * either_slot.vaccine.doses
    for table in rows():
        assert table[: len(table) // 2] == table[len(table) // 2 :]
    either_slot.refresh_from_db()
    assert either_slot.booked == 2


def shown_receipt(response: HttpResponse) -> tuple[Any, ...]:
    """A receipt without the number and its picture, whose length differs."""
    status, headers, text, cookies = shown(response)
    headers.pop("content-length")
    number = r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{2}"
    return status, headers, re.sub(rf'{number}|<path stroke="#000" d="[^"]+"', "", text), cookies


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
    "of a vaccine not shown": ({}, lambda scene: SlotFactory(double=True)),
    "at a closed clinic": ({}, lambda scene: Clinic.objects.update(active=False)),
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


def test_without_a_second_time_a_hold_of_two_doses_is_left_to_the_views(clock):
    clock.freeze()
    slot = SlotFactory(capacity=9, double=True)

    assert fast(scene_at(slot), "hold", {"slot": slot.pk}) is None
    assert not Reservation.objects.exists()


def vietnamese(scene: Scene) -> None:
    scene.browser.cookies["jari_language"] = "vi"


def move(scene: Scene, district: str) -> None:
    Person.objects.filter(pk=scene.person.pk).update(district=district)


LEFT_LISTS: dict[str, tuple[dict[str, Any], Callable[[Scene], Any] | None]] = {
    "searched": ({"QUERY_STRING": "part=morning"}, None),
    "of the script": ({"HTTP_X_JARI_PART": "content"}, None),
    "its head": ({"method": "head"}, None),
    "to be read anew": ({}, lambda scene: availability.clear_caches()),
    "in a language not rendered yet": ({}, vietnamese),
    "signed out": ({}, lambda scene: sign_out_everywhere(scene.person.pk)),
    "ended": ({}, lambda scene: end_admission(admission=scene.admission, ending=Ending.LEFT)),
    "of a person without a district": ({}, lambda scene: move(scene, "")),
    "of a district without clinics": ({}, lambda scene: move(scene, "없는구")),
}


def test_a_list_that_changed_is_rendered_for_one_reader_and_kept_for_all(slot):
    scene = scene_at(slot)
    before = fast(scene, "booking")
    Slot.objects.filter(pk=slot.pk).update(capacity=3)
    [(search, (_since, result))] = finding._results._entries.items()
    availability.clear_caches()
    finding._results._entries[search] = -1e9, result
    finding.find(search)  # as a thread does after a second

    first, second = fast(scene, "booking"), fast(scene, "booking")
    page = scene.browser.get(reverse("booking"), headers={"sec-fetch-site": "same-origin"})
    after = fast(scene, "booking")

    assert first is None
    assert shown(second) == shown(before)
    assert shown(after) == shown(page) != shown(before)


@pytest.mark.parametrize("why", LEFT_LISTS)
def test_an_unusual_list_is_left_to_the_views(slot, why):
    scene = scene_at(slot)
    more, prepare = LEFT_LISTS[why]
    assert fast(scene, "booking").status_code == 200
    if prepare:
        prepare(scene)

    assert fast(scene, "booking", **more) is None


def test_with_an_appointment_the_list_leads_on_as_in_the_view(slot):
    scene = scene_at(slot)
    ReservationFactory(person=scene.person)

    [led, viewed] = [fast(scene, "booking"), scene.browser.get(reverse("booking"))]

    assert shown(led) == shown(viewed)
    assert led.headers["Location"] == reverse("second")


def test_when_the_time_inside_is_over_everything_is_left_to_the_views(slot, clock):
    scene = scene_at(slot)
    clock.forward(minutes=16)

    assert fast(scene, "booking") is None
    assert fast(scene, "hold", {"slot": slot.pk}) is None


def booked_by_staff(reservation: Reservation) -> None:
    Reservation.objects.filter(pk=reservation.pk).update(by="staff:7")


LEFT_RECEIPTS: dict[str, Callable[[Scene, Reservation], Any]] = {
    "cancelled": lambda scene, row: cancel_reservation(reservation=row, by="citizen"),
    "by staff": lambda scene, row: booked_by_staff(row),
    "signed out": lambda scene, row: sign_out_everywhere(scene.person.pk),
    "not signed in": lambda scene, row: scene.browser.cookies.clear(),
    "of somebody else": lambda scene, row: Reservation.objects.update(person=PersonFactory()),
}


@pytest.mark.parametrize("why", LEFT_RECEIPTS)
def test_an_unusual_receipt_is_left_to_the_views(slot, why):
    scene = scene_at(slot)
    row = ReservationFactory(person=scene.person, slot=slot)
    address = f"/reservations/{row.number}/"
    assert fast(scene, address).status_code == 200
    assert fast(scene, address, QUERY_STRING="history=1") is None
    assert fast(scene, address.lower()) is None

    LEFT_RECEIPTS[why](scene, row)

    assert fast(scene, address) is None


def test_what_the_event_loop_answers_slows_the_line_and_is_counted(slot, monkeypatch):
    scene = scene_at(slot)
    monkeypatch.setattr(health, "FLUSH_SECONDS", 0)
    monkeypatch.setattr(health, "client", lambda: redis.Redis.from_url(settings.REDIS_URL))
    fast(scene, "booking")  # takes along what was counted before
    before = health.minute_of(known_now())["requests"]

    fast(scene, "booking")

    assert health.minute_of(known_now())["requests"] == before + 1


def test_an_answer_has_the_id_of_its_proxy(slot, settings):
    settings.PROXIES = 1
    name = "0123456789abcdef"

    response = fast(scene_at(slot), "booking", HTTP_X_REQUEST_ID=name)

    assert response.headers["X-Request-ID"] == name


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


def test_a_hold_that_waits_too_long_for_its_slot_is_given_up(slot, monkeypatch):
    scene = scene_at(slot)
    monkeypatch.setattr("database.links.PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr("database.links.LOOK_SECONDS", 0.02)

    with transaction.atomic():
        lock_slots([slot.pk])
        assert fast(scene, "hold", {"slot": slot.pk}) is None


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
