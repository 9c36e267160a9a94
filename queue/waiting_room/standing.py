"""How a ticket stands, for its page: the phase it is in, and what the page shows in each phase."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from eligibility.enums import Order
from waiting_room.enums import State
from waiting_room.models import Admission, Alert, Room, Ticket
from waiting_room.now_document import LATE, due_at, poll_for, state_of
from waiting_room.services import entering

# For people without script: never faster than this, however near they are.
SLOWEST_REFRESH, FASTEST_REFRESH = 60, 5
# A document older than this is from a tick that does not come any more.
STILL_SECONDS = 15
FOLDER = "waiting_room/standing"


class Phase(StrEnum):
    """The way of a ticket, as its holder sees it; static/jari/waiting.js knows the same values."""

    GATHERING = "gathering"  # before the list is closed: no place yet
    WAITING = "waiting"
    DOOR = "door"  # called, while every place inside is taken
    CALLED = "called"
    INSIDE = "inside"
    LEFT = "left"
    CLOSED = "closed"


YOUR_PLACE = gettext_lazy("Your place in the line")
YOUR_TURN = gettext_lazy("It is your turn")


@dataclass(frozen=True)
class PhasePage:
    """What the ticket's page shows in a phase."""

    part: str  # the template of the phase
    title: Promise = YOUR_PLACE
    # Templates of the phases from this one on: all are on the page, those to come are hidden, and
    # the script shows them when it is time.
    sections: tuple[str, ...] = ()
    is_in_line: bool = False  # the holder has not entered yet and may leave
    may_be_told: bool = False  # the turn is to come: a message may be asked for
    keeps_place: bool = False


def _in_line(*sections: str, title: Promise = YOUR_PLACE, may_be_told: bool = False) -> PhasePage:
    return PhasePage(
        f"{FOLDER}/in_line.html",
        title,
        tuple(f"{FOLDER}/{section}.html" for section in sections),
        is_in_line=True,
        may_be_told=may_be_told,
        keeps_place=True,
    )


PAGES = {
    Phase.GATHERING: _in_line("gathering", "waiting", "called", may_be_told=True),
    Phase.WAITING: _in_line("waiting", "called", may_be_told=True),
    Phase.DOOR: _in_line("called", title=YOUR_TURN),
    Phase.CALLED: _in_line("called", title=YOUR_TURN),
    Phase.INSIDE: PhasePage(f"{FOLDER}/inside.html", keeps_place=True),
    Phase.LEFT: PhasePage(f"{FOLDER}/left.html"),
    Phase.CLOSED: PhasePage(f"{FOLDER}/closed.html"),
}
# The label of the link to the alert of a ticket, by its channel.
ALERT_LABELS = {
    "": gettext_lazy("Tell me by message when it is my turn"),
    # To a landline it is a call; the person is not read for this page.
    "sms": gettext_lazy("We will tell you at your phone number"),
    "email": gettext_lazy("We will tell you by e-mail"),
}


def standing(
    ticket: Ticket, alert: Alert | None, now_document: dict[str, Any], now: datetime
) -> dict[str, Any]:
    """Context of the ticket's page: phase, place, people ahead, and what is hidden of the page."""
    room = ticket.room
    place = ticket.place
    ahead = None if place is None else max(0, place - room.line.serving - 1)
    admission = ticket.admissions.filter(ended_at=None, expires_at__gt=now).first()
    phase = _phase(ticket, admission, now)
    state = state_of(room, now)
    left = now_document.get("left")
    stopped = stands_still(now_document, state, now)
    of_draw, of_witnesses = drawing_of(room, now), witnessing_of(room, now)
    return {
        "phase": phase,
        "page": PAGES[phase],
        "place": place,
        "ahead": ahead,
        "admission": admission,
        "may_extend": admission is not None and admission.extensions < entering.MOST_EXTENSIONS,
        "state": state,
        "stands_still": stopped,
        "is_drawn": room.cohort.order == Order.DRAW,
        **of_draw,
        **of_witnesses,
        "refresh": _refresh_seconds(phase, ahead, room, now),
        "alert_label": ALERT_LABELS[alert.channel if alert else ""],
        # By the ids of the page's elements, which static/jari/waiting.js shows and hides.
        "hidden": {
            "paused": state != State.PAUSED,
            "still": not stopped,
            "witnessing": not of_witnesses["waits_for_witnesses"],
            # Until the witnesses have signed it is they who are late, not the number.
            "drawing": state != State.DRAWING or of_witnesses["waits_for_witnesses"],
            "drawing_late": not of_draw["draw_is_late"],
            "waiting": phase != Phase.WAITING,
            "not_enough": left is None or (ahead or 0) < left,
            "called": phase not in (Phase.CALLED, Phase.DOOR),
            "door": phase != Phase.DOOR,
            "turn": phase == Phase.DOOR,
        },
    }


def _phase(ticket: Ticket, admission: Admission | None, now: datetime) -> Phase:
    place, room = ticket.place, ticket.room
    if admission:
        return Phase.INSIDE
    if room.has_ended(now):
        return Phase.CLOSED
    if place is not None and place <= room.line.serving:
        return Phase.DOOR if entering.knock(ticket=ticket) else Phase.CALLED
    if ticket.left_at:
        return Phase.LEFT
    return Phase.GATHERING if place is None else Phase.WAITING


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
