"""When a cohort will be done: a range, or words for why there is none.

The first doses of the last `DAYS` completed days are resampled in blocks of seven days that follow
each other, until the people who are left are reached (moving block bootstrap: Künsch, Annals of
Statistics 17, 1989). Blocks of a week keep the rhythm of weekdays; no trend is assumed. The range
is that of the middle 80 % of the runs.

Its honesty is measured as that of waiting times is: the same blocks give a range for one week, and
each of the last `ORIGINS` days is taken as if it were today, with nothing known after it (rolling
origin: Tashman, International Journal of Forecasting 16, 2000). `score` counts how many of those
weeks ended within their range; 80 % should.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

WEEK = 7
DAYS = 28  # that are resampled
LEAST_DAYS = 14  # eight blocks; fewer say too little
ORIGINS = 28
NEEDED = DAYS + WEEK + ORIGINS  # days that a score looks at
RUNS = 200
MOST_WEEKS = 52
LOW, HIGH = 0.1, 0.9


@dataclass(frozen=True)
class Range:
    """Days from the last completed day until a cohort is done."""

    low: int
    middle: int
    high: int


@dataclass(frozen=True)
class Score:
    held: int
    weeks: int


def forecast(doses: Sequence[int], left: int) -> Range | None:
    """The range for `left` people by the doses of completed days, the oldest first.

    None without enough days, or if the pace would take more than a year.
    """
    if left <= 0:
        return Range(0, 0, 0)
    blocks = _blocks(doses[-DAYS:])
    if len(doses) < LEAST_DAYS or not any(blocks):
        return None
    draws = Random(left)  # noqa: S311 - the same numbers give the same range
    runs = sorted(_run(blocks, left, draws) for _ in range(RUNS))
    low, middle, high = (runs[int(share * (RUNS - 1))] for share in (LOW, 0.5, HIGH))
    return None if high > MOST_WEEKS * WEEK else Range(low, middle, high)


def _blocks(doses: Sequence[int]) -> list[int]:
    """Doses of each seven days that follow each other."""
    return [sum(doses[start : start + WEEK]) for start in range(len(doses) - WEEK + 1)]


def _run(blocks: Sequence[int], left: int, draws: Random) -> int:
    days = 0
    while days < MOST_WEEKS * WEEK:
        block = draws.choice(blocks)
        if block >= left:
            return days + -(-WEEK * left // block)
        left -= block
        days += WEEK
    return days + 1


def score(doses: Sequence[int]) -> Score:
    """How many of the weeks that began in the last days ended within their range."""
    held = weeks = 0
    for origin in range(max(len(doses) - WEEK - ORIGINS + 1, LEAST_DAYS), len(doses) - WEEK + 1):
        blocks = sorted(_blocks(doses[max(origin - DAYS, 0) : origin]))
        low, high = (blocks[round(share * (len(blocks) - 1))] for share in (LOW, HIGH))
        weeks += 1
        held += low <= sum(doses[origin : origin + WEEK]) <= high
    return Score(held, weeks)
