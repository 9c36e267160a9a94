"""Estimates of waiting times: a range, from the room's own recent past.

The forecast for a distance of D places is the geometric mean of two paces, that of the last D
places and that of the last hours. Its errors are measured by repeating the forecast at past moments
of the room; waits that are not over count with what is known of them. The range covers the middle
90 % of those errors. `widenings` then corrects it by how often published ranges have held, so that
nine in ten hold also when conditions change (normalized conformal prediction;
docs/decisions/0010-waiting-time.md).

Times are seconds of any clock that does not stop; served counts are places called so far. Pauses
are left out of the pace, and count in full among the errors.
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
# No estimate after this many seconds without a call that are also this multiple of the usual time
# between calls.
STALLED_SECONDS = 120.0
STALLED_CALLS = 6.0
SHORTEST_WINDOW = 180.0  # seconds that a pace is measured over, at least
LONGEST_PAST = 3 * 3600.0  # older calls are ignored
ANCHORS = 36  # past moments at which forecasts are repeated
# Assumed error (of the logarithm) before any is measured: at least the first, plus up to the second
# where waits are as long as the known past, and at most the third.
LEAST_PRIOR, UNKNOWN_PRIOR, MOST_PRIOR = 0.07, 0.09, 0.5
GROWTH = (0.5, 2.0)  # of errors per fourfold distance: from pure noise to steady drift
LEAST_ERROR = 0.03
BRACKET_ENDS = [300.0, 1200.0, 3600.0]  # seconds; ranges are scored apart by their middle
BRACKETS = len(BRACKET_ENDS) + 1
SCORED = 200  # latest ranges of a bracket that the correction uses
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
    """A published estimate and the actual wait, in seconds."""

    low: float
    high: float
    actual: float
    widening: float = 1.0  # by which the published range was widened


@dataclass(frozen=True, kw_only=True)
class RoomHistory:
    """Input of a room's estimates.

    `points` are (time, served), ascending, the last one now; one every 15 seconds suffices.
    `pauses` are (from, until) on the same clock; until is None in a current pause.
    """

    points: Sequence[tuple[float, int]]
    pauses: Sequence[tuple[float, float | None]] = ()
    widenings: Sequence[float] = (1.0,) * BRACKETS

    @property
    def why_no_number(self) -> str:
        """Why there is no estimate: "paused", "too_little_history", "stalled", or ""."""
        if any(until is None for _, until in self.pauses):
            return "paused"
        flow = self.flow
        if flow.served[-1] <= flow.served[0] or flow.times[-1] - flow.times[0] < LITTLE_HISTORY:
            return "too_little_history"
        return "stalled" if flow.is_stalled else ""

    @cached_property
    def flow(self) -> "Flow":
        return Flow.from_points(self.points, self.pauses)


def estimate(history: RoomHistory, distance: int) -> Range | None:
    """The wait of a ticket `distance` places behind the last call; None without an estimate."""
    if history.why_no_number:
        return None
    return _estimate(history.flow, distance, history.widenings)


def table(history: RoomHistory, *, farthest: int) -> list[Row]:
    """Ranges for distances 1, 2, 5, 10, … and `farthest`; [] without an estimate.

    Pages interpolate between the rows (`between`). Neither end decreases with distance.
    """
    if history.why_no_number or farthest < 1:
        return []
    distances = [distance for distance in DISTANCES if distance < farthest] + [farthest]
    ranges = [_estimate(history.flow, distance, history.widenings) for distance in distances]
    if None in ranges:
        return []
    lows = accumulate((exact.low for exact in ranges if exact), max)
    highs = accumulate((exact.high for exact in ranges if exact), max)
    return [Row(*row) for row in zip(distances, lows, highs, strict=True)]


def between(rows: Sequence[Row], distance: int) -> Range | None:
    """The range at `distance`, interpolated linearly between the two rows around it."""
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


def rounded(exact: Range) -> tuple[float, float, str]:
    """The range in round numbers: (25, 35, "minutes"), (2, 2.5, "hours"), (0, 1, "minutes").

    Pages write 0 to 1 minutes as “under a minute”. static/jari/waiting.js rounds the same way.
    """
    low, high = exact
    if high <= 60:
        return 0, 1, "minutes"
    step = next(step for limit, step in _STEPS if high < limit)
    if step == 60:
        first, last = int(low // step), -int(-high // step)
    else:
        first, last = round(low / step), round(high / step)
    if first == last:  # narrower than a step: the step around its middle
        first = int((low + high) / 2 // step)
        last = first + 1
    if step < 1800:
        return first * step // 60, last * step // 60, "minutes"
    return first * step / 3600, last * step / 3600, "hours"


# (upper end below this, step that both ends are rounded to), in seconds.
_STEPS = [(15 * 60, 60), (2 * 3600, 300), (6 * 3600, 1800), (float("inf"), 3600)]


def as_seconds(low: float, high: float, unit: str) -> Range:
    """A rounded range in seconds, as it is scored."""
    seconds = 3600 if unit == "hours" else 60
    return Range(low * seconds, high * seconds)


@dataclass(frozen=True)
class Score:
    """How well published ranges held."""

    count: int
    held: float  # share of ranges that contained the actual wait
    median_width: float  # of the ranges, as a share of the actual wait


def score(samples: Iterable[Scored]) -> Score:
    samples = list(samples)
    if not samples:
        return Score(0, 0.0, 0.0)
    widths = sorted((sample.high - sample.low) / max(sample.actual, 1.0) for sample in samples)
    held = sum(sample.low <= sample.actual <= sample.high for sample in samples)
    return Score(len(samples), held / len(samples), widths[len(widths) // 2])


def widenings(samples: Iterable[Scored]) -> list[float]:
    """The factor that widens ranges, by bracket of waiting time.

    `samples` are published estimates whose waits are over, in the order of their ends. Each gives
    the factor by which its range, on a log scale, would just have held; the next factor is the
    one that would have sufficed for nine in ten.
    """
    needed: list[list[float]] = [[] for _ in range(BRACKETS)]
    for sample in samples:
        # People read “up to two minutes” not as from zero, which would have no logarithm either.
        low = max(sample.low, 20.0)
        high = max(sample.high, low * 1.05)
        factor = abs(log(max(sample.actual, 1.0) / (low * high) ** 0.5)) / (log(high / low) / 2)
        held = sample.low <= sample.actual <= sample.high
        factor = min(factor, 1.0) if held else max(factor, 1.0)
        needed[bracket_of(sample)].append(factor * sample.widening)
    return [_nine_in_ten(_BEFORE_ANY_SCORE + factors[-SCORED:]) for factors in needed]


# Factors as they are distributed where ranges hold as often as intended.
_BEFORE_ANY_SCORE = [number / 20 for number in range(1, 22)] * 2


def _nine_in_ten(factors: list[float]) -> float:
    # A little above nine in ten, as the range to come is not among the samples.
    rank = min(int(len(factors) * (COVERAGE + 0.01)), len(factors) - 1)
    return min(max(sorted(factors)[rank], NARROWEST), WIDEST)


def bracket_of(published: Range | Row | Scored) -> int:
    """The bracket that a range is scored in; an index of `widenings`."""
    return bisect_right(BRACKET_ENDS, (published.low + published.high) / 2)


class Flow:
    """Places called over time, on a clock that stops during pauses."""

    def __init__(self, times: list[float], served: list[int], paused: list[float]):
        self.times = times
        self.served = served
        self.paused = paused  # seconds of pauses before each time

    @classmethod
    def from_points(
        cls,
        points: Sequence[tuple[float, int]],
        pauses: Sequence[tuple[float, float | None]] = (),
    ) -> "Flow":
        """Take pauses out of the times of `points`; points older than LONGEST_PAST are dropped."""
        times: list[float] = []
        served: list[int] = []
        paused: list[float] = []
        since = points[-1][0] - LONGEST_PAST if points else 0.0
        for at, count in points:
            if at < since:
                continue
            paused_before = sum(
                min(at, at if until is None else until) - start
                for start, until in pauses
                if start < at
            )
            running = at - paused_before
            if times and running <= times[-1]:  # within a pause: one point for all of it
                served[-1] = max(served[-1], count)
            else:
                times.append(running)
                paused.append(paused_before)
                served.append(max(count, served[-1] if served else count))
        return cls(times or [0.0], served or [0], paused or [0.0])

    @property
    def is_stalled(self) -> bool:
        """Whether there was no call for much longer than usual."""
        steps = zip(self.times[1:], pairwise(self.served), strict=True)
        moved = [at for at, (before, after) in steps if after > before]
        if not moved:
            return True
        usual = (moved[-1] - self.times[0]) / len(moved)
        return self.times[-1] - moved[-1] > max(STALLED_SECONDS, STALLED_CALLS * usual)

    def served_at(self, time: float) -> float:
        """Places called by `time`, interpolated."""
        after = bisect_right(self.times, time)
        if after in (0, len(self.times)):
            return self.served[0] if after == 0 else self.served[-1]
        start, end = self.times[after - 1], self.times[after]
        share = (time - start) / (end - start)
        return self.served[after - 1] + (self.served[after] - self.served[after - 1]) * share

    def paused_between(self, start: float, end: float) -> float:
        """Seconds of pauses between two times of this clock."""
        last = len(self.times) - 1
        before = self.paused[min(bisect_right(self.times, start), last)]
        return self.paused[min(bisect_right(self.times, end), last)] - before

    def time_of(self, place: float) -> float | None:
        """When `place` was called, interpolated; None if it is not called yet."""
        after = bisect_left(self.served, place)
        if after in (0, len(self.served)):
            return self.times[0] if after == 0 else None
        start, end = self.served[after - 1], self.served[after]
        share = (place - start) / (end - start)
        return self.times[after - 1] + (self.times[after] - self.times[after - 1]) * share

    def forecast(self, time: float, distance: float) -> float | None:
        """Seconds for `distance` places, from what was known at `time`; None if too little was."""
        overall = self._seconds_per_place(time, self.served[-1])
        if overall is None:
            return None
        recent = self._seconds_per_place(time, distance) or overall
        seconds: float = distance * (recent * overall) ** 0.5
        return seconds

    def _seconds_per_place(self, time: float, places: float) -> float | None:
        """The pace over the last `places` before `time`, and at least over SHORTEST_WINDOW."""
        served = self.served_at(time)
        back = self.time_of(max(self.served[0], served - places))
        start = max(self.times[0], min(time - SHORTEST_WINDOW, time if back is None else back))
        called = served - self.served_at(start)
        if called <= 0 or time - start < LITTLE_HISTORY / 2:
            return None
        return (time - start) / called


class _Error(NamedTuple):
    log_ratio: float  # logarithm of actual ÷ forecast
    weight: float


def _estimate(flow: Flow, distance: int, widenings: Sequence[float]) -> Range | None:
    middle = flow.forecast(flow.times[-1], distance)
    if middle is None:
        return None
    errors = _errors_with_prior(flow, distance, middle)
    low = min(_quantile(errors, (1 - COVERAGE) / 2), -LEAST_ERROR)
    high = max(_quantile(errors, (1 + COVERAGE) / 2), LEAST_ERROR)
    widening = widenings[bracket_of(Range(middle * exp(low), middle * exp(high)))]
    return Range(middle * exp(low * widening), middle * exp(high * widening))


def _errors_with_prior(flow: Flow, distance: float, wait: float) -> list[_Error]:
    """Measured errors, and a prior error of either sign that counts like one measurement."""
    past = flow.times[-1] - flow.times[0]
    measured = _past_errors(flow, distance, wait)
    prior = _prior_error(
        [_past_errors(flow, distance / part, wait / part) for part in (16, 4)],
        least=LEAST_PRIOR + UNKNOWN_PRIOR * min(1.0, wait / past),
    )
    # Overlapping waits are one measurement: for a long wait in a short past the prior dominates.
    total = sum(error.weight for error in measured)
    independent = min(past / max(wait, 60.0), total) + 0.01
    weight = max(total, 0.01) / independent / 2
    return [*measured, _Error(-prior, weight), _Error(prior, weight)]


def _past_errors(flow: Flow, distance: float, wait: float) -> list[_Error]:
    """Errors of forecasts for this distance at ANCHORS past moments; recent ones weigh more."""
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
        if end is None:  # not over: the remaining wait as it is forecast now
            remaining = flow.forecast(now, flow.served_at(then) + distance - served)
            end = now + (remaining or 0.0)
        weight = exp((min(end, now) - now) / fading)
        wait_then = end - then + flow.paused_between(then, end)
        errors.append(_Error(log(max(wait_then, 1.0) / max(forecast, 1.0)), weight))
    return errors


def _prior_error(nearer: list[list[_Error]], *, least: float) -> float:
    """The prior error, extrapolated from errors at a sixteenth and a quarter of the distance."""
    if not all(nearer):
        return MOST_PRIOR
    small, large = (max(_quantile(_absolute(errors), COVERAGE), 1e-3) for errors in nearer)
    growth = min(max(large / small, GROWTH[0]), GROWTH[1])
    return min(max(large * growth, least), MOST_PRIOR)


def _absolute(errors: list[_Error]) -> list[_Error]:
    return [_Error(abs(error.log_ratio), error.weight) for error in errors]


def _quantile(errors: list[_Error], share: float) -> float:
    """The weighted quantile, interpolated between the middles of neighbouring weights."""
    ordered = sorted(errors)
    total = sum(error.weight for error in ordered)
    position, before = 0.0, ordered[0]
    reached = 0.0
    for error in ordered:
        middle = position + error.weight / 2
        if middle >= share * total:
            if middle == reached or error is before:
                return error.log_ratio
            fraction = (share * total - reached) / (middle - reached)
            return before.log_ratio + (error.log_ratio - before.log_ratio) * fraction
        position, before, reached = position + error.weight, error, middle
    return ordered[-1].log_ratio
