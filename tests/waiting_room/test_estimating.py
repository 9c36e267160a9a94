"""Waiting times as the tick works them out, says, keeps and scores them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tests.roles import past_triggers
from tests.waiting_room.scene import back_in_time, join, make_room, tick
from tests.waiting_room.test_pages import browser, fresh_board, page  # noqa: F401
from waiting_room import now_document
from waiting_room.models import Board, Estimate, Room, Step
from waiting_room.services import estimating, rooms

pytestmark = pytest.mark.django_db


def with_a_past(*, minutes: int = 20, per_minute: int = 10) -> Room:
    """A room that has been calling so many a minute for so long, and has more than that to go."""
    room = make_room(max_active=100_000, max_per_minute=per_minute)
    now = timezone.now()
    calls = [
        Step(
            room=room,
            at=now - timedelta(minutes=minutes) + timedelta(seconds=6 * number),
            act="call",
            first=number,
            last=number,
        )
        for number in range(1, minutes * per_minute + 1)
    ]
    Step.objects.bulk_create(calls)
    with past_triggers() as cursor:
        cursor.execute(
            "UPDATE waiting_room_room SET frozen_at = %s WHERE id = %s",
            [now - timedelta(minutes=minutes), room.pk],
        )
        cursor.execute("SELECT setval(%s, %s)", [room.entry_sequence, len(calls)])
    room.line.serving = len(calls)
    room.line.save()
    Board.objects.filter(room=room).update(estimates={})
    for _ in range(100):
        join(room)
    back_in_time(room, 0)
    return tick(room)


def test_the_document_gives_ranges_that_hold_the_steady_pace():
    room = with_a_past()

    rows = room.board.document["waits"]

    assert room.board.document["no_number"] == ""
    low, high = next((low, high) for distance, low, high in rows if distance == 50)
    assert low < 300 < high < 600
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)


def test_the_page_says_the_range_in_words():
    room = with_a_past()
    ticket = room.tickets.order_by("-entry").first()

    assert "minutes" in page(browser(ticket.person), ticket).split("Waiting time")[1][:60]


def test_no_number_is_given_without_a_past():
    room = make_room()
    join(room)

    document = tick(room).board.document

    assert (document["waits"], document["no_number"]) == ([], "too_little_history")


def test_a_pause_takes_the_number_away_at_once_and_gives_it_back():
    room = with_a_past()

    rooms.pause_room(room=room, by="staff:1")
    paused = tick(room).board.document
    rooms.resume_room(room=room, by="staff:1")
    resumed = tick(room).board.document

    assert (paused["waits"], paused["no_number"]) == ([], "paused")
    assert resumed["no_number"] == ""


def test_a_pace_that_stopped_is_said_instead_of_a_number():
    room = with_a_past()
    with past_triggers() as cursor:
        cursor.execute("UPDATE waiting_room_step SET at = at - interval '10 minutes'")
        cursor.execute("UPDATE waiting_room_room SET frozen_at = frozen_at - interval '10 minutes'")
    Board.objects.filter(room=room).update(estimates={})
    room.line.refresh_from_db()
    back_in_time(room, 0)

    document = tick(room).board.document

    assert (document["waits"], document["no_number"]) == ([], "stalled")


def test_what_was_said_is_kept_and_scored_when_the_place_is_called(monkeypatch):
    room = with_a_past()
    assert Estimate.objects.filter(called_at=None).count() == len(room.board.document["waits"])
    given = Estimate.objects.order_by("place").last()
    with connection.cursor() as cursor:
        # Said ten minutes ago, and it came to pass just now.
        cursor.execute("UPDATE waiting_room_estimate SET given_at = given_at - interval '10 min'")
    estimating.score_called(room, serving=given.place, now=timezone.now())
    Board.objects.filter(room=room).update(estimates={})

    document = tick(room).board.document

    held = Estimate.objects.filter(low__lte=600, high__gte=600).exclude(called_at=None).count()
    every = Estimate.objects.exclude(called_at=None).count()
    assert document["score"]["count"] == every > 0
    assert document["score"]["held"] == round(held / every, 3)
    address, told = f"/queue/{room.cohort.code}/", f"of the last {every} waiting times we gave came"
    assert told not in browser().get(address).content.decode()  # too few to tell by
    monkeypatch.setattr(now_document, "LEAST_SCORED", every)
    assert told in browser().get(address).content.decode()


def test_waiting_times_are_worked_out_every_quarter_of_a_minute_not_every_tick():
    room = with_a_past()
    first = room.board.estimates["at"]

    again = tick(room).board.estimates["at"]
    Board.objects.filter(room=room).update(estimates=room.board.estimates | {"at": first - 16})
    later = tick(room).board.estimates["at"]

    assert first == again < later


def test_drift_raises_an_alarm(caplog):
    room = with_a_past()
    now = timezone.now()
    Estimate.objects.bulk_create(
        Estimate(
            room=room,
            given_at=now - timedelta(minutes=30),
            place=number,
            low=60,
            high=120,
            called_at=now,
        )
        for number in range(60)
    )
    Board.objects.filter(room=room).update(estimates={})

    tick(room)

    assert "of the waiting times held" in caplog.text
