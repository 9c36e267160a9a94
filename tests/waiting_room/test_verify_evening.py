"""How the offline verifier works out an evening, and what of it cannot have been: by hand."""

import json
from array import array
from datetime import timedelta

import pytest

from tests.waiting_room.test_verify_line import OPENS, PACE, Book, report_on, shown
from waiting_room.offline import verify_line
from waiting_room.offline.verify_line import SECOND, Evening, median

OPENED = 1000 * SECOND


def seconds(*values: float) -> list[int]:
    return [round(value * SECOND) for value in values]


def an_evening() -> Evening:
    """Three drawn, two of three latecomers called, one pause, number 7 after the totals' own."""
    evening = Evening()
    for entry, joined in [(1, 900), (2, 1008), (3, 1009), (5, 1030), (6, 1040), (7, 1050)]:
        evening.add_ticket(entry, joined * SECOND)
    for first, last, at in [(1, 2, 1010), (3, 3, 1020.5), (4, 4, 1079.9), (5, 5, 1080)]:
        evening.add_call(first, last, round(at * SECOND))
    evening.on_pause(True, 1025 * SECOND)
    evening.on_pause(True, 1040 * SECOND)  # another message
    evening.on_pause(False, round(1054.5 * SECOND))
    evening.paces = [(0, 9, 9), (1, 9, 8), (2, 9, 7)]
    evening.counted = (7, 1, 2)
    evening.estimates = [
        (3, 5, 10, 1012 * SECOND),  # 8.5 s came of it
        (3, 9, 12, 1012 * SECOND),
        (5, 10, 20, 1000 * SECOND),  # 80 s
        (4, 8, 8, round(1071.9 * SECOND)),  # 8 s, to the moment
        (4, 0, 2, round(1079.7 * SECOND)),  # 0.2 s
        (6, 1, 2, 1070 * SECOND),  # never called
    ]
    return evening


WORKED_OUT = {
    "numbers": 6, "tickets": 5, "uncalled": 1, "calls": 4, "called": 5, "call_seconds": 40,
    "per_minute": 8, "busiest_minute": 2, "pauses": 1, "paused_seconds": 29, "paces": 2,
    "entered": 7, "ran_out": 2, "waited_median": 2, "waited_most": 50, "estimates": 5,
    "estimates_held": 3, "estimates_width": 352,
}  # fmt: skip


def test_an_evening_is_worked_out_as_by_hand():
    # By the draw entries 1, 2, 3 have the places 3, 1, 2: they waited 20, 2, 1 s, entry 5 50 s.
    evening = an_evening()

    assert evening.totals(6, OPENED, array("I", [2, 0, 1])) == WORKED_OUT
    assert evening.lists() == {
        "joined_by_minute": [(900 * SECOND, 1), (960 * SECOND, 2), (1020 * SECOND, 3)],
        "counts": [],
        "waited_95": 50,
        "called_by_minute": [(960 * SECOND, 2), (1020 * SECOND, 2), (1080 * SECOND, 1)],
        "pauses_from_until": [(1025 * SECOND, 1054.5 * SECOND)],
        "paces_set": [(0, 9, 9), (1, 9, 8), (2, 9, 7)],
    }


def test_without_a_draw_the_place_is_the_number():
    waits = an_evening().waits(6, OPENED, array("I"))

    # They waited 10, 2, 11 s, entry 5 50 s; entry 6 was never called.
    assert waits == {"tickets": 5, "uncalled": 1, "waited_median": 10, "waited_most": 50}


def test_before_the_draw_nobody_was_called():
    waits = an_evening().waits(7, OPENED, None)

    assert waits == {"tickets": 6, "uncalled": 6, "waited_median": 0, "waited_most": 0}


def test_of_nothing_everything_is_nothing():
    totals = Evening().totals(0, OPENED, None)

    assert set(totals.values()) == {0}
    assert totals.keys() == WORKED_OUT.keys()


def test_waiting_times_of_a_line_that_calls_nobody_come_to_no_end():
    evening = Evening()
    evening.estimates = [(1, 0, 5, OPENED)]

    assert set(evening.scores().values()) == {0}


