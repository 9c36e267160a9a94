"""Slow or failing booking pages slow the calling down; Redis gone leaves it alone."""

import pytest
from django.db import OperationalError
from django.http import Http404, HttpResponse
from django.test import RequestFactory
from redis import ConnectionError as RedisGone

from tests.waiting_room.scene import back_in_time, called, join, make_room, tick
from tests.waiting_room.test_pages import browser
from waiting_room import health
from waiting_room.decorators import admitted, booking_page
from waiting_room.models import Line
from waiting_room.reasons import sentences
from waiting_room.services import entering

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_tally(monkeypatch):
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
    assert any("Slowed" in text or "낮춤" in text for text in sentences(room.board.reasons))


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


def test_whoever_passes_the_guard_is_measured(fresh_tally, monkeypatch):
    ticket = called(make_room())
    entering.enter(ticket=ticket)
    monkeypatch.setattr(health, "FLUSH_SECONDS", float("inf"))
    request = RequestFactory().get("/booking/")
    request.COOKIES = {key: morsel.value for key, morsel in browser(ticket.person).cookies.items()}

    def broken(request, admission):
        raise ValueError("broken")

    inside = booking_page(admitted)(lambda request, admission: HttpResponse(admission.pk))
    assert inside(request).status_code == 200
    with pytest.raises(ValueError, match="broken"):
        booking_page(admitted)(broken)(request)
    away = booking_page(admitted)(lambda request, admission: HttpResponse(status=503))
    assert away(request).status_code == 503

    assert (fresh_tally._requests, fresh_tally._errors) == (3, 2)


def test_visitors_who_are_turned_away_say_nothing_about_booking(fresh_tally, monkeypatch):
    monkeypatch.setattr(health, "FLUSH_SECONDS", float("inf"))

    def nowhere(request):
        raise Http404

    turned_away = booking_page(admitted)(broken_view)(RequestFactory().get("/booking/"))
    with pytest.raises(Http404):
        booking_page(nowhere)(broken_view)(RequestFactory().get("/booking/"))

    assert (turned_away.status_code, fresh_tally._requests) == (403, 0)


def test_a_guard_that_fails_is_a_failure_of_booking(fresh_tally, monkeypatch):
    monkeypatch.setattr(health, "FLUSH_SECONDS", float("inf"))

    def without_database(request):
        raise OperationalError

    with pytest.raises(OperationalError):
        booking_page(without_database)(broken_view)(RequestFactory().get("/booking/"))

    assert (fresh_tally._requests, fresh_tally._errors) == (1, 1)


def broken_view(request, **values):
    raise AssertionError("Nobody passes.")
