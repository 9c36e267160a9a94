import json
import threading

import pytest
from django.db import OperationalError
from django.test import Client

from tests.waiting_room.scene import join, make_room, tick
from waiting_room.models import Board
from waiting_room.now_cache import NowCache
from waiting_room.now_document import encode

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_board(monkeypatch):
    board = NowCache()
    monkeypatch.setattr("waiting_room.now_cache.documents", board)
    return board


def path(room) -> str:
    return f"/queue/{room.cohort.code}/now.json"


def test_the_document_is_the_one_the_tick_published():
    room = make_room()
    join(room)
    room = tick(room)

    response = Client().get(path(room))

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "public, max-age=1"
    assert "Set-Cookie" not in response.headers
    assert response.content == encode(room.board.document)
    assert set(json.loads(response.content)) == {
        "room", "state", "time", "joins_from", "opens_at", "closes_at", "order", "issued",
        "serving", "frozen", "per_minute", "poll_seconds", "polls", "waits", "no_number",
        "score", "left", "booked", "log", "message", "drawing", "witnessing",
    }  # fmt: skip


def test_nothing_personal_is_in_it():
    room = make_room()
    ticket = join(room)

    body = Client().get(path(tick(room))).content.decode()

    assert str(ticket.pk) not in body
    assert str(ticket.person.name) not in body


def test_a_poll_costs_no_query_within_the_second(django_assert_num_queries):
    room = make_room()
    client = Client()
    with django_assert_num_queries(1):
        client.get(path(room))

    with django_assert_num_queries(0):
        for _poll in range(10):
            assert client.get(path(room)).status_code == 200


def test_who_has_the_document_already_gets_no_body():
    room = make_room()
    first = Client().get(path(room))

    again = Client().get(path(room), headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.content) == (304, b"")


def test_the_last_document_is_served_while_the_database_is_gone(monkeypatch, fresh_board):
    room = make_room()
    before = Client().get(path(room))
    monkeypatch.setattr("waiting_room.now_cache.FRESH_SECONDS", 0)
    monkeypatch.setattr(fresh_board, "_read", gone)

    after = Client().get(path(room))

    assert (after.status_code, after.content) == (200, before.content)


def test_a_process_that_starts_without_a_database_finds_the_file(
    monkeypatch, fresh_board, settings, tmp_path
):
    settings.HOME = tmp_path
    room = make_room()
    monkeypatch.setattr(fresh_board, "_read", gone)

    assert Client().get(path(room)).json()["room"] == room.cohort.code


def gone(code):
    raise OperationalError("the database is gone")


def test_an_unknown_room_is_not_found_and_asked_for_once(django_assert_max_num_queries):
    for code in ["no-such-room", "UPPER", "x" * 60]:
        assert Client().get(f"/queue/{code}/now.json").status_code == 404


def test_other_letters_and_slashes_lead_nowhere():
    room = make_room()

    for wrong in [
        f"/QUEUE/{room.cohort.code}/now.json",
        f"/queue//{room.cohort.code}/now.json",
        f"/queue/{room.cohort.code}/NOW.JSON",
        f"/queue/{room.cohort.code.upper()}/now.json",
    ]:
        assert Client().get(wrong).status_code == 404


def test_one_thread_asks_and_the_others_go_on_with_what_is_known(monkeypatch, fresh_board):
    room = make_room()
    fresh_board.get(room.cohort.code)
    monkeypatch.setattr("waiting_room.now_cache.FRESH_SECONDS", 0)
    asking, answer = threading.Event(), threading.Event()

    def slow(code):
        asking.set()
        answer.wait(30)
        return {"fresh": True}

    monkeypatch.setattr(fresh_board, "_read", slow)
    thread = threading.Thread(target=fresh_board.get, args=[room.cohort.code])
    thread.start()
    asking.wait(30)

    meanwhile = fresh_board.get(room.cohort.code).content
    answer.set()
    thread.join(30)

    assert meanwhile == Board.objects.get(room=room).document
