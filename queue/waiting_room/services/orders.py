"""Orders of an operator on one line or several: all or none, and only on what the page showed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from waiting_room.enums import Act, RoomStatus
from waiting_room.exceptions import CantChange
from waiting_room.locks import tick_lock
from waiting_room.models import OperatorAct, Room
from waiting_room.services import rooms
from web.codes import random_uuid


class ChangedMeanwhile(CantChange):
    """Another operator acted on these rooms since the page was made; nothing was done."""

    def __init__(self, room_ids: list[int]) -> None:
        super().__init__(_("Somebody else acted meanwhile. Nothing was done."))
        self.room_ids = room_ids


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be done to one room: PAUSE (or another message), RESUME or PACE."""

    act: Act
    message_ko: str = ""
    message_en: str = ""
    max_active: int = 0
    max_per_minute: int = 0

    def values(self) -> dict[str, Any]:
        """The arguments of the service in services.rooms."""
        if self.act == Act.PAUSE:
            return {"message_ko": self.message_ko, "message_en": self.message_en}
        if self.act == Act.PACE:
            return {"max_active": self.max_active, "max_per_minute": self.max_per_minute}
        return {}

    def after(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of a room (rooms.settings_of) once it is carried out."""
        if self.act == Act.PAUSE:
            return {**before, **self.values(), "status": RoomStatus.PAUSED}
        if self.act == Act.PACE:
            return {**before, **self.values()}
        return {**before, "status": RoomStatus.RUNNING, "message_ko": "", "message_en": ""}


_SERVICES: dict[str, Callable[..., Room]] = {
    Act.PAUSE: rooms.pause_room,
    Act.RESUME: rooms.resume_room,
    Act.PACE: rooms.set_pace,
}


def versions(room_ids: list[int]) -> dict[int, int]:
    """The step of the last act on each room; 0 before the first."""
    acts = OperatorAct.objects.filter(room__in=room_ids).order_by().values("room_id")
    last = {row["room_id"]: row["last"] for row in acts.annotate(last=Max("step_id"))}
    return {room_id: last.get(room_id, 0) for room_id in room_ids}


@transaction.atomic
def carry_out(
    *,
    orders: Mapping[int, Order],
    shown_versions: Mapping[int, int],
    by: str,
    reason: str,
    undoes: Mapping[int, int] | None = None,
) -> UUID:
    """Give every order, by room id, or none; returns the key of these acts.

    `shown_versions` are the `versions` of the page, `undoes` the steps of the acts taken back.
    Raises ChangedMeanwhile, and CantChange for a closed room or a change that changes nothing.
    """
    # By id, so that two operators' locks on the same rooms can't cross. The tick lock holds back
    # other acts and ticks of these rooms for as long as this takes.
    for room_id in sorted(orders):
        tick_lock(room_id)
    current = versions(sorted(orders))
    changed = [
        room_id for room_id in sorted(orders) if current[room_id] != shown_versions.get(room_id)
    ]
    if changed:
        raise ChangedMeanwhile(changed)
    batch = random_uuid()
    for room_id, order in sorted(orders.items()):
        room = Room.objects.select_related("cohort").get(pk=room_id)
        before = rooms.settings_of(room)
        if order.after(before) == before:
            raise CantChange(_("%(room)s is so already.") % {"room": room})
        note = rooms.Note(reason=reason, batch=batch, undoes=(undoes or {}).get(room_id))
        _SERVICES[order.act](room=room, by=by, note=note, **order.values())
    return batch


def orders_back(act: OperatorAct) -> tuple[dict[int, Order], dict[int, int]]:
    """The orders that take an act back, with those done together with it as far as they are still
    their rooms' last ones; and the steps of these acts. Both by room id.

    Raises ChangedMeanwhile if none is the last one, and CantChange for what can't be taken back.
    """
    batch = OperatorAct.objects.filter(batch=act.batch).select_related("step")
    acts = {each.room_id: each for each in (batch if act.batch else [act])}
    current = versions(list(acts))
    last = {pk: each for pk, each in acts.items() if current[pk] == each.step_id}
    if not last:
        raise ChangedMeanwhile(list(acts))
    orders = {pk: _order_back(each) for pk, each in last.items()}
    return orders, {pk: each.step_id for pk, each in last.items()}


def _order_back(act: OperatorAct) -> Order:
    if act.step.act == Act.PACE:
        limits = {name: act.before[name] for name in ("max_active", "max_per_minute")}
        return Order(act=Act.PACE, **limits)
    if act.step.act == Act.CLOSE:
        raise CantChange(_("A closed room can't be opened again: its people were told so."))
    if act.before["status"] == RoomStatus.PAUSED:
        message = {name: act.before[name] for name in ("message_ko", "message_en")}
        return Order(act=Act.PAUSE, **message)
    return Order(act=Act.RESUME)
