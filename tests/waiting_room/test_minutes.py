"""What the ticks of a minute found becomes one row of the room."""

import pytest

from tests.waiting_room.scene import called, join, make_room, tick
from waiting_room import health
from waiting_room.models import RoomMinute
from waiting_room.services import entering, rooms

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_home(settings, tmp_path):
    settings.HOME = tmp_path


def test_a_minute_has_one_row_with_what_its_ticks_found(clock, monkeypatch):
    clock.at("20:00:01")
    room = make_room(max_active=2, max_per_minute=120)
    for _ in range(3):
        join(room)
    entering.enter(ticket=called(room))
    answers = iter([(None, None), (0.7, 0.01), (0.2, None), (None, None)])
    monkeypatch.setattr(health, "lately", lambda: next(answers))
    for second in ("20:00:30", "20:00:31"):
        clock.at(second)
        tick(room)
    rooms.pause_room(room=room, message_ko="점검", by="staff:1")
    clock.at("20:00:59")
    room = tick(room)
    assert not RoomMinute.objects.exists()

    clock.at("20:01:00")
    tick(room)

    minute = RoomMinute.objects.get()
    assert (minute.minute, minute.ticks, minute.paused) == (clock.at("20:00"), 4, 1)
    # 29 seconds without a tick, and 28: five of each are made up for.
    assert minute.missed == pytest.approx(24 + 23)
    assert (minute.issued, minute.serving, minute.waiting) == (4, 4, 0)
    assert (minute.entered, minute.inside, minute.max_active) == (1, 1, 2)
    assert (minute.latency, minute.error_rate) == (0.7, 0.01)
    reasons = {reason["code"]: reason["ticks"] for reason in minute.reasons}
    assert reasons["paused"] == 1
    assert [reason["ticks"] for reason in minute.reasons] == sorted(reasons.values(), reverse=True)


def test_minutes_end_with_the_room_and_begin_when_people_may_join(clock):
    now = clock.at("20:00:10")
    make_room(opens_at=clock.at("23:00"), joins_from=clock.at("22:00"))
    clock.move_to(now)
    room = make_room()
    rooms.close_room(room=room, by="staff:1")

    room = tick(room)
    clock.at("20:03:00")
    tick(room)

    assert {minute.room for minute in RoomMinute.objects.all()} == {room}
    # 20:02 had no tick: its gap is what an interruption looks like.
    assert set(RoomMinute.objects.values_list("minute", flat=True)) >= {clock.at("20:00")}
