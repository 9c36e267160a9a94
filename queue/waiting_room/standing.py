"""How a ticket stands, for its page: the phase it is in, and what the page shows in each phase."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext_lazy

from eligibility.enums import Order
from standing.parts import parts_of
from standing.shown import Standing
from standing.states import State as Stands
from standing.texts import TABLE
from waiting_room.enums import NO_MESSAGE, State
from waiting_room.line_facts import STILL_SECONDS
from waiting_room.models import Room, Ticket
from waiting_room.now_document import LATE, due_at, poll_for, state_of
from waiting_room.reasons import wait_text
from waiting_room.services import entering
from waiting_room.templatetags.waiting_room import grouped
from web.moulds import Constant, Text

# For people without script: never faster than this, however near they are.
SLOWEST_REFRESH, FASTEST_REFRESH = 60, 5
FOLDER = "waiting_room/standing"


class Phase(StrEnum):
    """The way of a ticket in its line; static/jari/waiting.js knows the same values."""

    GATHERING = "gathering"  # before the list is closed: no place yet
    WAITING = "waiting"
    DOOR = "door"  # called, while every place inside is taken
    CALLED = "called"
    OTHER = "other"  # inside, booked, left, closed: the page says only where the person stands


@dataclass(frozen=True)
class PhasePage:
    """What the ticket's page shows in a phase."""

    part: str  # the template of the phase
    # Templates of the phases from this one on: all are on the page, those to come are hidden, and
    # the script shows them when it is time.
    sections: tuple[str, ...] = ()
    is_in_line: bool = False  # the holder has not entered yet and may leave
    may_be_told: bool = False  # the turn is to come: a message may be asked for


def _in_line(*sections: str, may_be_told: bool = False) -> PhasePage:
    return PhasePage(
        f"{FOLDER}/in_line.html",
        tuple(f"{FOLDER}/{section}.html" for section in sections),
        is_in_line=True,
        may_be_told=may_be_told,
    )


PAGES = {
    Phase.GATHERING: _in_line("gathering", "waiting", "called", may_be_told=True),
    Phase.WAITING: _in_line("waiting", "called", may_be_told=True),
    Phase.DOOR: _in_line("called"),
    Phase.CALLED: _in_line("called"),
    Phase.OTHER: PhasePage(f"{FOLDER}/other.html"),
}
# The states whose page keeps the place in the line in sight.
IN_LINE = {
    Stands.GATHERED: Phase.GATHERING,
    Stands.WAITING: Phase.WAITING,
    Stands.PAUSED: Phase.WAITING,
    Stands.STILL: Phase.WAITING,
    Stands.CALLED: Phase.CALLED,
    Stands.DOOR: Phase.DOOR,
    # In a line it is said only to a person who was called: the decision is all that lacks.
    Stands.REVIEW: Phase.CALLED,
}
# Headings and sentences of the sections, by state: those to come are on the page already.
ROWS = Constant({state.value: TABLE[state] for state in IN_LINE})
# To a landline it is a call; the person is not read for this page.
_ON_THE_PHONE = gettext_lazy("We will tell you on your phone when it is your turn.")
# How a person is told of the turn, by the channel of the ticket's alert; "" is the default.
ALERT_TEXTS = {
    "": _ON_THE_PHONE,
    "sms": _ON_THE_PHONE,
    "email": gettext_lazy("We will tell you by e-mail when it is your turn."),
    NO_MESSAGE: "",
}


