"""The one decision where a person stands. Pure: no query, no clock, no request."""

from datetime import datetime

from standing.facts import LineFacts, PersonFacts
from standing.shown import Standing
from standing.states import KEEPS_ITS_PAGE, OF_A_LINE, PERSONAL, State


def standing_of(facts: PersonFacts | None, code: str = "") -> Standing:
    """The one state of a person; of the line `code` where their place in it is what is asked for.

    None for a visitor who has not shown who they are.
    """
    if facts is None:
        return Standing(State.UNKNOWN)
    line = facts.line_of(code) if code else _nearest(facts)
    state = state_of_line(line, facts.now) if line else State.NOT_YOURS
    personal = _personal(facts, line)
    # A place in the line is not hidden behind a booking; a deadline hides even that.
    if personal and not (code and state in KEEPS_ITS_PAGE):
        state = personal
    return Standing(state, facts, line)


def of_each_line(facts: PersonFacts) -> list[Standing]:
    """The standing of every line by itself, the nearest to booking first."""
    lines = sorted(facts.lines, key=lambda line: _rank(line, facts.now))
    return [Standing(state_of_line(line, facts.now), facts, line) for line in lines]


def _personal(facts: PersonFacts, line: LineFacts | None) -> State | None:
    """What is above every line: a deadline, then what is booked."""
    inside = any(other.inside_until for other in facts.lines)
    at_door = line is not None and state_of_line(line, facts.now) == State.DOOR
    holds = {
        State.HELD: facts.held_until is not None,
        State.OFFER: facts.offer != "",
        State.SECOND_MISSING: facts.misses_second,
        State.BOOKED: facts.booked is not None,
        State.INSIDE: inside,
        State.ON_LIST: facts.on_list,
        # At the door the page lets them in by itself: that comes first.
        State.CANCELLED: facts.cancelled is not None and not at_door,
        State.DONE: facts.is_done,
    }
    return next((state for state in PERSONAL if holds[state]), None)


def state_of_line(line: LineFacts, now: datetime) -> State:
    """How the person of these facts stands in this line, whatever else they have."""
    if line.inside_until is not None:
        return State.INSIDE
    if line.has_ended:
        return State.CLOSED
    if line.ticket and not line.has_left:
        return _in_line(line)
    if not line.eligible:
        return State.NOT_YOURS
    # Who left after being called enters again at once, by the same place.
    if line.ticket:
        return State.CALLED if line.is_called else State.LEFT
    if line.window_to is not None and line.window_to <= now:
        return State.CLOSED
    if not _can_be_joined(line, now):
        return State.NOT_YET
    if line.is_provisional:
        return State.REVIEW
    return State.MAY_JOIN if now >= line.opens_at else State.MAY_GATHER


def _can_be_joined(line: LineFacts, now: datetime) -> bool:
    """As waiting_room.services.joining decides it, which has the last word."""
    if line.joinable_from is None or now < line.joinable_from:
        return False
    return line.window_from is None or line.window_from <= max(now, line.opens_at)


def _in_line(line: LineFacts) -> State:
    if line.is_called:
        if line.is_provisional:
            return State.REVIEW
        return State.DOOR if line.at_door else State.CALLED
    if not line.has_places:
        return State.PAUSED if line.is_paused else State.GATHERED
    if line.is_paused:
        return State.PAUSED
    return State.STILL if line.stands_still else State.WAITING


def public_state(line: LineFacts, now: datetime) -> State:
    """How a line stands for everybody, as on the cards of the front page."""
    if line.has_ended:
        return State.CLOSED
    if line.joinable_from is None or now < line.joinable_from:
        return State.NOT_YET
    if now < line.opens_at:
        return State.MAY_GATHER
    if line.is_paused:
        return State.PAUSED
    return State.STILL if line.stands_still else State.MAY_JOIN


def _nearest(facts: PersonFacts) -> LineFacts | None:
    return min(facts.lines, key=lambda line: _rank(line, facts.now), default=None)


def _rank(line: LineFacts, now: datetime) -> tuple[int, datetime]:
    return OF_A_LINE.index(state_of_line(line, now)), line.opens_at
