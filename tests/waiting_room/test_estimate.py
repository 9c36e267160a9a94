from bisect import bisect_left
from itertools import pairwise
from math import exp, pi, sin
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waiting_room import estimate
from waiting_room.estimate import (
    Range,
    RoomHistory,
    Row,
    Scored,
    as_seconds,
    between,
    bracket_of,
    rounded,
    score,
    table,
    widenings,
)

HOUR = 3600


def steady(seconds, per_minute=120.0, *, every=15):
    return [(float(t), int(t * per_minute / 60)) for t in range(0, seconds + 1, every)]


def test_a_steady_pace_gives_narrow_ranges_around_the_wait():
    now = RoomHistory(points=steady(2 * HOUR))

    for row in table(now, farthest=4000)[4:]:
        wait = row.distance / 2
        assert row.low <= wait <= row.high
        assert row.high - row.low < 0.25 * wait


def test_the_table_has_a_row_for_each_distance_up_to_the_farthest():
    rows = table(RoomHistory(points=steady(HOUR)), farthest=730)

    assert [row.distance for row in rows] == [1, 2, 5, 10, 20, 50, 100, 200, 500, 730]


@pytest.mark.parametrize(
    ("situation", "reason"),
    [
        (RoomHistory(points=[]), "too_little_history"),
        (RoomHistory(points=[(0.0, 0)]), "too_little_history"),
        (RoomHistory(points=steady(45)), "too_little_history"),
        (RoomHistory(points=[(0.0, 50), (3600.0, 50)]), "too_little_history"),
        (RoomHistory(points=steady(HOUR), pauses=[(3000.0, None)]), "paused"),
        (RoomHistory(points=[*steady(HOUR), (HOUR + 300.0, 7200)]), "stalled"),
        (RoomHistory(points=[*steady(HOUR), (HOUR + 60.0, 7200)]), ""),
        (RoomHistory(points=steady(HOUR), pauses=[(3000.0, 3100.0)]), ""),
    ],
)
def test_when_there_is_no_number_the_reason_is_given(situation, reason):
    assert situation.why_no_number == reason
    assert bool(table(situation, farthest=100)) == (reason == "")


def test_a_slow_room_is_not_taken_for_stalled():
    waves = [(float(t), t // 600 * 100) for t in range(0, 2 * HOUR + 1, 15)]

    assert RoomHistory(points=[*waves, (2 * HOUR + 590.0, 1200)]).why_no_number == ""


def test_a_pause_does_not_count_as_a_slow_pace():
    before = steady(HOUR)
    after = [(t + 1200.0, count) for t, count in steady(2 * HOUR) if t >= HOUR]
    now = RoomHistory(points=[*before, *after], pauses=[(3600.0, 4800.0)])

    wait = 600 / 2
    row = next(row for row in table(now, farthest=1000) if row.distance == 500)
    assert row.low <= wait * 500 / 600 <= row.high


@given(
    steps=st.lists(st.integers(0, 200), min_size=8, max_size=200), farthest=st.integers(1, 10**6)
)
def test_ranges_are_ordered_and_never_fall_with_distance(steps, farthest):
    points, served = [], 0
    for number, step in enumerate(steps):
        served += step
        points.append((number * 15.0, served))

    rows = table(RoomHistory(points=points), farthest=farthest)

    assert all(0 <= row.low < row.high for row in rows)
    assert all(a.low <= b.low and a.high <= b.high for a, b in pairwise(rows))


@given(st.lists(st.tuples(st.floats(-1e3, 1e6), st.integers(0, 10**7)), max_size=40))
def test_any_history_gives_a_table_or_a_reason(points):
    now = RoomHistory(points=sorted(points, key=lambda point: point[0]))

    rows = table(now, farthest=1000)

    assert bool(rows) or now.why_no_number or now.flow.forecast(now.flow.times[-1], 1) is None


def test_between_the_rows_a_page_reads_in_a_straight_line():
    rows = [Row(1, 0.0, 60.0), Row(10, 90.0, 240.0)]

    assert between(rows, 10) == Range(90.0, 240.0)
    assert between(rows, 4) == Range(30.0, 120.0)
    assert between(rows, 20) == Range(190.0, 440.0)
    assert between([], 4) is None


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0, 59, (0, 1, "minutes")),
        (20, 60, (0, 1, "minutes")),
        (20, 61, (0, 2, "minutes")),
        (130, 290, (2, 5, "minutes")),
        (510, 720, (8, 12, "minutes")),
        (1490, 2110, (25, 35, "minutes")),
        (1500, 1560, (25, 30, "minutes")),
        (4000, 6000, (65, 100, "minutes")),
        (7300, 8900, (2, 2.5, "hours")),
        (7300, 7400, (2, 2.5, "hours")),
        (20000, 29000, (6, 8, "hours")),
    ],
)
def test_a_range_is_said_as_people_say_it(low, high, said):
    assert rounded(Range(low, high)) == said


