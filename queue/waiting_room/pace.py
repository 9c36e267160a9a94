"""Decides how many people each tick calls. Pure functions.

The smaller of two limits applies. Room: free admissions, less the people at the door and those
called who are still expected, divided by the share of called people who come. Rate: the pace, which
rises in steps while booking responds well and falls by a factor while it is slow or failing, like
TCP's congestion control, between a floor and the operator's `max_per_minute`. Absent people take up
room only while they are likely to come, so that nobody behind waits for them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import exp, floor

CATCH_UP_SECONDS = 5.0  # a tick after an outage makes up for at most this
START_SHARE = 0.5  # a room starts at this share of max_per_minute
FLOOR_SHARE = 0.05  # and never falls below this, so that a recovery of booking is noticed
RISE_SHARE_PER_SECOND = 0.005  # of max_per_minute: from half to full in a hundred seconds
FALL_PER_SECOND = 0.7**0.1  # to 70 % in ten seconds above a target
CALM_SHARE = 0.8  # of a target; between this and the target the pace stays

SHOW_UP_PRIOR = 0.9
SHOW_UP_PRIOR_WEIGHT = 20
LOWEST_SHOW_UP = 0.2  # lest a run of absent people lead to calling a crowd


@dataclass(frozen=True, kw_only=True)
class LineState:
    """Input of a tick's decision."""

    waiting: int  # tickets with a place that has not been called
    max_active: int
    active: int  # admissions in use
    max_per_minute: int
    at_door: int = 0  # people at the door (DoorWait)
    expected: float = 0.0  # called people likely to come still: still_expected()
    show_up: float = 1.0  # share of called people who come: show_up_rate()
    pace: float = 0.0  # calls per minute after the last decision; 0 in a new room
    credit: float = 0.0  # fraction of a person left over by the last decision
    elapsed: float = 1.0  # seconds since the last decision
    latency: float | None = None  # mean seconds of a booking request
    latency_target: float = 0.5
    error_rate: float | None = None  # share of booking requests that fail
    error_target: float = 0.02
    paused: bool = False


@dataclass(frozen=True, kw_only=True)
class PaceReason:
    """A reason for the pace: a code of waiting_room.reasons, and the numbers in its sentence."""

    code: str
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PaceDecision:
    """How many more places to call, and the state that the next decision continues."""

    advance: int
    pace: float
    credit: float
    reasons: list[PaceReason]  # the binding limit comes first


def decide(now: LineState) -> PaceDecision:
    """The number of calls of this tick, with the new pace."""
    if now.paused:
        reasons = [PaceReason(code="paused")]
        return PaceDecision(advance=0, pace=now.pace, credit=0.0, reasons=reasons)

    elapsed = min(max(now.elapsed, 0.0), CATCH_UP_SECONDS)
    pace, trend = _next_pace(now, elapsed)
    allowance = min(now.credit, 1.0) + pace / 60 * elapsed
    show_up = min(max(now.show_up, LOWEST_SHOW_UP), 1.0)
    room = max(0.0, (now.max_active - now.active - now.at_door - now.expected) / show_up)

    limits = [(now.waiting, "line_empty"), (floor(room), "room"), (floor(allowance), "rate")]
    advance, binding = min(limits, key=lambda limit: limit[0])
    reasons = [_binding_reason(binding, now, pace), *trend]
    if show_up < 1.0 and advance:
        reasons.append(PaceReason(code="absent_expected", numbers={"show_up": round(show_up, 3)}))
    if now.elapsed > CATCH_UP_SECONDS:
        reasons.append(PaceReason(code="caught_up", numbers={"missed": round(now.elapsed, 1)}))
    # At most one person is carried over: an unused allowance must not become a burst later.
    credit = min(allowance - advance, 1.0)
    return PaceDecision(advance=advance, pace=pace, credit=credit, reasons=reasons)


def still_expected(
    calls: Iterable[tuple[float, int]], *, show_up: float, typical_delay: float
) -> float:
    """The number of called people who have not come yet but are likely to.

    `calls` are (seconds ago, people called). The share of arrivals that take longer than t is
    modelled as exp(-t / typical_delay), so absent people stop counting soon.
    """
    return sum(show_up * called * exp(-max(ago, 0.0) / typical_delay) for ago, called in calls)


def show_up_rate(*, called: int, came: int) -> float:
    """The share of called people who come, from recent calls that had time to be answered.

    The prior of nine in ten weighs as much as twenty people.
    """
    arrived = min(came, called)
    rate = (arrived + SHOW_UP_PRIOR * SHOW_UP_PRIOR_WEIGHT) / (called + SHOW_UP_PRIOR_WEIGHT)
    return max(rate, LOWEST_SHOW_UP)


def _next_pace(now: LineState, elapsed: float) -> tuple[float, list[PaceReason]]:
    top = float(now.max_per_minute)
    bottom = max(1.0, top * FLOOR_SHARE) if top else 0.0
    pace = min(max(now.pace or top * START_SHARE, bottom), top)
    strain = _strain(now)
    if strain > 1.0:
        slower = max(bottom, pace * FALL_PER_SECOND ** (elapsed * min(strain, 3.0)))
        return slower, [PaceReason(code="slowed", numbers=_health(now))]
    if strain > CALM_SHARE:
        return pace, [PaceReason(code="steady", numbers=_health(now))]
    faster = min(top, pace + top * RISE_SHARE_PER_SECOND * elapsed)
    rising = [PaceReason(code="rising", numbers={"top": top})] if faster < top else []
    return faster, rising


def _strain(now: LineState) -> float:
    """Latency or error rate relative to its target, whichever is worse; above 1 is too much."""
    latency = (now.latency or 0.0) / now.latency_target
    errors = (now.error_rate or 0.0) / now.error_target
    return max(latency, errors)


def _health(now: LineState) -> dict[str, float]:
    return {
        "latency": round(now.latency or 0.0, 3),
        "latency_target": now.latency_target,
        "error_rate": round(now.error_rate or 0.0, 4),
        "error_target": now.error_target,
    }


def _binding_reason(binding: str, now: LineState, pace: float) -> PaceReason:
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
    return PaceReason(code=binding, numbers=numbers)
