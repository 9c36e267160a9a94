"""Close first, then draw: the number comes after the list is closed, by the rule of the plan."""

import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db import transaction
from django.utils import timezone, translation

from eligibility.enums import Order
from eligibility.models import Cohort
from tests.waiting_room.scene import join, make_room, tick
from waiting_room import beacon, draw
from waiting_room.enums import DrawSource, State
from waiting_room.exceptions import CantChange
from waiting_room.models import Room
from waiting_room.offline import verify_line
from waiting_room.services import drawing, rooms
from waiting_room.services.drawing import open_secret, state_value
from waiting_room.services.publishing import log_lines

pytestmark = pytest.mark.django_db
# Round 1000 of quicknet, as published.
ROUND = 1000
SIGNATURE = (
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125"
    "e342b73a8dd2bacbe47e4b6b63ed5e39"
)
NUMBER = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"
SECRETS = {"Health office": "00" * 32, "Newspaper": "01" * 32}


@pytest.fixture(autouse=True)
def _in_english():
    with translation.override("en"):
        yield


def planned_room(source: str, *, statement: str = "", officers=()) -> Room:
    """A room whose rule is set before anybody may join, in which three people gather."""
    opens_at = timezone.now() + timedelta(hours=2)
    joins_from = timezone.now() + timedelta(hours=1)
    room = make_room(order=Order.DRAW, opens_at=opens_at, joins_from=joins_from)
    rooms.set_draw_plan(room=room, source=source, statement=statement, by="staff:1")
    for name in officers:
        commitment = draw.commitment(bytes.fromhex(SECRETS[name]))
        rooms.add_officer(room=room, name=name, commitment=commitment, by="staff:1")
    Room.objects.filter(pk=room.pk).update(joins_from=timezone.now() - timedelta(minutes=1))
    room.refresh_from_db()
    for _ in range(3):
        join(room)
    return room


def close_list(room: Room) -> Room:
    Cohort.objects.filter(pk=room.cohort_id).update(opens_at=timezone.now() - timedelta(seconds=1))
    return tick(room)


def report_of(room: Room):
    text = "".join(log_lines(room)).splitlines(keepends=True)
    return verify_line.check(verify_line.rows_of(text))


def test_the_list_is_closed_and_published_before_the_number_exists():
    room = close_list(planned_room(DrawSource.SAMPLE))
    document, size = room.board.document, room.pages.count()

    assert (room.frozen_count, room.seed, room.place_of(1)) == (3, "", None)
    assert (document["state"], document["frozen"]) == (State.DRAWING, None)
    assert document["drawing"]["count"] == 3
    assert room.line.serving == 0
    acts = list(room.steps.order_by("pk").values_list("act", flat=True))
    assert (acts[-1], "reveal" in acts) == ("freeze", False)

    drawn = tick(room)

    assert drawn.pages.count() == size + 1
    assert sorted(drawn.place_of(entry) for entry in (1, 2, 3)) == [1, 2, 3]
    assert drawn.board.document["drawing"] is None
    assert drawn.board.document["frozen"]["seed"] == drawn.seed
    report = report_of(drawn)
    assert report.troubles == []
    assert any("MADE UP" in note for note in report.notes)


def test_a_made_up_number_is_refused_outside_the_sample(settings):
    settings.SAMPLE_DRAWS = False
    room = make_room(
        order=Order.DRAW,
        opens_at=timezone.now() + timedelta(hours=2),
        joins_from=timezone.now() + timedelta(hours=1),
    )

    with pytest.raises(CantChange, match="sample"):
        rooms.set_draw_plan(room=room, source=DrawSource.SAMPLE, by="staff:1")


def test_the_rule_stands_once_people_may_join():
    room = planned_room(DrawSource.STATED, statement="Lotto 1234")

    for change in (
        lambda: rooms.set_draw_plan(room=room, source=DrawSource.DRAND, by="staff:1"),
        lambda: rooms.add_officer(room=room, name="A", commitment="ab" * 32, by="staff:1"),
    ):
        with pytest.raises(CantChange):
            change()
    room.refresh_from_db()
    assert (room.draw_source, room.officers.count()) == (DrawSource.STATED, 0)


