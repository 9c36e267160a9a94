"""What the control room shows: rooms, their last hour, operators' acts, effects of an order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any

from django.db.models import QuerySet
from django_stubs_ext import WithAnnotations

from database.clock import AtNow, Now, known_now
from reports.minutes import MINUTE
from reports.models import PortalMinute
from staff.names import actor_names
from waiting_room.enums import Act, RoomStatus, State
from waiting_room.forecast import Forecast, LineLoad, forecast
from waiting_room.models import OperatorAct, Room, RoomMinute
from waiting_room.now_document import state_of
from waiting_room.reasons import limits_text, sentences, wait_text
from waiting_room.services.minutes import load_of
from waiting_room.services.orders import Order
from waiting_room.services.rooms import settings_of

HOUR = 60  # minutes shown
ACTS_SHOWN = 20
# A line whose last tick is this old stands still.
STILL_SECONDS = 5
# In these states an order changes what people wait for right now.
RUNNING = (State.GATHERING, State.DRAWING, State.WITNESSING, State.OPEN, State.PAUSED)


@dataclass(frozen=True)
class RoomNow:
    """A room on the page, with its last hour."""

    # With cohort, line and board loaded.
    room: Room
    state: State
    minutes: list[RoomMinute]
    load: LineLoad
    entered: int | None  # in the last whole minute; None if nothing is known of it
    seconds_since_tick: int | None

    @property
    def is_running(self) -> bool:
        return self.state in RUNNING

    @property
    def stands_still(self) -> bool:
        """Whether its ticks have stopped while it should move."""
        since = self.seconds_since_tick
        return self.is_running and (since is None or since > STILL_SECONDS)

    @property
    def called(self) -> int:
        called: int = self.room.board.document.get("per_minute", 0)
        return called

    @property
    def reasons(self) -> list[str]:
        return sentences(self.room.board.reasons)

    @property
    def last_wait(self) -> str:
        """The wait of the last person in line, as the public page gives it."""
        return wait_text(self.room.board.document, max(0, self.load.waiting - 1), own=False)


def open_rooms() -> "QuerySet[WithAnnotations[Room, AtNow]]":
    """Rooms that are not over, by opening, with the parts that say how they stand."""
    rooms = Room.objects.filter(board__final=False).annotate(now=Now())
    return rooms.select_related("cohort", "line", "board").order_by("cohort__opens_at", "pk")


def rooms_now() -> list[RoomNow]:
    """Open rooms with their last hour; two queries."""
    rooms = list(open_rooms())
    since = known_now() - (HOUR + 2) * MINUTE
    rows = RoomMinute.objects.filter(room__in=rooms, minute__gte=since).order_by("room", "minute")
    minutes = {room_id: list(found) for room_id, found in groupby(rows, lambda row: row.room_id)}
    return [_room_now(room, minutes.get(room.pk, []), room.now) for room in rooms]


def _room_now(room: Room, minutes: list[RoomMinute], now: datetime) -> RoomNow:
    last = minutes[-2:]
    # A row follows its minute by a second; an older one says nothing of the last minute.
    is_recent = len(last) == 2 and now - last[1].minute < 3 * MINUTE
    ticked_at = room.line.ticked_at
    return RoomNow(
        room=room,
        state=state_of(room, now),
        minutes=minutes,
        load=load_of(room, minutes),
        entered=last[1].entered - last[0].entered if is_recent else None,
        seconds_since_tick=None if ticked_at is None else int((now - ticked_at).total_seconds()),
    )


def portal_minutes() -> list[PortalMinute]:
    since = known_now() - (HOUR + 1) * MINUTE
    return list(PortalMinute.objects.filter(minute__gte=since).order_by("minute"))


@dataclass(frozen=True)
class PerMinute:
    """What happened in one minute of a room, from the running totals of two rows."""

    at: datetime
    joined: int
    called: int
    entered: int
    booked: int | None
    row: RoomMinute


def per_minute(minutes: Sequence[RoomMinute]) -> list[PerMinute]:
    """One for each row but the first; the row after a gap has all that happened in it."""
    return [
        PerMinute(
            at=row.minute,
            joined=row.issued - before.issued,
            called=row.serving - before.serving,
            entered=row.entered - before.entered,
            booked=_difference(row.booked, before.booked),
            row=row,
        )
        for before, row in pairwise(minutes)
    ]


def _difference(now: int | None, before: int | None) -> int | None:
    return None if now is None or before is None else now - before


@dataclass(frozen=True)
class ReasonRun:
    """Minutes in a row for which the same reason decided the pace."""

    since: datetime
    until: datetime
    text: str


def reason_runs(minutes: Iterable[RoomMinute]) -> list[ReasonRun]:
    """Why the line moved as it did, the latest first, with the numbers of each run's end."""
    runs = []
    for _code, found in groupby(minutes, lambda row: row.reasons[0]["code"] if row.reasons else ""):
        rows = list(found)
        if rows[-1].reasons:
            text = " ".join(sentences(rows[-1].reasons[:2]))
            runs.append(ReasonRun(rows[0].minute, rows[-1].minute, text))
    return runs[::-1]


