"""How many people to call next: one pure decision a tick.

Two limits meet. Room: the free admissions, less the people at the door and those called who are
still expected, divided by the share of called people who come. Rate: the pace, which rises by
steps while booking answers well and falls by a factor while it is slow or failing, as TCP does,
between a floor and the operator's `max_per_minute`. People called who do not come take up room
only while they are still likely to, so that nobody behind them waits for them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import exp, floor

CATCH_UP_SECONDS = 5.0  # a drainer that was away makes up for no more than this
START_SHARE = 0.5  # a room begins at this share of max_per_minute
FLOOR_SHARE = 0.05  # and never goes below this, so that trouble that ended is noticed
RISE_SHARE_PER_SECOND = 0.005  # of max_per_minute: from half to full in a hundred seconds
FALL_PER_SECOND = 0.7**0.1  # to 70 % in ten seconds of trouble
CALM_SHARE = 0.8  # of a target; between this and the target the pace stays

SHOW_UP_PRIOR = 0.9
SHOW_UP_PRIOR_WEIGHT = 20
LOWEST_SHOW_UP = 0.2  # so that a run of absent people never leads to calling a crowd


@dataclass(frozen=True, kw_only=True)
class Situation:
    waiting: int  # tickets with a place that has not been called
    max_active: int
    active: int  # admissions in use
    max_per_minute: int
    at_door: int = 0  # called, here, and not in yet
    expected: float = 0.0  # called, not here, and still likely to come: still_expected()
    show_up: float = 1.0  # share of called people who come: show_up_rate()
    pace: float = 0.0  # calls a minute, as the last decision left it; 0 in a new room
    credit: float = 0.0  # the part of a person left over by the last decision
    elapsed: float = 1.0  # seconds since the last decision
    latency: float | None = None  # seconds that booking takes to answer, and what it may take
    latency_target: float = 0.5
    error_rate: float | None = None  # share of booking requests that fail, and what is bearable
    error_target: float = 0.02
    paused: bool = False


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why the pace is what it is: a code to be worded for the operator, and its numbers."""

    code: str
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Decision:
    advance: int  # how many more places to call
    pace: float
    credit: float
    reasons: list[Reason]  # what held the number down comes first


def decide(now: Situation) -> Decision:
    if now.paused:
        return Decision(advance=0, pace=now.pace, credit=0.0, reasons=[Reason(code="paused")])

    elapsed = min(max(now.elapsed, 0.0), CATCH_UP_SECONDS)
    pace, trend = _next_pace(now, elapsed)
    allowance = min(now.credit, 1.0) + pace / 60 * elapsed
    show_up = min(max(now.show_up, LOWEST_SHOW_UP), 1.0)
    room = max(0.0, (now.max_active - now.active - now.at_door - now.expected) / show_up)

    limits = [(now.waiting, "line_empty"), (floor(room), "room"), (floor(allowance), "rate")]
    advance, binding = min(limits, key=lambda limit: limit[0])
    reasons = [_binding_reason(binding, now, pace), *trend]
    if show_up < 1.0 and advance:
        reasons.append(Reason(code="absent_expected", numbers={"show_up": round(show_up, 3)}))
    if now.elapsed > CATCH_UP_SECONDS:
        reasons.append(Reason(code="caught_up", numbers={"missed": round(now.elapsed, 1)}))
    # What the room did not need is not saved up: it would be a flood later.
    credit = min(allowance - advance, 1.0)
    return Decision(advance=advance, pace=pace, credit=credit, reasons=reasons)


def still_expected(
    calls: Iterable[tuple[float, int]], *, show_up: float, typical_delay: float
) -> float:
    """How many of those called are not here yet but will come.

    `calls` are (seconds ago, people called). Of those who come, the share that needs longer
    than t is taken as exp(-t / typical_delay), so that absent people are soon given up on.
    """
    return sum(show_up * called * exp(-max(ago, 0.0) / typical_delay) for ago, called in calls)


def show_up_rate(*, called: int, came: int) -> float:
    """The share of called people who come, from recent calls that had time to be answered.

    Begins at nine in ten and yields to what is seen after some twenty people.
    """
    seen = min(came, called)
    rate = (seen + SHOW_UP_PRIOR * SHOW_UP_PRIOR_WEIGHT) / (called + SHOW_UP_PRIOR_WEIGHT)
    return max(rate, LOWEST_SHOW_UP)


def _next_pace(now: Situation, elapsed: float) -> tuple[float, list[Reason]]:
    top = float(now.max_per_minute)
    bottom = max(1.0, top * FLOOR_SHARE) if top else 0.0
    pace = min(max(now.pace or top * START_SHARE, bottom), top)
    strain = _strain(now)
    if strain > 1.0:
        slower = max(bottom, pace * FALL_PER_SECOND ** (elapsed * min(strain, 3.0)))
        return slower, [Reason(code="slowed", numbers=_health(now))]
    if strain > CALM_SHARE:
        return pace, [Reason(code="steady", numbers=_health(now))]
    faster = min(top, pace + top * RISE_SHARE_PER_SECOND * elapsed)
    rising = [Reason(code="rising", numbers={"top": top})] if faster < top else []
    return faster, rising


def _strain(now: Situation) -> float:
    """How near booking is to what it may take; above 1 it is in trouble."""
    latency = (now.latency or 0.0) / now.latency_target
    errors = (now.error_rate or 0.0) / now.error_target
    return max(latency, errors)


def _health(now: Situation) -> dict[str, float]:
    return {
        "latency": round(now.latency or 0.0, 3),
        "latency_target": now.latency_target,
        "error_rate": round(now.error_rate or 0.0, 4),
        "error_target": now.error_target,
    }


def _binding_reason(binding: str, now: Situation, pace: float) -> Reason:
    numbers: dict[str, float] = {}
    if binding == "room":
        numbers = {
            "active": now.active,
            "max_active": now.max_active,
            "at_door": now.at_door,
            "expected": round(now.expected, 1),
        }
    elif binding == "rate":
        numbers = {"pace": round(pace, 1), "max_per_minute": now.max_per_minute}
    return Reason(code=binding, numbers=numbers)
