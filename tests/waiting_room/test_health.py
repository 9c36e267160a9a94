"""Slow or failing booking pages slow the calling down; Redis gone leaves it alone."""

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from redis import ConnectionError as RedisGone

from tests.waiting_room.scene import back_in_time, called, join, make_room, tick
from tests.waiting_room.test_pages import browser
from waiting_room import health, services
from waiting_room.decorators import admission_required
from waiting_room.models import Line
from waiting_room.reasons import in_words

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_tally(monkeypatch):
    import django_rq

    django_rq.get_connection("line").flushdb()
    tally = health.Tally()
    tally._flushed_at = 0
    monkeypatch.setattr(health, "tally", tally)
    monkeypatch.setattr(health, "FLUSH_SECONDS", 0)
    return tally


def book(requests: int, *, seconds: float = 0.01, failed: bool = False) -> None:
    for _request in range(requests):
        health.tally.add(seconds, failed=failed)


def paced_room():
    room = make_room(max_per_minute=600, max_active=10_000)
    for _ in range(3):
        join(room)
    Line.objects.filter(room=room).update(pace=300)
    back_in_time(room, 5)
    return room


def test_what_booking_needs_is_known_over_all_processes():
    book(30, seconds=0.2)
    book(10, seconds=0.2, failed=True)

    assert health.lately() == (pytest.approx(0.2), 0.25)


def test_too_few_requests_say_nothing():
    book(5, seconds=9)

    assert health.lately() == (None, None)


@pytest.mark.parametrize("trouble", [{"seconds": 2.0}, {"failed": True}])
def test_trouble_in_booking_slows_the_calling(trouble):
    room = paced_room()
    book(40, **trouble)

    room = tick(room)

    assert room.line.pace < 300
    assert any("Slowed" in text or "낮춤" in text for text in in_words(room.board.reasons))


def test_good_answers_raise_the_pace_by_steps():
    room = paced_room()
    book(40)

    assert 300 < tick(room).line.pace <= 330


def test_without_redis_the_line_goes_on(monkeypatch):
    def gone(*_args):
        raise RedisGone

    room = paced_room()
    monkeypatch.setattr("waiting_room.health.client", gone)
    book(40)

    room = tick(room)

    assert room.line.serving == 3


def test_every_booking_page_is_measured(fresh_tally, monkeypatch):
    ticket = called(make_room())
    services.enter(ticket=ticket)
    monkeypatch.setattr(health, "FLUSH_SECONDS", float("inf"))
    request = RequestFactory().get("/booking/")
    request.COOKIES = {key: morsel.value for key, morsel in browser(ticket.person).cookies.items()}

    def broken(request):
        raise ValueError("broken")

    assert admission_required(lambda request: HttpResponse("in"))(request).content == b"in"
    with pytest.raises(ValueError, match="broken"):
        admission_required(broken)(request)

    assert (fresh_tally._requests, fresh_tally._errors) == (2, 1)