# Acts


@dataclass(frozen=True)
class ActRow:
    """An act of an operator, old and new."""

    act: OperatorAct
    actor: str
    before: str
    after: str
    may_undo: bool


def latest_acts() -> list[ActRow]:
    """The latest acts on all rooms; an act can be taken back while it is its room's last one."""
    return _rows(OperatorAct.objects.order_by("-step_id")[:ACTS_SHOWN])


def acts_since(shown_versions: Mapping[int, int], room_ids: Iterable[int]) -> list[ActRow]:
    """What was done to these rooms after the acts that a page showed."""
    acts = OperatorAct.objects.filter(room__in=room_ids).order_by("-step_id")[:ACTS_SHOWN]
    return [row for row in _rows(acts) if row.act.step_id > shown_versions.get(row.act.room_id, 0)]


def _rows(acts: "QuerySet[OperatorAct]") -> list[ActRow]:
    # An act is its room's last one if no later act stands before it in the list.
    found = list(acts.select_related("step", "room__cohort", "undoes"))
    names = actor_names(act.step.by for act in found)
    last: set[int] = set()
    rows = []
    for act in found:
        is_last = act.room_id not in last
        last.add(act.room_id)
        may_undo = is_last and act.step.act != Act.CLOSE
        before, after = settings_text(act.before), settings_text(act.after)
        rows.append(ActRow(act, names[act.step.by], before, after, may_undo))
    return rows


def settings_text(settings: Mapping[str, Any]) -> str:
    """Status, message and limits in words, as OperatorAct keeps them."""
    status = RoomStatus(settings["status"]).label
    message = " / ".join(filter(None, [settings["message_ko"], settings["message_en"]]))
    limits = limits_text(settings["max_active"], settings["max_per_minute"])
    return " · ".join(filter(None, [str(status), message, limits]))


# Orders


@dataclass(frozen=True)
class Preview:
    """What an order would do to one room."""

    shown: RoomNow
    before: str
    after: str
    now: Forecast | None
    then: Forecast | None
    is_change: bool


def preview(shown: RoomNow, order: Order) -> Preview:
    """Old and new settings of the room, and for a change of pace what it does to waiting."""
    room, before = shown.room, settings_of(shown.room)
    after = order.after(before)
    # A pause has no end that could be forecast; its length is what people wait longer.
    now = then = None
    if order.act == Act.PACE:
        now = forecast(shown.load, max_active=room.max_active, max_per_minute=room.max_per_minute)
        then = forecast(shown.load, **order.values())
    return Preview(
        shown=shown,
        before=settings_text(before),
        after=settings_text(after),
        now=now,
        then=then,
        is_change=after != before,
    )
