"""The forecast of a change of limits, held against the pace that the tick would take."""

import heapq
from collections import deque
from random import Random

import pytest

from waiting_room.estimate import Row
from waiting_room.forecast import LineLoad, forecast
from waiting_room.pace import LineState, decide

SHORTEST, LONGEST = 60, 300  # seconds inside


def simulated(*, waiting: int, limits: tuple[int, int], after: tuple[int, int], warm: int = 1800):
    """Seconds until the last of `waiting` is called after the change, and the load before it."""
    inside: list[float] = []  # when each leaves
    random = Random(7)  # noqa: S311 - no secret
    pace = credit = 0.0
    lately = deque[int](maxlen=600)
    second, left = 0, None
    while left is None or left > 0:
        max_active, max_per_minute = limits if second < warm else after
        while inside and inside[0] <= second:
            heapq.heappop(inside)
        state = LineState(
            waiting=10**6 if left is None else left,
            max_active=max_active,
            active=len(inside),
            max_per_minute=max_per_minute,
            pace=pace,
            credit=credit,
        )
        decision = decide(state)
        pace, credit = decision.pace, decision.credit
        for _ in range(decision.advance):
            heapq.heappush(inside, second + random.uniform(SHORTEST, LONGEST))
        lately.append(decision.advance)
        if left is not None:
            left -= decision.advance
        second += 1
        if second == warm:
            left = waiting
            rate = sum(lately) / 10
            load = LineLoad(
                waiting=waiting,
                inside=len(inside),
                max_active=max_active,
                max_per_minute=max_per_minute,
                pace=pace,
                called=rate,
                joined=0.0,
                is_full=decision.reasons[0].code == "room",
                waits=(Row(waiting, 55 * waiting / rate, 65 * waiting / rate),),
            )
    return second - warm, load


@pytest.mark.parametrize(
    ("limits", "after"),
    [
        ((60, 600), (120, 600)),  # the room decides, and doubles
        ((60, 600), (30, 600)),
        ((600, 60), (600, 120)),  # the rate decides, and doubles
        ((600, 60), (600, 30)),
        ((600, 60), (90, 600)),  # the rate is set free, and the room takes over
        ((60, 600), (60, 1200)),  # a rate that does not bind changes nothing
    ],
)
def test_the_forecast_is_what_the_pace_then_does(limits, after):
    waited, load = simulated(waiting=1000, limits=limits, after=after)

    then = forecast(load, max_active=after[0], max_per_minute=after[1])

    assert then.rate == pytest.approx(1000 * 60 / waited, rel=0.15)
    assert then.wait.low <= waited <= then.wait.high
    assert then.least <= waited


def test_limits_that_stay_give_the_published_estimate():
    _waited, load = simulated(waiting=300, limits=(60, 600), after=(60, 600))

    now = forecast(load, max_active=60, max_per_minute=600)

    assert now.wait == load.waits[0][1:]
    assert now.rate == load.called


def line(**more) -> LineLoad:
    values = {
        "waiting": 500,
        "inside": 90,
        "max_active": 100,
        "max_per_minute": 60,
        "pace": 30.0,
        "called": 30.0,
        "joined": 40.0,
    }
    return LineLoad(**{**values, **more})


def test_a_higher_limit_gives_nothing_while_booking_is_slow():
    slowed = forecast(line(is_slowed=True), max_active=1000, max_per_minute=600)

    assert (slowed.rate, slowed.grows) == (30.0, True)


def test_before_the_first_call_only_the_limit_is_known():
    first = forecast(line(called=0.0), max_active=100, max_per_minute=50)

    assert (first.rate, first.wait, first.least, first.grows) == (None, None, 600.0, False)
    nobody = forecast(line(waiting=0), max_active=100, max_per_minute=10)
    assert (nobody.least, nobody.grows) == (0.0, True)
