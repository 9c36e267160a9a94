"""The page of a draw says at every moment what is awaited, until when, and what follows."""

from datetime import timedelta

import pytest
from django.test import Client

from eligibility.enums import Order
from tests.clock import Clock
from tests.markup import flat
from tests.waiting_room.scene import join, make_room, tick
from waiting_room import draw
from waiting_room.enums import DrawSource
from waiting_room.models import Room
from waiting_room.services import drawing, rooms

pytestmark = pytest.mark.django_db

LATE = "The number is late. Nobody is called until it comes, and every place is kept."
SECRETS = {"Health office": "00" * 32, "Newspaper": "01" * 32}


def a_draw(clock: Clock, source: str, *, statement: str = "") -> Room:
    """Three people gather at 19:50; the doors open at 20:00, and the number is due at 20:00:06."""
    opens_at = clock.at("20:00")
    clock.forward(hours=-2)
    joins_from = opens_at - timedelta(hours=1)
    room = make_room(order=Order.DRAW, opens_at=opens_at, joins_from=joins_from)
    rooms.set_draw_plan(room=room, source=source, statement=statement, after=6, by="staff:1")
    if source == DrawSource.OFFICERS:
        for name, secret in SECRETS.items():
            hidden = draw.commitment(bytes.fromhex(secret))
            rooms.add_officer(room=room, name=name, commitment=hidden, by="staff:1")
    clock.move_to(opens_at - timedelta(minutes=10))
    for _ in range(3):
        join(room)
    return tick(room)


def closed(room: Room, clock: Clock, **later: float) -> Room:
    clock.move_to(room.cohort.opens_at)
    tick(room)
    clock.forward(**later)
    return tick(room)


def page_of(room: Room) -> str:
    answer = Client(headers={"Accept-Language": "en"}).get(f"/queue/{room.cohort.code}/draw/")
    assert answer.status_code == 200
    return flat(answer)


def test_while_people_gather_it_says_when_the_list_is_closed(clock):
    text = page_of(a_draw(clock, DrawSource.STATED, statement="Lotto 1234"))

    assert "The list is closed at 20:00. The number and the seed then stand here." in text
    assert "Lotto 1234" in text
    assert "jari-notice" not in text


def test_a_closed_list_names_the_time_of_its_number(clock):
    room = closed(a_draw(clock, DrawSource.STATED, statement="Lotto 1234"), clock, seconds=2)

    text = page_of(room)

    assert "The list is closed. The number that mixes it comes at 20:00:06." in text
    assert LATE not in text


def test_a_late_number_is_said_with_the_way_out_of_the_plan(clock):
    late = closed(a_draw(clock, DrawSource.OFFICERS, statement="Lotto 1234"), clock, minutes=1)
    assert LATE in page_of(late)
    assert (
        "If it has not come by 20:10:06, the plan allows this value in its place, and the log says "
        "so: Lotto 1234." in page_of(late)
    )


def test_a_late_number_without_a_way_out_is_waited_for(clock):
    late = closed(a_draw(clock, DrawSource.OFFICERS), clock, minutes=1)

    text = page_of(late)

    assert LATE in text
    assert "The plan names no other number in its place, so the line waits for this one." in text


def test_it_says_which_officer_has_opened_a_secret(clock):
    room = closed(a_draw(clock, DrawSource.OFFICERS), clock, minutes=1)
    drawing.open_secret(room=room, name="Newspaper", secret=SECRETS["Newspaper"], by="staff:1")

    text = page_of(room)

    assert text.index("secret of Health office") < text.index("Secret not opened yet")
    assert text.index("secret of Newspaper") < text.index("Secret opened")


def test_a_draw_that_was_held_shows_its_inputs_by_names(clock):
    room = closed(a_draw(clock, DrawSource.STATED, statement="Lotto 1234"), clock, seconds=10)
    drawing.state_value(room=room, value="3 8 15", by="staff:1")
    room = tick(room)

    text = page_of(room)

    assert room.seed in text
    assert '<dt>Public value as it was entered</dt><dd class="jari-mono">3 8 15</dd>' in text
    assert "<dt>Secret of the portal</dt>" in text
    assert "jari-notice is-" not in text


def test_a_draw_that_waits_for_its_witnesses_says_until_when(clock, start):
    start("city", "newspaper", quorum=2)
    room = closed(a_draw(clock, DrawSource.SAMPLE), clock, seconds=30)

    text = page_of(room)

    assert "The draw waits for the witnesses. Every place is kept." in text
    assert "at 20:05:00 at the latest, the draw is held" in text
    assert LATE not in text


def test_a_line_that_was_closed_awaits_nothing(clock):
    room = closed(a_draw(clock, DrawSource.OFFICERS), clock, minutes=1)
    rooms.close_room(room=room, by="staff:1")

    assert LATE not in page_of(tick(room))
