import heapq
from dataclasses import replace
from random import Random
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waiting_room import pace
from waiting_room.pace import LineState, decide, show_up_rate, still_expected

share = st.floats(0, 1)
situations = st.builds(
    LineState,
    waiting=st.integers(0, 2_000_000),
    max_active=st.integers(1, 5000),
    active=st.integers(0, 5000),
    max_per_minute=st.integers(1, 60_000),
    at_door=st.integers(0, 1000),
    expected=st.floats(0, 5000),
    show_up=share,
    pace=st.floats(0, 120_000),
    credit=st.floats(0, 1),
    elapsed=st.floats(0, 10_000),
    latency=st.none() | st.floats(0, 60),
    error_rate=st.none() | share,
    paused=st.booleans(),
)
A_ROOM = LineState(waiting=10_000, max_active=200, active=0, max_per_minute=600, pace=600)


@given(now=situations)
def test_a_decision_stays_within_every_bound(now):
    decision = decide(now)

    longest = min(now.elapsed, pace.CATCH_UP_SECONDS)
    assert 0 <= decision.advance <= now.waiting
    assert decision.advance <= now.max_per_minute / 60 * longest + 1
    assert 0 <= decision.credit <= 1
    if not now.paused:
        assert max(1.0, 0.05 * now.max_per_minute) <= decision.pace <= now.max_per_minute


@given(now=situations)
def test_nobody_is_called_whom_the_room_could_not_take(now):
    decision = decide(now)

    show_up = max(now.show_up, pace.LOWEST_SHOW_UP)
    coming = now.active + now.at_door + now.expected + decision.advance * show_up
    assert decision.advance == 0 or coming <= now.max_active + 1e-6


@given(now=situations)
def test_nobody_is_called_while_paused(now):
    decision = decide(replace(now, paused=True))

    assert (decision.advance, decision.pace) == (0, now.pace)
    assert [reason.code for reason in decision.reasons] == ["paused"]


@given(now=situations, more=st.integers(1, 500))
def test_more_people_inside_or_coming_never_call_more(now, more):
    calm = replace(now, paused=False)
    advance = decide(calm).advance

    assert decide(replace(calm, active=now.active + more)).advance <= advance
    assert decide(replace(calm, at_door=now.at_door + more)).advance <= advance
    assert decide(replace(calm, expected=now.expected + more)).advance <= advance
    assert decide(replace(calm, max_active=now.max_active + more)).advance >= advance
    assert decide(replace(calm, waiting=now.waiting + more)).advance >= advance


@given(now=situations, worse=st.floats(1, 100))
def test_worse_answers_never_make_the_pace_faster(now, worse):
    calm = replace(now, paused=False, latency=0.1, error_rate=0.0)

    assert decide(replace(calm, latency=0.1 * worse)).pace <= decide(calm).pace
    assert decide(replace(calm, error_rate=0.001 * worse)).pace <= decide(calm).pace


@given(parts=st.lists(st.floats(0.05, 4.0), min_size=1, max_size=60), rate=st.integers(1, 6000))
def test_ticks_of_any_length_call_the_same_number_in_the_end(parts, rate):
    called, credit = 0, 0.0
    for elapsed in parts:
        decision = decide(
            LineState(
                waiting=10**9, max_active=10**9, active=0, max_per_minute=rate, pace=rate,
                credit=credit, elapsed=elapsed,
            )
        )  # fmt: skip
        called, credit = called + decision.advance, decision.credit

    assert abs(called - rate / 60 * sum(parts)) <= 1 + 1e-6


def test_a_room_begins_at_half_its_pace_and_rises_to_all_of_it():
    now, seconds = replace(A_ROOM, pace=0.0), 0
    first = decide(now)
    while decide(now).pace < 600:
        now, seconds = replace(now, pace=decide(now).pace), seconds + 1

    assert first.pace == pytest.approx(303)
    assert first.reasons[1].code == "rising"
    assert seconds == 99


def test_trouble_brings_the_pace_down_quickly_and_its_end_brings_it_back_slowly():
    now = A_ROOM
    for _ in range(10):
        now = replace(now, pace=decide(replace(now, latency=0.6)).pace)
    after_ten_seconds = now.pace
    for _ in range(300):
        now = replace(now, pace=decide(replace(now, error_rate=0.5)).pace)
    at_worst = now.pace
    now = replace(now, pace=decide(now).pace)

    assert after_ten_seconds == pytest.approx(600 * 0.7**1.2)
    assert at_worst == 30
    assert now.pace == 33


def test_what_a_stopped_drainer_missed_is_not_called_at_once():
    decision = decide(replace(A_ROOM, max_active=10_000, elapsed=3600))

    assert decision.advance == 50
    assert [reason.code for reason in decision.reasons] == ["rate", "caught_up"]
    assert decision.credit < 1