def standing(
    ticket: Ticket, stands: Standing, now_document: dict[str, Any], now: datetime
) -> dict[str, Any]:
    """Context of the ticket's page: phase, place, people ahead, and what is hidden of the page."""
    room, place, serving = ticket.room, ticket.place, ticket.room.line.serving
    ahead = None if place is None else max(0, place - serving - 1)
    phase = _phase(ticket, stands)
    state = state_of(room, now)
    left = now_document.get("left")
    stopped = stands_still(now_document, state, now)
    of_draw, of_witnesses = drawing_of(room, now), witnessing_of(room, now)
    is_called = phase in (Phase.CALLED, Phase.DOOR)
    alert_channel = stands.line.alert_channel if stands.line else ""
    refresh = _refresh_seconds(phase, ahead, room, now)
    return {
        "stands": parts_of(stands),
        "rows": ROWS,
        "phase": phase,
        "page": PAGES[phase],
        "keeps_place": PAGES[phase].is_in_line or stands.state == Stands.INSIDE,
        "room": _shown(room),
        "place": {"number": Text(place or ""), "grouped": Text(grouped(place))},
        "ahead": Text(grouped(ahead)),
        "serving": {"number": Text(serving), "grouped": Text(grouped(serving))},
        "wait": Text(wait_text(now_document, ahead)),
        "state": state,
        "stands_still": stopped,
        "is_drawn": room.cohort.order == Order.DRAW,
        **of_draw,
        **of_witnesses,
        "refresh": Text(refresh or ""),
        "alert_text": ALERT_TEXTS[alert_channel],
        # By the ids of the page's elements, which static/jari/waiting.js shows and hides.
        "hidden": {
            # Called people may enter during a pause and while the line stands still.
            "paused": state != State.PAUSED or is_called,
            "still": not stopped or is_called,
            "witnessing": not of_witnesses["waits_for_witnesses"],
            # Until the witnesses have signed it is they who are late, not the number.
            "drawing": state != State.DRAWING or of_witnesses["waits_for_witnesses"],
            "drawing_late": not of_draw["draw_is_late"],
            "waiting": phase != Phase.WAITING,
            "not_enough": left is None or (ahead or 0) < left,
            "called": not is_called,
            "door": phase != Phase.DOOR,
            "turn": phase == Phase.DOOR,
        },
    }


def _shown(room: Room) -> dict[str, Any]:
    """What the page shows of a room, the same for all who wait."""
    cohort = room.cohort
    return {
        "cohort": {
            "code": cohort.code,
            "name": cohort.name,
            "opens_at": cohort.opens_at,
            "closes_at": cohort.closes_at,
        },
        "pause_message": room.pause_message,
        "quorum": room.quorum,
    }


def _phase(ticket: Ticket, stands: Standing) -> Phase:
    phase = IN_LINE.get(stands.state, Phase.OTHER)
    if phase == Phase.WAITING and ticket.place is None:
        return Phase.GATHERING  # paused before the list was closed
    if phase == Phase.DOOR:
        entering.knock(ticket=ticket)
    return phase


def stands_still(document: dict[str, Any], state: State, now: datetime) -> bool:
    """Whether the last tick is so long ago that nobody is being called."""
    if state != State.OPEN or not document:
        return False
    return (now - datetime.fromisoformat(document["time"])).total_seconds() > STILL_SECONDS


def drawing_of(room: Room, now: datetime) -> dict[str, Any]:
    """Context: when the number of the draw comes, and whether it is late."""
    due = due_at(room)
    return {"draw_due_at": due, "draw_is_late": due is not None and now > due + LATE}


def witnessing_of(room: Room, now: datetime) -> dict[str, Any]:
    """Context: whether the line waits for its witnesses, as the now document says it, how long."""
    due = due_at(room)
    number_to_come = room.drawn_at is None and due is not None and now < due
    waits = room.awaits_witnesses and not number_to_come and not room.has_ended(now)
    return {"waits_for_witnesses": waits, "witnesses_until": room.witnesses_until}


def _refresh_seconds(phase: Phase, ahead: int | None, room: Room, now: datetime) -> int:
    """How often a browser without script loads the page again; 0 for never."""
    if not PAGES[phase].is_in_line:
        return 0
    if phase == Phase.GATHERING and room.frozen_at is not None:
        seconds = FASTEST_REFRESH
    elif phase == Phase.GATHERING:
        seconds = int((room.cohort.opens_at - now).total_seconds()) + 2
    else:
        seconds = 2 * poll_for(ahead or 0)
    return min(max(seconds, FASTEST_REFRESH), SLOWEST_REFRESH)