@given(low=st.floats(0, 90_000), width=st.floats(1, 50_000))
def test_what_is_said_is_near_what_is_meant(low, width):
    first, last, unit = rounded(Range(low, low + width))

    meant = as_seconds(first, last, unit)
    step = max(300, 0.25 * (low + width))
    assert 0 <= first < last
    assert abs(meant.low - low) <= step
    assert abs(meant.high - (low + width)) <= step


def test_the_score_counts_what_held_and_how_wide_it_was():
    samples = [Scored(100, 200, 150), Scored(100, 200, 250), Scored(0, 60, 30)]

    assert score(samples) == estimate.Score(3, 2 / 3, 100 / 150)
    assert score([]) == estimate.Score(0, 0.0, 0.0)


def test_ranges_that_fail_are_widened_and_ranges_that_hold_too_well_are_narrowed():
    failing = [Scored(1500, 2100, 2600)] * 100
    too_wide = [Scored(1500, 2100, 1775)] * 200

    # log(2600 / 1775) over half of log(2100 / 1500)
    assert widenings(failing)[2] == pytest.approx(2.27, abs=0.01)
    assert widenings(failing)[3] == 1.0
    assert widenings(too_wide)[2] == estimate.NARROWEST
    assert widenings([]) == [1.0] * 4


def test_a_range_given_already_widened_is_not_widened_twice():
    holding = [Scored(1200, 2600, actual, widening=2.0) for actual in range(1200, 2600, 14)]

    assert 1.6 < widenings(holding)[2] < 2.1


# The replay: rooms by the second, each kind in its own way; what was said is held against what
# happened, and feeds what is said next.


def called(rates, random):
    """Places called by each second, at a rate a minute that changes, with noise."""
    count, seconds = 0, [0]
    for rate in rates:
        a_second = rate / 60
        count += max(0, round(random.gauss(a_second, a_second**0.5)))
        seconds.append(count)
    return seconds


def drifting(random, length):
    wander, phase = 0.0, random.random() * 6
    for second in range(length):
        wander += -wander / HOUR + random.gauss(0, 0.15 * (2 / HOUR) ** 0.5)
        yield 120 * exp(wander) * (1 + 0.2 * sin(2 * pi * second / 7200 + phase))


def switching(random, length):
    """The operator changes the pace by a quarter about every forty minutes."""
    levels, rate = (90, 120, 150), 120
    for _ in range(length):
        if random.random() < 1 / 2400:
            rate = random.choice([level for level in levels if level != rate])
        yield rate


def saw_teeth(random, length):
    """Additive increase, multiplicative decrease, as waiting_room.pace does it."""
    rate, ceiling = 100.0, 150.0
    for second in range(length):
        rate += 0.25
        if second % 600 == 0:
            ceiling = random.uniform(120, 180)
        if rate > ceiling * random.uniform(0.95, 1.1):
            rate *= 0.6
        yield rate


def bursts(random, length):
    count, seconds, following = 0, [0], random.expovariate(1 / 25)
    for second in range(length):
        if second >= following:
            count += random.randint(20, 80)
            following = second + random.expovariate(1 / 25)
        seconds.append(count)
    return seconds