def test_unused_allowance_is_not_saved_for_a_flood():
    now = replace(A_ROOM, active=200)
    for _ in range(600):
        now = replace(now, credit=decide(now).credit)

    assert decide(replace(now, active=0)).advance <= 11


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"waiting": 0}, "line_empty"),
        ({"active": 200}, "room"),
        ({"at_door": 200}, "room"),
        ({"expected": 199.5}, "room"),
        ({}, "rate"),
    ],
)
def test_the_operator_is_told_what_holds_the_pace(change, code):
    assert decide(replace(A_ROOM, **change)).reasons[0].code == code


def test_absent_people_are_soon_no_longer_expected():
    calls = [(0, 10), (10, 10), (60, 100)]

    expected = still_expected(calls, show_up=0.6, typical_delay=10)

    assert expected == pytest.approx(6 + 6 / 2.71828 + 60 * 0.00248, abs=0.01)


@pytest.mark.parametrize(
    ("called", "came", "rate"), [(0, 0, 0.9), (20, 20, 0.95), (1000, 600, 0.606), (1000, 0, 0.2)]
)
def test_show_up_rate_starts_at_nine_in_ten_and_follows_what_is_seen(called, came, rate):
    assert show_up_rate(called=called, came=came) == pytest.approx(rate, abs=0.001)


class Simulation:
    """A room by the second: people who are called come or not, wait at the door, enter, leave.

    `comes(place)` says whether the person of that place comes when called.
    """

    def __init__(self, comes, *, max_active=200, max_per_minute=3000, seed=1):
        self.random = Random(seed)  # noqa: S311
        self.comes = comes
        self.line = LineState(
            waiting=10**9, max_active=max_active, active=0, max_per_minute=max_per_minute,
            pace=max_per_minute,
        )  # fmt: skip
        self.called = self.came = self.entered = 0
        self.calls: list[tuple[int, int]] = []
        self.coming: list[int] = []
        self.leaving: list[int] = []
        self.door: list[int] = []
        self.door_waits: list[int] = []
        self.actives: list[int] = []
        self.entered_per_second: list[int] = []

    def run(self, seconds):
        for second in range(seconds):
            self.tick(second)
        return self

    def tick(self, second):
        while self.leaving and self.leaving[0] <= second:
            heapq.heappop(self.leaving)
        while self.coming and self.coming[0] <= second:
            self.door.append(heapq.heappop(self.coming))
            self.came += 1
        before = self.entered
        while self.door and len(self.leaving) < self.line.max_active:
            self.door_waits.append(second - self.door.pop(0))
            heapq.heappush(self.leaving, second + int(self.random.lognormvariate(5.4, 0.5)) + 1)
            self.entered += 1
        self.call(second)
        self.actives.append(len(self.leaving))
        self.entered_per_second.append(self.entered - before)

    def call(self, second):
        settled = sum(number for at, number in self.calls if second - at > 60)
        show_up = show_up_rate(called=settled, came=min(self.came, settled))
        recent = [(second - at, number) for at, number in self.calls[-120:]]
        decision = decide(
            replace(
                self.line,
                active=len(self.leaving),
                at_door=len(self.door),
                show_up=show_up,
                expected=still_expected(recent, show_up=show_up, typical_delay=8.0),
            )
        )
        self.line = replace(self.line, pace=decision.pace, credit=decision.credit)
        if decision.advance:
            self.calls.append((second, decision.advance))
        for place in range(self.called, self.called + decision.advance):
            if self.comes(place):
                heapq.heappush(self.coming, second + 1 + int(self.random.expovariate(1 / 8)))
        self.called += decision.advance


def four_in_ten_absent():
    draws = Random(7)  # noqa: S311
    return lambda place: draws.random() < 0.6


def test_with_four_in_ten_absent_the_room_stays_full_and_the_door_free():
    room = Simulation(four_in_ten_absent()).run(3600)

    steady = room.actives[300:]
    waits = sorted(room.door_waits)
    assert mean(steady) > 0.96 * 200
    assert max(steady) <= 200
    assert mean(waits) < 3
    assert waits[int(len(waits) * 0.95)] <= 12


def test_absent_people_do_not_slow_those_behind_them():
    everybody = Simulation(lambda place: True).run(3600)
    with_absent = Simulation(four_in_ten_absent()).run(3600)

    assert with_absent.entered > 0.98 * everybody.entered


def test_a_long_row_of_absent_people_is_passed_without_a_crowd_at_the_door():
    row = range(1000, 1400)
    room = Simulation(lambda place: place not in row).run(3600)

    assert mean(room.actives[600:]) > 0.9 * 200
    assert sorted(room.door_waits)[int(len(room.door_waits) * 0.99)] < 60


def test_a_careless_pace_that_takes_everybody_to_come_leaves_the_room_empty_in_part():
    class Careless(Simulation):
        def call(self, second):
            absent = self.called - self.came
            free = max(0, 200 - len(self.leaving) - absent)
            for place in range(self.called, self.called + free):
                if self.comes(place):
                    heapq.heappush(self.coming, second + 5)
            self.called += free

    assert mean(Careless(four_in_ten_absent()).run(1800).actives[600:]) < 50