def test_officers_open_what_they_committed_to_and_the_last_one_fixes_the_order():
    room = close_list(planned_room(DrawSource.OFFICERS, officers=SECRETS))
    with pytest.raises(CantChange, match="committed"):
        open_secret(room=room, name="Newspaper", secret="ff" * 32, by="staff:1")
    open_secret(room=room, name="Newspaper", secret="01" * 32, by="staff:1")
    waiting = tick(room)
    assert waiting.drawn_at is None

    open_secret(room=room, name="Health office", secret="00" * 32, by="staff:2")
    drawn = tick(room)

    assert drawn.drawn_at is not None
    assert "officer Newspaper=" + "01" * 32 in drawn.draw_inputs.split("\n")
    report = report_of(drawn)
    assert report.troubles == []
    assert "All 2 officers opened what they had committed to." in report.notes


def test_no_secret_is_taken_before_the_list_is_closed():
    room = planned_room(DrawSource.OFFICERS, officers=SECRETS)

    with pytest.raises(CantChange, match="after the list is closed"):
        open_secret(room=room, name="Newspaper", secret="01" * 32, by="staff:1")


def test_a_withheld_secret_holds_the_line_until_the_way_out_of_the_plan_is_open():
    room = planned_room(DrawSource.OFFICERS, officers=SECRETS, statement="Lotto 1234")
    room = close_list(room)
    open_secret(room=room, name="Newspaper", secret="01" * 32, by="staff:1")
    with pytest.raises(CantChange, match="ten minutes"):
        state_value(room=room, value="4 8 15", by="staff:1")
    long_ago = timezone.now() - drawing.PATIENCE - timedelta(minutes=1)
    moved = Room.objects.filter(pk=room.pk)
    with pytest.raises(Exception, match="Cannot update"), transaction.atomic():
        moved.update(frozen_at=long_ago)  # the moment itself can't be moved

    assert tick(room).line.serving == 0


def test_a_stated_value_counts_only_if_the_plan_names_it_and_only_once():
    room = close_list(planned_room(DrawSource.STATED, statement="Lotto 1234, ascending"))

    state_value(room=room, value=" 4  8 15 ", by="staff:1")
    with pytest.raises(CantChange, match="Another value"):
        state_value(room=room, value="1 2 3", by="staff:1")
    drawn = tick(room)

    assert "stated=4 8 15" in drawn.draw_inputs.split("\n")
    report = report_of(drawn)
    assert report.troubles == []
    assert any("Lotto 1234, ascending" in note for note in report.notes)


def test_rounds_follow_the_rule():
    at = beacon.time_of(ROUND)

    assert beacon.round_after(at) == ROUND
    assert beacon.round_after(at + timedelta(microseconds=1)) == ROUND + 1
    assert beacon.round_after(at - timedelta(seconds=2)) == ROUND
    assert beacon.round_after(beacon.GENESIS - timedelta(days=1)) == 1
    assert verify_line.first_round_after(int(at.timestamp() * 1e6)) == ROUND
    assert verify_line.first_round_after(int(at.timestamp() * 1e6) + 1) == ROUND + 1


def test_a_beacon_is_what_its_signature_says():
    assert beacon.randomness_of(ROUND, SIGNATURE) == NUMBER
    for number, signature in [(ROUND + 1, SIGNATURE), (ROUND, SIGNATURE[:-2] + "38"), (ROUND, "")]:
        with pytest.raises(beacon.BadBeacon):
            beacon.randomness_of(number, signature)


@pytest.fixture
def relay(settings, monkeypatch):
    """A relay of drand on loopback: answers what `answers` holds, and remembers who asked."""
    answers: list[tuple[int, bytes]] = []
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            status, body = answers[min(len(asked), len(answers)) - 1]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.DRAND_URLS = [f"http://127.0.0.1:{server.server_port}"] * 2
    # The only round whose signature can stand in a file; the rule is tested above.
    monkeypatch.setattr(drawing, "_round", lambda room: ROUND)
    monkeypatch.setattr(drawing, "due_at", lambda room: timezone.now() - timedelta(seconds=1))
    yield answers, asked
    server.shutdown()
    server.server_close()


