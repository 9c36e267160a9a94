"""How long until one is called: a range, from the room's own recent past.

A forecast for somebody D places away lies half-way, on a log scale, between the pace of the last D
places and that of the last hours. How far such forecasts were off is found by repeating them at
past moments of the same room and seeing what came of them; waits that are not over yet count with
what is known of them. The range holds the middle 90 % of those errors. `widenings` then corrects
it by how well the ranges really given have held, so that nine in ten hold even where tomorrow is
unlike yesterday (normalized conformal prediction; docs/decisions/0010-waiting-time.md).

Times are seconds on any clock that does not stop, served counts are places called so far. Pauses
are cut out of the pace, and count in full among the errors.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from math import exp, log
from typing import NamedTuple

COVERAGE = 0.9
LITTLE_HISTORY = 60.0  # seconds of calling before the first number
STALLED_SECONDS = 120.0  # without a call, and
STALLED_CALLS = 6.0  # this many times the usual time between calls: no number
SHORTEST_WINDOW = 180.0  # the pace is never taken from less
LONGEST_PAST = 3 * 3600.0  # what is older says nothing any more
ANCHORS = 36  # past moments at which forecasts are repeated
# Errors taken as possible before any were seen: at least so much, more where waits are as long
# as the past that is known, and never more than the last.
LEAST_PRIOR, UNKNOWN_PRIOR, MOST_PRIOR = 0.07, 0.09, 0.5
GROWTH = (0.5, 2.0)  # of errors with every fourfold distance: from mere noise to steady drift
LEAST_ERROR = 0.03
BRACKET_ENDS = [300.0, 1200.0, 3600.0]  # of the middle of a range, where score is kept apart
BRACKETS = len(BRACKET_ENDS) + 1
SCORED = 200  # the latest ranges of a bracket that correct the next
NARROWEST, WIDEST = 0.6, 2.5
DISTANCES = [digit * 10**power for power in range(8) for digit in (1, 2, 5)]


class Range(NamedTuple):
    low: float  # seconds
    high: float


class Row(NamedTuple):
    distance: int
    low: float
    high: float


class Scored(NamedTuple):
    """An estimate that was given, and what happened: all in seconds."""

    low: float
    high: float
    actual: float
    widening: float = 1.0  # that the range was given with


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What a room's estimates are made from.

    `points` are (time, served), ascending, the last one now; a point every ten or fifteen seconds
    is plenty. `pauses` are (from, until) on the same clock; in a pause going on, until is None.
    """

    points: Sequence[tuple[float, int]]
    pauses: Sequence[tuple[float, float | None]] = ()
    widenings: Sequence[float] = (1.0,) * BRACKETS

    @property
    def why_no_number(self) -> str:
        """Empty, or one of: paused, too_little_history, stalled."""
        if any(until is None for _, until in self.pauses):
            return "paused"
        flow = self.flow
        if flow.served[-1] <= flow.served[0] or flow.times[-1] - flow.times[0] < LITTLE_HISTORY:
            return "too_little_history"
        return "stalled" if flow.is_stalled else ""

    @cached_property
    def flow(self) -> "Flow":
        return Flow.from_points(self.points, self.pauses)


def estimate(now: Situation, distance: int) -> Range | None:
    """When somebody `distance` places behind the last one called will be called."""
    if now.why_no_number:
        return None
    return _estimate(now.flow, distance, now.widenings)


def table(now: Situation, *, farthest: int) -> list[Row]:
    """Ranges for distances 1, 2, 5, 10, … and `farthest`; empty when there is no number.

    Pages read between the rows in a straight line (`between`). Never falling with distance.
    """
    if now.why_no_number or farthest < 1:
        return []
    distances = [distance for distance in DISTANCES if distance < farthest] + [farthest]
    ranges = [_estimate(now.flow, distance, now.widenings) for distance in distances]
    if None in ranges:
        return []
    lows = accumulate((each.low for each in ranges if each), max)
    highs = accumulate((each.high for each in ranges if each), max)
    return [Row(*row) for row in zip(distances, lows, highs, strict=True)]


def between(rows: Sequence[Row], distance: int) -> Range | None:
    """What a page shows at `distance`, from the two rows around it."""
    if not rows:
        return None
    after = bisect_left([row.distance for row in rows], distance)
    if after == len(rows):
        after -= 1
    before = Row(0, 0.0, 0.0) if after == 0 else rows[after - 1]
    share = (distance - before.distance) / (rows[after].distance - before.distance)
    return Range(
        before.low + (rows[after].low - before.low) * share,
        before.high + (rows[after].high - before.high) * share,
    )


