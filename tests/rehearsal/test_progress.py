from io import StringIO

import pytest

from rehearsal.journal import Writer, step_of
from rehearsal.progress import (
    Display,
    Estimate,
    Progress,
    RoomView,
    Tail,
    summary,
    waits_for_room,
    why_waiting,
)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def progress(seconds=60.0, **stages: int) -> Progress:
    return Progress(citizens=200, seconds=seconds, stages=stages)


def room(waiting=0, per_minute=60) -> RoomView:
    return RoomView(
        waiting=waiting,
        per_minute=per_minute,
        max_per_minute=60,
        active=20,
        max_active=30,
        reasons=["The rate decides: 60 a minute now, 60 a minute at most."],
    )


def test_a_line_says_who_is_where_how_fast_and_what_failed():
    now = Progress(
        citizens=200,
        seconds=75,
        stages={"identity": 3, "line": 120, "booking": 20, "through": 57},
        outcomes={"booked": 56, "broken": 1},
        requests=4000,
        failures=2,
        per_second=84.6,
        p50=12.2,
        p95=80.4,
    )

    assert summary(now, room(), 130) == (
        "1:15  200 of 200 came | 3 signing in, 120 in the line, 20 booking, 57 through "
        "(56 booked, 1 could not go on) | called 0, 60 a minute, 20 inside | "
        "85 requests/s, p50 12 ms, p95 80 ms, 2 failed | about 2:10 left"
    )


def test_before_the_crowd_writes_anything_nobody_has_come(tmp_path):
    now = Tail(tmp_path, 200).read()

    assert (now.citizens, now.arrived) == (200, 0)
    assert summary(now, None, None).endswith(
        "(0 booked) | room not seen yet | 0 requests/s, 0 failed | end not known yet"
    )


def test_the_journals_of_all_processes_are_followed_while_they_are_written(tmp_path):
    tail = Tail(tmp_path, 200)
    writers = [Writer(tmp_path / f"crowd-{number}.jsonl") for number in range(2)]
    for writer in writers:
        pages = {"GET /": [10, 1, {step_of(12.0): 9, step_of(80.0): 1}]}
        writer.write("second", 0, stages={"line": 3}, late=0.0, busy=0.1, pages=pages)
    assert tail.read().stages == {"line": 6}

    writers[0].write("end", 1.2, person=7, outcome="booked")
    writers[0].write("second", 1, stages={"line": 2, "through": 1}, late=0, busy=0, pages={})
    with (tmp_path / "crowd-1.jsonl").open("a") as file:
        file.write('{"event":"second","at":1,"sta')
    now = tail.read()

    assert (now.stages, now.outcomes) == ({"line": 5, "through": 1}, {"booked": 1})
    assert (now.requests, now.failures, now.per_second) == (20, 2, 2.0)
    assert (round(now.p50), round(now.p95)) == (12, 84)


@pytest.mark.parametrize(
    ("before", "now", "line", "left"),
    [
        # Nobody through of late: a guess, whatever came before.
        (progress(seconds=40, identity=200), progress(identity=200), room(waiting=190), None),
        # By the room, which calls 60 a minute; by the citizens, two of whom get through a second.
        (progress(seconds=40, through=40), progress(line=120, through=80), room(120), 120.0),
        (progress(seconds=40, through=40), progress(line=120, through=80), room(120, 0), None),
        (progress(seconds=40, through=80), progress(line=1, through=100), room(1), 100.0),
        (progress(seconds=1), progress(seconds=5, through=100), room(), 15.0),  # some are to come
        (progress(seconds=40, through=80), progress(through=200), room(), 0.0),
    ],
)
def test_the_end_is_estimated_from_the_slower_of_room_and_citizens(before, now, line, left):
    estimate = Estimate(over=20)
    estimate.seconds_left(before, line)

    assert estimate.seconds_left(now, line) == left


def test_the_estimate_forgets_a_speed_of_long_ago():
    estimate = Estimate(over=20)

    estimate.seconds_left(progress(seconds=10), room())
    estimate.seconds_left(progress(seconds=20, through=100), room())

    assert estimate.seconds_left(progress(seconds=60, through=100), room()) is None


@pytest.mark.parametrize(
    ("now", "line", "waits"),
    [
        (progress(line=150, through=50), room(waiting=150), True),
        (progress(seconds=10, line=150, through=50), room(waiting=150), False),  # still arriving
        (progress(booking=150, through=50), room(), False),
        (progress(line=10, booking=140, through=50), room(waiting=10), False),
        (progress(through=200), room(waiting=5), False),
    ],
)
def test_it_waits_for_the_room_when_most_stand_in_the_line(now, line, waits):
    assert waits_for_room(now, line, over=20) == waits


def test_the_word_about_the_pace_names_the_numbers_and_the_way_out():
    text = why_waiting(room(waiting=150))

    assert "It calls 60 a minute (at most 60); 20 of 30 people are inside." in text
    assert "The rate decides" in text
    assert "--pace and --cap" in text


def test_elsewhere_than_on_a_terminal_lines_are_plain_and_few():
    out = StringIO()
    display = Display(out)

    for second in range(25):
        display.show(f"at {second}", at=second)
    display.close()

    assert out.getvalue() == "at 0\nat 10\nat 20\nat 24\n"


def test_on_a_terminal_one_line_is_written_over():
    out = Terminal()
    display = Display(out)

    display.show("first", at=0)
    display.show("second", at=1)
    display.write_once("pace", "The room's pace.")
    display.write_once("pace", "The room's pace.")
    display.show("third", at=2)
    display.close()

    assert out.getvalue() == ("\r\x1b[Kfirst\r\x1b[Ksecond\nThe room's pace.\n\r\x1b[Kthird\n")