def waves(random, length):
    """Twelve hundred enter at once, a third of whom keep their ten minutes to the end."""
    leaving, count, seconds = [0] * (length + 700), 0, [0]
    free = 1200
    for second in range(length):
        free += leaving[second]
        entering = min(free, 60)
        free -= entering
        for _ in range(entering):
            stay = 600 if random.random() < 0.35 else min(600, random.lognormvariate(5.7, 0.35))
            leaving[second + int(stay) + 1] += 1
        count += int(entering / 0.8)
        seconds.append(count)
    return seconds


def pausing(random, length):
    rates, pauses, second = [120] * length, [], random.randint(1800, 5400)
    while second < length - 420:
        pause = random.randint(60, 420)
        rates[second : second + pause] = [0] * pause
        pauses.append((float(second), float(second + pause)))
        second += pause + random.randint(2400, 6000)
    return called(rates, random), pauses


def trace(kind, seed, length=5 * HOUR):
    random = Random(seed)  # noqa: S311
    rates = {
        "steady": lambda: [120] * length,
        "drift": lambda: drifting(random, length),
        "switches": lambda: switching(random, length),
        "saw": lambda: saw_teeth(random, length),
    }
    if kind in rates:
        return called(rates[kind](), random), []
    if kind == "pauses":
        return pausing(random, length)
    return {"bursts": bursts, "waves": waves}[kind](random, length), []


def replay(kind, seed, *, line=15_000, every=180):
    """What people somewhere in a line of up to two hours were told, and what became of it."""
    by_second, pauses = trace(kind, seed)
    random = Random(seed)  # noqa: S311
    said, open_, ended = [], [], []
    for now in range(every, len(by_second) - 1, every):
        open_.sort(key=lambda each: each[0])
        while open_ and open_[0][0] <= now:
            ended.append(open_.pop(0)[1])
        widths = widenings(ended)
        situation = RoomHistory(
            points=[(float(t), by_second[t]) for t in [*range(0, now, 15), now]],
            pauses=[(a, None if b > now else b) for a, b in pauses if a <= now],
            widenings=widths,
        )
        rows = table(situation, farthest=line)
        for distance in (random.randint(1, line) for _ in range(3 if rows else 0)):
            at = bisect_left(by_second, by_second[now] + distance)
            given = between(rows, distance)
            if at < len(by_second):
                shown = as_seconds(*rounded(given))
                sample = Scored(*shown, at - now, widths[bracket_of(given)])
                said.append(sample)
                open_.append((at, sample))
    return said


KINDS = ["steady", "drift", "switches", "bursts", "saw", "pauses", "waves"]


@pytest.fixture(scope="module")
def replayed():
    return {kind: [each for seed in (1, 2) for each in replay(kind, seed)] for kind in KINDS}


def test_nine_in_ten_ranges_hold_on_a_replay_and_are_narrow(replayed):
    overall = score([each for said in replayed.values() for each in said])

    assert overall.count > 2500
    assert overall.held >= 0.9
    assert overall.median_width < 0.4


@pytest.mark.parametrize("kind", KINDS)
def test_ranges_hold_whatever_the_pace_does(replayed, kind):
    # Where the pace itself changes for good, nobody can know it before; see the decision.
    least = 0.8 if kind in ("drift", "switches") else 0.88

    assert score(replayed[kind]).held >= least


def test_a_careless_range_around_the_present_pace_does_not_hold():
    careless = []
    for seed in (1, 2):
        by_second, _ = trace("switches", seed)
        for now in range(1800, 3 * HOUR, 600):
            rate = (by_second[now] - by_second[now - 600]) / 600
            for distance in (500, 2000, 8000):
                at = bisect_left(by_second, by_second[now] + distance)
                if at < len(by_second):
                    wait = distance / rate
                    careless.append(Scored(0.9 * wait, 1.1 * wait, at - now))

    assert score(careless).held < 0.8
