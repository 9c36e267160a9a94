from collections import Counter
from datetime import timedelta
from functools import partial
from threading import Barrier

import pytest
from django.db import connection, transaction
from django.utils import timezone

from eligibility.models import Cohort
from tests.concurrency import at_once
from tests.roles import as_owner, past_triggers
from tests.waiting_room.scene import (
    back_in_time,
    call,
    join,
    make_drawn_room,
    make_eligible,
    make_room,
    open_doors,
    run_out,
    tick,
)
from waiting_room import draw
from waiting_room.enums import Act, State
from waiting_room.exceptions import CantChange
from waiting_room.locks import JOIN
from waiting_room.models import Admission, Line, Room, Step
from waiting_room.services import entering, evening, rooms, ticking
from waiting_room.services.joining import issue_ticket

pytestmark = pytest.mark.django_db


def calls(room) -> list[tuple[int, int]]:
    return list(room.steps.filter(act=Act.CALL).order_by("pk").values_list("first", "last"))


def test_a_tick_calls_people_and_says_so():
    room = make_room()
    tickets = [join(room) for _ in range(3)]
    back_in_time(room, 2)

    room = tick(room)

    assert room.line.serving == 3
    assert calls(room) == [(1, 3)]
    assert room.board.document["serving"] == 3
    assert room.board.document["issued"] == 3
    assert [entering.enter(ticket=ticket).place for ticket in tickets] == [1, 2, 3]


def test_nobody_is_called_before_the_doors_open():
    room = make_drawn_room()
    join(room)
    back_in_time(room, 60)

    room = tick(room)

    assert (room.line.serving, room.frozen_at, calls(room)) == (0, None, [])
    assert room.board.document["state"] == State.GATHERING
    assert room.board.document["frozen"] is None


def test_the_draw_orders_whoever_gathered_and_late_comers_follow():
    room = make_drawn_room()
    gathered = [join(room) for _ in range(12)]

    room = open_doors(room)
    late = [join(room) for _ in range(3)]

    assert room.frozen_count == 12
    assert room.seed == draw.seed_from(bytes.fromhex(room.list_digest), room.draw_inputs).hex()
    assert f"portal={room.draw_secret}" in room.draw_inputs.split("\n")
    places = [room.place_of(ticket.entry) for ticket in gathered]
    assert sorted(places) == list(range(1, 13))
    assert [room.entry_at(place) for place in places] == [ticket.entry for ticket in gathered]
    assert [room.place_of(ticket.entry) for ticket in late] == [13, 14, 15]
    assert draw.commitment(bytes.fromhex(room.draw_secret)) == room.draw_commitment


def test_the_list_is_frozen_once():
    room = make_drawn_room()
    join(room)
    room = open_doors(room)
    join(room)

    later = tick(tick(room))

    assert (later.frozen_at, later.frozen_count, later.seed) == (room.frozen_at, 1, room.seed)
    with pytest.raises(Exception, match="Cannot update"), transaction.atomic():
        Room.objects.filter(pk=room.pk).update(seed="00" * 32)


@pytest.mark.django_db(transaction=True)
def test_the_freeze_waits_for_a_join_under_way_and_counts_it():
    room = make_drawn_room()
    opens_at = timezone.now() - timedelta(seconds=1)  # the database's clock may be behind by less
    person = make_eligible(room, window_from=opens_at)
    Cohort.objects.filter(pk=room.cohort_id).update(opens_at=opens_at)
    joining, moment = Barrier(2), Barrier(2)

    def slow_join():
        with transaction.atomic():
            ticket = issue_ticket(room=room, person_id=person.pk)
            joining.wait(timeout=30)
            # The tick comes now, finds the list open for longer than it waits, and gives up.
            moment.wait(timeout=30)
        return ticket

    def tick_meanwhile():
        joining.wait(timeout=30)
        ticked = tick(room)
        moment.wait(timeout=30)
        return ticked

    ticket, meanwhile = at_once([slow_join, tick_meanwhile])
    tick(room)
    after = tick(room)

    assert meanwhile.frozen_at is None
    assert (after.frozen_count, after.place_of(ticket.entry)) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_no_join_gets_a_number_while_the_list_is_closed():
    room, person = make_drawn_room(), None
    person = make_eligible(room)
    closed, seen = Barrier(2), {}

    def freeze():
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [JOIN, room.pk])
                closed.wait(timeout=30)
                # Until the joining statement waits for us.
                for _attempt in range(500):
                    cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                    if cursor.fetchone()[0]:
                        break
            seen["issued"] = ticking._last_entry(room)
        return seen

    def late_join():
        closed.wait(timeout=30)
        return issue_ticket(room=room, person_id=person.pk)

    _seen, ticket = at_once([freeze, late_join])

    assert (seen["issued"], ticket.entry) == (0, 1)


@pytest.mark.django_db(transaction=True)
def test_any_number_of_workers_may_tick_at_once():
    room = make_room(max_active=1000, max_per_minute=6000)
    for _ in range(30):
        join(room)
    back_in_time(room, 1)

    outcomes = at_once([partial(ticking.tick_room, room.pk)] * 6)

    assert set(outcomes) <= {True, False}
    spans = calls(room)
    numbers = [number for first, last in spans for number in range(first, last + 1)]
    assert numbers == list(range(1, Line.objects.get().serving + 1))


def test_a_tick_delivered_twice_calls_nobody_twice():
    room = make_room(max_per_minute=60)
    for _ in range(100):
        join(room)
    back_in_time(room, 1)

    once = tick(room).line.serving
    twice = tick(room).line.serving

    assert 0 <= twice - once <= 1