def test_calls_of_one_moment_are_as_many_a_minute():
    evening = Evening()
    evening.add_call(1, 3, 1010 * SECOND)

    totals = evening.totals(0, OPENED, array("I"))

    assert (totals["per_minute"], totals["call_seconds"], totals["calls"]) == (3, 0, 1)


def test_a_call_before_joining_is_no_wait():
    evening = Evening()
    evening.add_ticket(1, 1020 * SECOND)
    evening.add_call(1, 1, 1010 * SECOND)

    assert evening.waits(1, OPENED, array("I"))["waited_most"] == 0


@pytest.mark.parametrize(
    ("pauses", "paused"),
    [
        ([], 0),
        ([(10, 15)], 5),
        ([(0, 15)], 5),  # from before the first call
        ([(10, 90)], 10),  # until after the last one
        ([(10, None)], 10),  # not over
        ([(30, 40)], 0),
        ([(0, 5)], 0),
        ([(11, 12), (14, 17.5)], 4),  # 4.5
    ],
)
def test_seconds_of_pauses_count_between_the_first_call_and_the_last(pauses, paused):
    evening = Evening()
    for at in (10, 20):
        evening.add_call(at, at, at * SECOND)
    for begin, until in pauses:
        evening.on_pause(True, begin * SECOND)
        if until:
            evening.on_pause(False, round(until * SECOND))

    assert evening.seconds_of_calling() == (paused, 5 if paused == 4 else 10 - paused)


def test_going_on_without_a_pause_is_none():
    evening = Evening()
    evening.on_pause(False, 5)
    evening.on_pause(True, 6)
    evening.on_pause(False, 7)
    evening.on_pause(False, 8)

    assert evening.pauses == [[6, 7]]


def test_of_an_even_number_the_lower_of_the_two_in_the_middle():
    assert [median(list(range(1, count + 1))) for count in range(6)] == [0, 1, 1, 2, 2, 3]


# A log of a hundred, act by act: each (seconds after the opening, act, details) a page of its own.


def log_of(*acts, pace=PACE, tickets=200) -> verify_line.Report:
    book = Book(order="fifo")
    book.pace = pace
    book.page(tickets)
    for after, act, details in acts:
        book.page(tickets, (act, details), at=OPENS + timedelta(seconds=after))
    return report_on(book.csv())


def troubles_of(*acts, **options) -> list[str]:
    return [what for _line, what in log_of(*acts, **options).troubles]


def call(after, first, last):
    return after, "call", {"first": first, "last": last}


def pace(after, per_minute, max_active=200):
    return after, "pace", {"max_active": max_active, "max_per_minute": per_minute}


def count(after, entered, inside, ran_out):
    return after, "count", {"entered": entered, "inside": inside, "ran_out": ran_out}


# Sixty a minute: six at once, one of them left over, then one a second.
PACES = {
    "as many as may be caught up with": ([pace(1, 60), call(10, 1, 6)], []),
    "one more": ([pace(1, 60), call(10, 1, 7)], ["1 to 7"]),
    "another a second later": ([pace(1, 60), call(10, 1, 6), call(11, 7, 7)], []),
    "two a second later": ([pace(1, 60), call(10, 1, 6), call(11, 7, 8)], ["7 to 8"]),
    "one in the same moment": ([pace(1, 60), call(10, 1, 6), call(10, 7, 7)], ["7 to 7"]),
    "what was too fast weighs once": (
        [pace(1, 60), call(10, 1, 99), call(11, 100, 100)], ["1 to 99"],
    ),
    "and no less": ([pace(1, 60), call(10, 1, 99), call(11, 100, 101)], ["1 to 99", "100 to 101"]),
    "empty after a while, and no emptier": (
        [pace(1, 60), call(10, 1, 6), call(99, 7, 12), call(99, 13, 13)], ["13 to 13"],
    ),
    "a slower pace forgets what was called before it, up to five seconds of its own": (
        [pace(1, 600), call(10, 1, 51), pace(10, 60), call(10, 52, 52)], [],
    ),
    "and no more": (
        [pace(1, 600), call(10, 1, 51), pace(10, 60), call(10, 52, 53)], ["52 to 53"],
    ),
    "a faster pace does not fill up": (
        [pace(1, 60), call(10, 1, 6), pace(10, 120), call(10, 7, 11)], [],
    ),
    "nor empty": ([pace(1, 60), call(10, 1, 6), pace(10, 120), call(10, 7, 12)], ["7 to 12"]),
    "a twentieth of a minute's microseconds is no haste": (
        [pace(1, 60), call(10, 1, 6), call(10.9984, 7, 7)], [],
    ),
    "fifteen thousandths of a second are": (
        [pace(1, 60), call(10, 1, 6), call(10.985, 7, 7)], ["7 to 7"],
    ),
    "the very tenth of a second that is let pass": (
        [pace(1, 1), call(10, 1, 1), call(64.9, 2, 2)], [],
    ),
    "a hundredth more": ([pace(1, 1), call(10, 1, 1), call(64.89, 2, 2)], ["2 to 2"]),
}  # fmt: skip


