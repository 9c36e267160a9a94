"""What other limits would do to a line: calls per minute, and the wait of the last person.

People stay inside for about as long as before (Little's law: inside = entered per minute × stay),
so a room takes calls in proportion to its `max_active`. The pace is the smaller of that and of
`max_per_minute`; while booking is slow or fails, that of pace.decide, whatever the limit. The
published estimate is scaled by it. Pure functions.
"""

from dataclasses import dataclass
from math import exp

from waiting_room.estimate import Range, Row, between
from waiting_room.pace import RISE_SHARE_PER_SECOND

# The error (of the logarithm) that a forecast of a change adds to both ends of an estimate.
CHANGE_ERROR = 0.15


@dataclass(frozen=True, kw_only=True)
class LineLoad:
    """How a line moves now. Rates are people per minute, of the last minutes."""

    waiting: int
    inside: int
    max_active: int
    max_per_minute: int
    pace: float  # the most per minute that pace.decide allows now
    called: float
    joined: float
    is_full: bool = False  # the room decides the pace
    is_slowed: bool = False  # booking is slow or fails
    waits: tuple[Row, ...] = ()  # the published estimates


@dataclass(frozen=True)
class Forecast:
    """The line under some limits."""

    rate: float | None  # calls per minute; None before anybody was called
    wait: Range | None  # seconds of the last person in line; None without an estimate
    least: float  # seconds that the last person waits at any rate
    grows: bool  # more people join than are called

    @property
    def least_seconds(self) -> int:
        return round(self.least)


def forecast(load: LineLoad, *, max_active: int, max_per_minute: int) -> Forecast:
    """The line with these limits; with those of `load` as it is published now."""
    is_as_now = (max_active, max_per_minute) == (load.max_active, load.max_per_minute)
    rate = _rate(load, max_active, max_per_minute)
    if is_as_now and rate is not None:
        rate = load.called
    return Forecast(
        rate=rate,
        wait=_wait(load, rate, max_per_minute, is_as_now=is_as_now),
        least=60 * load.waiting / max_per_minute,
        grows=rate is not None and load.joined > rate,
    )


def _rate(load: LineLoad, max_active: int, max_per_minute: int) -> float | None:
    """Calls per minute; None before anybody was called."""
    if load.called <= 0:
        return None
    # People at the door and on their way take up room too, so a full room counts as full.
    occupied = load.max_active if load.is_full else max(load.inside, 1)
    by_room = load.called * max_active / occupied
    by_rate = min(max_per_minute, load.pace) if load.is_slowed else max_per_minute
    return min(by_room, float(by_rate))


def _wait(
    load: LineLoad, rate: float | None, max_per_minute: int, *, is_as_now: bool
) -> Range | None:
    if not load.waiting:
        return Range(0.0, 60.0)
    published = between(load.waits, load.waiting)
    if published is None or not rate:
        return None
    if is_as_now:
        return published
    factor, ramp = load.called / rate, _ramp(load, rate, max_per_minute)
    return Range(
        published.low * factor * exp(-CHANGE_ERROR),
        published.high * factor * exp(CHANGE_ERROR) + ramp,
    )


def _ramp(load: LineLoad, rate: float, max_per_minute: int) -> float:
    """Seconds that the steps of a rising pace cost the last person, at most."""
    missing = max(0.0, rate - load.pace)
    seconds = missing / (max_per_minute * RISE_SHARE_PER_SECOND)
    return seconds / 2 * missing / rate