GOOD = f'{{"round": 1000, "signature": "{SIGNATURE}"}}'.encode()
# Round 1 of quicknet, as published.
OLDER = (
    b'{"round": 1000, "signature": "b55e7cb2d5c613ee0b2e28d6750aabbb78c39dcc96bd9d38'
    b'c2c2e12198df95571de8e8e402a0cc48871c7089a2b3af4b"}'
)


@pytest.mark.parametrize(
    "first",
    [
        (500, b""),
        (200, b"not json"),
        (200, b"[]"),
        (200, b'{"signature": 7}'),
        (200, GOOD.replace(b"ed5e39", b"ed5e38")),
        (200, GOOD.replace(b"ed5e39", b"")),
        (200, GOOD.replace(b"ed5e39", b"ed5e3")),
        (200, GOOD.replace(b"ed5e39", b"ed5e3x")),
        (200, GOOD[:-20]),
        (200, OLDER),
        (302, GOOD),
    ],
)
def test_a_relay_that_answers_wrongly_is_passed_over(relay, first):
    answers, asked = relay
    answers += [first, (200, GOOD)]
    room = close_list(planned_room(DrawSource.DRAND))

    fetched = drawing.fetch_beacons()

    assert fetched == 1
    assert len(asked) == 2
    assert asked[0] == f"/{beacon.QUICKNET}/public/{ROUND}"
    room.refresh_from_db()
    assert room.beacon_signature == SIGNATURE
    drawn = tick(room)
    assert f"beacon={NUMBER}" in drawn.draw_inputs.split("\n")


def test_without_the_beacon_nobody_is_called_and_the_room_says_that_it_is_late(relay):
    answers, _asked = relay
    answers.append((503, b""))
    room = close_list(planned_room(DrawSource.DRAND))

    assert drawing.fetch_beacons() == 0

    waiting = tick(room)
    assert (waiting.drawn_at, waiting.line.serving) == (None, 0)
    assert waiting.board.document["state"] == State.DRAWING
    assert [waiting.place_of(entry) for entry in (1, 2, 3)] == [None, None, None]


def test_a_draw_that_was_held_can_not_be_changed():
    room = tick(close_list(planned_room(DrawSource.SAMPLE)))

    for change in ({"seed": "00" * 32}, {"draw_inputs": "x"}, {"drawn_at": None}):
        with pytest.raises(Exception, match="Cannot update"), transaction.atomic():
            Room.objects.filter(pk=room.pk).update(**change)


def test_a_room_that_was_closed_before_its_opening_is_not_frozen_afterwards():
    room = planned_room(DrawSource.SAMPLE)
    tick(room)
    rooms.close_room(room=room, by="staff:1")

    room = close_list(room)

    assert room.frozen_at is None
    assert room.steps.order_by("pk").last().act == "close"
    assert report_of(tick(room)).troubles == []


def test_a_room_that_was_closed_before_its_draw_holds_none():
    room = close_list(planned_room(DrawSource.OFFICERS, officers=SECRETS))
    rooms.close_room(room=room, by="staff:1")

    with pytest.raises(CantChange, match="after the list is closed and before the draw"):
        open_secret(room=room, name="Newspaper", secret="01" * 32, by="staff:1")
    with pytest.raises(CantChange, match="closed"):
        rooms.set_draw_plan(room=room, source=DrawSource.SAMPLE, by="staff:1")

    room = tick(room)
    assert (room.drawn_at, room.steps.order_by("pk").last().act) == (None, "close")
    assert report_of(tick(room)).troubles == []


def test_no_beacon_is_fetched_for_a_room_that_was_closed(relay):
    answers, asked = relay
    answers.append((200, GOOD))
    room = close_list(planned_room(DrawSource.DRAND))
    rooms.close_room(room=room, by="staff:1")

    assert (drawing.fetch_beacons(), asked) == (0, [])