@pytest.mark.parametrize("how", PACES)
def test_calls_are_held_to_the_pace(how):
    acts, too_fast = PACES[how]

    found = troubles_of(*acts)

    assert [what.removeprefix("Places ").split(" were called faster")[0] for what in found] == (
        too_fast
    )


def test_no_call_comes_before_the_first_pace():
    assert troubles_of(call(10, 1, 2), pace=None) == ["Places were called before a pace was set."]


NOBODY = "The pace lets nobody in, or calls nobody."
FEWER = "Fewer people are counted than before."
COUNTS = {
    "what may follow the closing": (
        [(1, "close", {}), (2, "close", {}), count(3, 5, 2, 1)], [],
    ),
    "what may not": (
        [(1, "close", {}), pace(3, 5)], ["“pace” was done after the room had been closed."],
    ),
    "a pace of one": ([pace(1, 1, 1)], []),
    "nobody called": ([pace(1, 0)], [NOBODY]),
    "nobody let in": ([pace(1, 1, 0)], [NOBODY]),
    "nobody inside any more": ([count(1, 5, 0, 0)], []),
    "all inside": ([count(1, 200, 200, 0)], []),
    "one too many inside": (
        [count(1, 201, 201, 0)], ["201 were inside, where the pace lets in 200."],
    ),
    "a higher pace lets in more": ([pace(1, 9, 300), count(2, 300, 300, 0)], []),
    "the same again": ([count(1, 5, 2, 1), count(2, 5, 2, 1)], []),
    "fewer entered": ([count(1, 5, 2, 1), count(2, 4, 2, 1)], [FEWER]),
    "fewer ran out": ([count(1, 5, 2, 1), count(2, 5, 2, 0)], [FEWER]),
    "all who entered": ([count(1, 5, 2, 3)], []),
    "one more than entered": ([count(1, 5, 3, 3)], ["Of 5 who entered, 3 inside and 3 can't be."]),
    "fewer than none inside": (
        [count(1, 5, -1, 3)], ["Of 5 who entered, -1 inside and 3 can't be."],
    ),
    "fewer than none ran out": (
        [count(1, 5, 3, -1)], [FEWER, "Of 5 who entered, 3 inside and -1 can't be."],
    ),
    "a cut that has worked": (
        [count(1, 50, 50, 0), pace(2, 9, 10), count(3, 50, 20, 0), count(4, 60, 30, 0)],
        ["30 were inside, where the pace lets in 20."],
    ),
    "a cut that has worked in full": (
        [count(1, 50, 50, 0), pace(2, 9, 10), count(3, 50, 5, 0), count(4, 60, 10, 0)], [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", COUNTS)
def test_counts_are_held_to_the_pace_and_to_those_before(how):
    acts, found = COUNTS[how]

    assert troubles_of(*acts) == found


def test_a_count_before_any_pace_lets_nobody_in():
    acts = count(1, 1, 0, 0), count(2, 2, 1, 0)

    assert troubles_of(*acts, pace=None) == ["1 were inside, where the pace lets in 0."]


def given(ranges):
    return 20, "estimate", {"ranges": ranges}


ESTIMATES = {
    "of the next place": ("31:5-5 40:0-7", []),
    "none": ("", []),
    "of a called place": ("30:5-6", ["A waiting time of 5 to 6 s was given for place 30, when 30"]),
    "that ends before it begins": (
        "31:6-5", ["A waiting time of 6 to 5 s was given for place 31, when 30"],
    ),
    "without an end": ("31:5", ["This line can't be understood: “31:5” is no waiting time."]),
    "with too many digits": (
        "1234567890123456:5-6", ["This line can't be understood: “1234567890123456:5-6” is no wai"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", ESTIMATES)
def test_waiting_times_are_of_places_that_are_not_called(how):
    ranges, found = ESTIMATES[how]

    said = troubles_of(call(10, 1, 30), given(ranges))

    assert len(said) == len(found)
    assert all(what.startswith(start) for what, start in zip(said, found, strict=True))


def a_line_with_totals(**changes):
    """What the log gives, as its totals say it, but for the changes."""
    acts = [
        call(10, 1, 30), given("40:60-120 60:0-9"), (30, "pause", {}), (50, "resume", {}),
        pace(55, 600, 90), call(100, 31, 50), count(110, 45, 0, 4), (120, "close", {}),
    ]  # fmt: skip
    totals = log_of(*acts).evening
    words = {name: totals[name] for name in WORKED_OUT} | changes
    return log_of(*acts, (130, "totals", words))


def test_totals_are_those_of_the_log():
    report = a_line_with_totals()

    assert report.troubles == []
    assert report.totals == {
        "numbers": 200, "tickets": 200, "uncalled": 150, "calls": 2, "called": 50,
        "call_seconds": 70, "per_minute": 43, "busiest_minute": 30, "pauses": 1,
        "paused_seconds": 20, "paces": 1, "entered": 45, "ran_out": 4, "waited_median": 10,
        "waited_most": 100, "estimates": 1, "estimates_held": 1, "estimates_width": 750,
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in WORKED_OUT if name != "numbers"])
def test_each_total_that_is_another_is_found(name):
    report = a_line_with_totals(**{name: 7})

    value = report.evening[name]
    assert [what for _line, what in report.troubles] == [
        f"The totals say 7 for “{name}”; the log gives {value}."
    ]


def test_totals_are_up_to_a_number_of_their_page():
    beyond = [what for _line, what in a_line_with_totals(numbers=201).troubles]
    before = [what for _line, what in a_line_with_totals(numbers=199).troubles]

    assert beyond == ["The totals are up to number 201, not 200."]
    assert before[0] == "The totals are up to number 199, not 200."


def test_a_line_that_nobody_entered_has_totals_without_a_count():
    closed = 2, "close", {}
    totals = {name: log_of(closed).evening[name] for name in WORKED_OUT}

    assert troubles_of(closed, (3, "totals", totals)) == []


def test_nobody_is_inside_when_the_totals_are_written():
    acts = [count(1, 5, 2, 0), (2, "close", {})]
    totals = {name: log_of(*acts).evening[name] for name in WORKED_OUT}

    assert troubles_of(*acts, (3, "totals", totals)) == [
        "The last count before the totals has 2 people inside: a count was left out."
    ]


TOLERANCE = 300  # seconds


@pytest.mark.parametrize(
    ("own", "is_right"),
    [(-10 - TOLERANCE, True), (-10.001 - TOLERANCE, False), (TOLERANCE, True), (300.001, False)],
)
def test_an_act_is_of_the_time_of_its_page(own, is_right):
    """The page is ten seconds later than the one before."""
    book = Book(order="fifo").page(50)
    at = OPENS + timedelta(seconds=10)
    book.page(50, ("pause", {}, at + timedelta(seconds=own)), at=at)

    found = [what for _line, what in report_on(book.csv()).troubles]

    assert len(found) == (0 if is_right else 1)
    assert all(what.startswith("“pause” is said to be of ") for what in found)
    assert all("; the page that records it was written at " in what for what in found)
    assert all(", the one before at " in what for what in found)


def test_an_act_of_the_first_page_may_be_of_any_time_before():
    book = Book(order="fifo").page(50, ("pause", {}, OPENS - timedelta(days=300)))
    late = Book(order="fifo").page(50, ("pause", {}, OPENS + timedelta(minutes=6)))

    assert report_on(book.csv()).troubles == []
    [(_line, what)] = report_on(late.csv()).troubles
    assert what.endswith(f" was written at {shown(OPENS)}.")


def test_the_evening_in_words():
    report = a_line_with_totals()

    told = verify_line.summary(report).split("\n")

    start = told.index("The evening, worked out anew from this log:")
    at = [shown(OPENS + timedelta(seconds=after)) for after in (0, 30, 50, 55)]
    assert told[start:] == [
        "The evening, worked out anew from this log:",
        "  50 called in 2 calls, 43 a minute, at most 30 in one minute",
        "  200 tickets, 150 of them never called",
        "  waited from the opening, or from joining after it, to the call: 10 s (median), "
        "1 min 40 s at most",
        "  pauses: 1; between the first call and the last they took 20 s",
        f"    {at[1]} to {at[2]}",
        "  changes of pace: 1",
        f"    from {at[0]}: 200 inside, 60000 called a minute, at most",
        f"    from {at[3]}: 90 inside, 600 called a minute, at most",
        "  45 entered, 4 of them ran out of time",
        "  1 of 1 published waiting times held; half of the ranges were no wider than 75 % of the "
        "wait",
        "These are the totals that the log records.",
        "Everything is in order.",
    ]


def test_the_evening_of_a_line_that_is_not_over():
    told = verify_line.summary(log_of(call(10, 1, 30), (20, "pause", {}))).split("\n")

    assert f"    {shown(OPENS + timedelta(seconds=20))} to the end" in told
    assert "NOT CHECKED: the totals. The log records them when the line is over." in told


def test_totals_that_are_not_those_of_the_end_are_named():
    """A line that went on after them: the next totals are missing."""
    report = a_line_with_totals()
    report.evening["called"] += 1
    report.evening["calls"] += 1

    told = verify_line.summary(report).split("\n")

    assert set(told[-2].removesuffix(".").split(": ")[1].split(", ")) == {"called", "calls"}
    assert told[-2].startswith("The totals in the log differ, or the line went on: ")


@pytest.mark.parametrize(
    ("given_seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min 59 s"),
        (3600, "1 h"),
        (7325, "2 h 2 min 5 s"),
    ],
)
def test_a_duration_in_words(given_seconds, words):
    assert verify_line.duration(given_seconds) == words


def test_the_answer_for_programs():
    report = a_line_with_totals(called=51)

    answer = json.loads(verify_line.as_json(report))

    [(line, what)] = report.troubles
    assert answer == {
        "room": "seoul-60s", "format": 3, "pages": 10, "tickets": 200, "acts": 12,
        "root": report.root, "good": False, "newer": False,
        "troubles": [{"line": line, "what": what}], "notes": report.notes,
        "evening": json.loads(json.dumps(report.evening)), "totals": report.totals,
    }  # fmt: skip
    assert json.loads(verify_line.as_json(log_of()))["totals"] is None


def test_the_answer_for_programs_is_text_that_people_can_read():
    text = verify_line.as_json(a_line_with_totals(called=51))

    assert "“called”" in text
    assert text.startswith('{\n "room": "seoul-60s"')


def test_before_the_first_call_nothing_is_said_of_the_evening():
    assert "The evening" not in verify_line.summary(log_of())


@pytest.mark.parametrize("value", [True, 1.0, "1", None])
def test_a_number_of_an_act_is_a_whole_number(value):
    with pytest.raises(ValueError, match=r"its “at” is"):
        verify_line.number_in({"at": value}, "at")


def test_a_time_that_no_calendar_has_is_shown_as_it_stands():
    assert verify_line.when(10**30) == str(10**30)