def test_a_paused_room_calls_nobody_and_goes_on_after():
    room = make_room()
    for _ in range(5):
        join(room)
    rooms.pause_room(room=room, message_ko="점검 중입니다", message_en="Maintenance", by="staff:7")
    back_in_time(room, 5)

    paused = tick(room)
    rooms.resume_room(room=room, by="staff:7")
    back_in_time(room, 5)
    resumed = tick(room)

    assert paused.line.serving == 0
    assert paused.board.document["state"] == State.PAUSED
    assert paused.board.document["message"] == {"ko": "점검 중입니다", "en": "Maintenance"}
    assert resumed.line.serving == 5
    acts = Counter(room.steps.values_list("act", "by"))
    assert acts[("pause", "staff:7")] == acts[("resume", "staff:7")] == 1


def test_a_drainer_that_was_away_does_not_flood_the_booking_pages():
    room = make_room(max_active=100_000, max_per_minute=600)
    for _ in range(120):
        join(room)
    back_in_time(room, 3600)

    assert tick(room).line.serving <= 50


def test_a_clock_that_jumps_back_moves_nobody_back():
    room = make_room()
    for _ in range(5):
        join(room)
    back_in_time(room, 2)
    before = tick(room).line.serving

    # The server's clock was ahead when it last ticked, and was then set right.
    back_in_time(room, -3600)
    after = tick(room)

    assert after.line.serving >= before > 0
    with pytest.raises(Exception, match="Cannot update"), transaction.atomic():
        Line.objects.filter(room=room).update(serving=0)


def test_absent_people_slow_nobody_down():
    room = make_room(max_active=2, max_per_minute=6000)
    for _ in range(40):
        join(room)
    call(room, 2)
    # They were called long ago and did not come.
    with past_triggers() as cursor:
        cursor.execute("UPDATE waiting_room_step SET at = at - interval '5 minutes'")
    back_in_time(room, 1)

    assert tick(room).line.serving > 2


def test_a_crowd_that_comes_back_after_hours_slows_nobody_down(clock):
    clock.freeze()

    def expected(returning: int) -> float:
        room = make_room(max_active=20, max_per_minute=6000)
        tickets = [join(room) for _ in range(60)]
        Line.objects.filter(room=room).update(serving=30)
        for ticket in tickets[:returning]:
            entering.end_admission(admission=entering.enter(ticket=ticket), ending="booked")
        # Last, so that a slow machine adds nothing to the age of the calls.
        hours_ago = timezone.now() - timedelta(hours=3)
        rooms.record(room, "call", first=1, last=returning + 1, at=hours_ago)
        just_now = timezone.now() - timedelta(seconds=15)
        rooms.record(room, "call", first=returning + 2, last=30, at=just_now)
        back_in_time(room, 1)
        [reason] = [one for one in tick(room).board.reasons if one["code"] == "room"]
        return reason["numbers"]["expected"] / (29 - returning)

    assert expected(20) == pytest.approx(expected(0), abs=0.02)


def test_the_line_calls_no_more_than_there_is_room_for():
    room = make_room(max_active=10, max_per_minute=60_000)
    for _ in range(100):
        join(room)
    back_in_time(room, 5)
    room = tick(room)

    assert room.line.serving <= 12  # ten, and some for those who will not come


def test_the_tick_takes_back_what_ran_out():
    room = make_room()
    admission = entering.enter(ticket=(join(room), call(room, 1))[0])
    run_out(admission)

    room = tick(room)

    assert room.line.active == 0
    assert Admission.objects.get().ending == "lapsed"


def test_a_closed_room_is_published_a_last_time_and_left_alone():
    room = make_room()
    rooms.close_room(room=room, by="staff:1")
    ticking.tick_rooms()

    room = Room.objects.select_related("board").get(pk=room.pk)
    assert room.board.document["state"] == State.CLOSED
    assert evening.close_evenings() == 1
    assert [ticking.tick_rooms() for _ in range(2)] == [1, 0]
    assert room.steps.order_by("pk").last().act == Act.TOTALS
    with pytest.raises(CantChange):
        rooms.resume_room(room=room, by="staff:1")


def test_a_cohort_gets_its_room_by_the_next_tick():
    from tests.factories import CohortFactory

    cohort = CohortFactory()

    ticking.tick_rooms()

    assert Room.objects.get().cohort == cohort
    assert cohort.room.board.document["room"] == cohort.code


def test_one_rooms_trouble_does_not_stop_the_others(monkeypatch):
    first, second = make_room(), make_room()
    real = ticking._settle

    def broken(room):
        if room.pk == first.pk:
            raise ValueError("a broken room")
        return real(room)

    monkeypatch.setattr(ticking, "_settle", broken)

    assert ticking.tick_rooms() == 1
    assert Line.objects.get(room=second).ticked_at is not None


def test_steps_are_history():
    room = make_room()

    refused = pytest.raises(Exception, match="Cannot update or delete")
    with as_owner(), refused, transaction.atomic():
        Step.objects.filter(room=room).update(act="call")


def test_the_now_document_is_written_for_nginx_whole(settings, tmp_path):
    import json

    settings.HOME = tmp_path
    room = make_room()

    document = json.loads((tmp_path / "now" / f"{room.cohort.code}.json").read_bytes())

    assert document == room.board.document
    assert [file.name for file in (tmp_path / "now").iterdir()] == [f"{room.cohort.code}.json"]