def for_people(given: Range) -> tuple[float, float, str]:
    """The range as people say it: (25, 35, "minutes"), (2, 2.5, "hours"), (0, 1, "minutes").

    From 0 to 1 minutes is to be worded “under a minute”.
    """
    low, high = given
    if high <= 60:
        return 0, 1, "minutes"
    step = next(step for limit, step in _STEPS if high < limit)
    if step == 60:
        first, last = int(low // step), -int(-high // step)
    else:
        first, last = round(low / step), round(high / step)
    if first == last:  # too narrow to say: the step that holds its middle
        first = int((low + high) / 2 // step)
        last = first + 1
    if step < 1800:
        return first * step // 60, last * step // 60, "minutes"
    return first * step / 3600, last * step / 3600, "hours"


# The step that both ends are rounded to, by the far end of the range.
_STEPS = [(15 * 60, 60), (2 * 3600, 300), (6 * 3600, 1800), (float("inf"), 3600)]


def as_seconds(low: float, high: float, unit: str) -> Range:
    """What was said to people, for keeping score of it."""
    seconds = 3600 if unit == "hours" else 60
    return Range(low * seconds, high * seconds)


@dataclass(frozen=True)
class Score:
    count: int
    held: float  # share of ranges that held what happened
    median_width: float  # of the range, as a share of the wait


def score(samples: Iterable[Scored]) -> Score:
    samples = list(samples)
    if not samples:
        return Score(0, 0.0, 0.0)
    widths = sorted((each.high - each.low) / max(each.actual, 1.0) for each in samples)
    held = sum(each.low <= each.actual <= each.high for each in samples)
    return Score(len(samples), held / len(samples), widths[len(widths) // 2])


def widenings(samples: Iterable[Scored]) -> list[float]:
    """How much wider than the past suggests ranges must be, by bracket of waiting time.

    `samples` are the estimates given whose waits are over, in the order in which they ended. Each
    says by which factor its range, on a log scale, would just have held; the factor that nine in
    ten of them would have needed is the next.
    """
    needed: list[list[float]] = [[] for _ in range(BRACKETS)]
    for each in samples:
        low = max(each.low, 20.0)  # people read “up to two minutes” as such, not as from zero
        high = max(each.high, low * 1.05)
        factor = abs(log(max(each.actual, 1.0) / (low * high) ** 0.5)) / (log(high / low) / 2)
        held = each.low <= each.actual <= each.high
        factor = min(factor, 1.0) if held else max(factor, 1.0)
        needed[bracket_of(each)].append(factor * each.widening)
    return [_nine_in_ten(_BEFORE_ANY_SCORE + factors[-SCORED:]) for factors in needed]


# Factors spread as those of ranges that hold as often as they should.
_BEFORE_ANY_SCORE = [number / 20 for number in range(1, 22)] * 2


def _nine_in_ten(factors: list[float]) -> float:
    # One more than nine in ten, as the next one is not among them.
    rank = min(int(len(factors) * (COVERAGE + 0.01)), len(factors) - 1)
    return min(max(sorted(factors)[rank], NARROWEST), WIDEST)


def bracket_of(given: Range | Row | Scored) -> int:
    """The bracket whose score a range counts for; an index of `widenings`."""
    return bisect_right(BRACKET_ENDS, (given.low + given.high) / 2)


class Flow:
    """How many places had been called by when, on a clock that stands still in pauses."""

    def __init__(self, times: list[float], served: list[int], paused: list[float]):
        self.times = times
        self.served = served
        self.paused = paused  # seconds of pauses before each of them

    @classmethod
    def from_points(
        cls,
        points: Sequence[tuple[float, int]],
        pauses: Sequence[tuple[float, float | None]] = (),
    ) -> "Flow":
        times: list[float] = []
        served: list[int] = []
        paused: list[float] = []
        since = points[-1][0] - LONGEST_PAST if points else 0.0
        for at, count in points:
            if at < since:
                continue
            stood = sum(
                min(at, at if until is None else until) - start
                for start, until in pauses
                if start < at
            )
            running = at - stood
            if times and running <= times[-1]:
                served[-1] = max(served[-1], count)
            else:
                times.append(running)
                paused.append(stood)
                served.append(max(count, served[-1] if served else count))
        return cls(times or [0.0], served or [0], paused or [0.0])

    @property
    def is_stalled(self) -> bool:
        """Whether calls stay away much longer than they used to."""
        steps = zip(self.times[1:], pairwise(self.served), strict=True)
        moved = [at for at, (before, after) in steps if after > before]
        if not moved:
            return True
        usual = (moved[-1] - self.times[0]) / len(moved)
        return self.times[-1] - moved[-1] > max(STALLED_SECONDS, STALLED_CALLS * usual)

    def served_at(self, time: float) -> float:
        after = bisect_right(self.times, time)
        if after in (0, len(self.times)):
            return self.served[0] if after == 0 else self.served[-1]
        start, end = self.times[after - 1], self.times[after]
        gone = (time - start) / (end - start)
        return self.served[after - 1] + (self.served[after] - self.served[after - 1]) * gone

    def paused_between(self, start: float, end: float) -> float:
        last = len(self.times) - 1
        before = self.paused[min(bisect_right(self.times, start), last)]
        return self.paused[min(bisect_right(self.times, end), last)] - before

    def time_of(self, place: float) -> float | None:
        """When `place` was called; None if it was not yet."""
        after = bisect_left(self.served, place)
        if after in (0, len(self.served)):
            return self.times[0] if after == 0 else None
        start, end = self.served[after - 1], self.served[after]
        gone = (place - start) / (end - start)
        return self.times[after - 1] + (self.times[after] - self.times[after - 1]) * gone

    def forecast(self, time: float, distance: float) -> float | None:
        """The seconds that `distance` places take, judged by what was known at `time`."""
        usually = self._seconds_a_place(time, self.served[-1])
        if usually is None:
            return None
        lately = self._seconds_a_place(time, distance) or usually
        seconds: float = distance * (lately * usually) ** 0.5
        return seconds

    def _seconds_a_place(self, time: float, places: float) -> float | None:
        served = self.served_at(time)
        back = self.time_of(max(self.served[0], served - places))
        start = max(self.times[0], min(time - SHORTEST_WINDOW, time if back is None else back))
        called = served - self.served_at(start)
        if called <= 0 or time - start < LITTLE_HISTORY / 2:
            return None
        return (time - start) / called


class _Error(NamedTuple):
    log_ratio: float  # what happened ÷ what was forecast
    weight: float


def _estimate(flow: Flow, distance: int, widenings: Sequence[float]) -> Range | None:
    middle = flow.forecast(flow.times[-1], distance)
    if middle is None:
        return None
    errors = _errors_to_reckon_with(flow, distance, middle)
    low = min(_quantile(errors, (1 - COVERAGE) / 2), -LEAST_ERROR)
    high = max(_quantile(errors, (1 + COVERAGE) / 2), LEAST_ERROR)
    wider = widenings[bracket_of(Range(middle * exp(low), middle * exp(high)))]
    return Range(middle * exp(low * wider), middle * exp(high * wider))


def _errors_to_reckon_with(flow: Flow, distance: float, wait: float) -> list[_Error]:
    """Those that were made, and some that are possible though nobody has seen them yet."""
    past = flow.times[-1] - flow.times[0]
    made = _past_errors(flow, distance, wait)
    guess = _guess(
        [_past_errors(flow, distance / part, wait / part) for part in (16, 4)],
        least=LEAST_PRIOR + UNKNOWN_PRIOR * min(1.0, wait / past),
    )
    # Waits that overlap count as one, so a long wait against a short past is mostly a guess.
    seen = sum(error.weight for error in made)
    independent = min(past / max(wait, 60.0), seen) + 0.01
    weight = max(seen, 0.01) / independent / 2
    return [*made, _Error(-guess, weight), _Error(guess, weight)]


def _past_errors(flow: Flow, distance: float, wait: float) -> list[_Error]:
    """What forecasts made in the past for this distance came to."""
    now, served = flow.times[-1], flow.served[-1]
    start = flow.times[0] + LITTLE_HISTORY
    fading = max(1800.0, 2 * wait)
    errors = []
    for number in range(ANCHORS):
        then = start + (now - start) * number / ANCHORS
        forecast = flow.forecast(then, distance)
        if forecast is None:
            continue
        end = flow.time_of(flow.served_at(then) + distance)
        if end is None:  # not over: the rest as it looks now
            rest = flow.forecast(now, flow.served_at(then) + distance - served)
            end = now + (rest or 0.0)
        weight = exp((min(end, now) - now) / fading)
        wait_then = end - then + flow.paused_between(then, end)
        errors.append(_Error(log(max(wait_then, 1.0) / max(forecast, 1.0)), weight))
    return errors


def _guess(nearer: list[list[_Error]], *, least: float) -> float:
    """The error to reckon with, from those at a sixteenth and a quarter of the distance."""
    if not all(nearer):
        return MOST_PRIOR
    small, large = (max(_quantile(_absolute(errors), COVERAGE), 1e-3) for errors in nearer)
    growth = min(max(large / small, GROWTH[0]), GROWTH[1])
    return min(max(large * growth, least), MOST_PRIOR)


def _absolute(errors: list[_Error]) -> list[_Error]:
    return [_Error(abs(error.log_ratio), error.weight) for error in errors]


def _quantile(errors: list[_Error], share: float) -> float:
    """The weighted quantile, in a straight line between the middles of neighbouring weights."""
    ordered = sorted(errors)
    total = sum(error.weight for error in ordered)
    position, before = 0.0, ordered[0]
    reached = 0.0
    for error in ordered:
        middle = position + error.weight / 2
        if middle >= share * total:
            if middle == reached or error is before:
                return error.log_ratio
            gone = (share * total - reached) / (middle - reached)
            return before.log_ratio + (error.log_ratio - before.log_ratio) * gone
        position, before, reached = position + error.weight, error, middle
    return ordered[-1].log_ratio
