"""What the page of a draw says: what is awaited and until when, and the inputs by their names."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from waiting_room.enums import DrawSource
from waiting_room.models import Room
from waiting_room.now_document import beacon_round, due_at
from waiting_room.public_log import microseconds
from waiting_room.services.drawing import PATIENCE, awaits_draw
from waiting_room.services.publishing import draw_acts
from waiting_room.services.witnessed import went_on_without
from waiting_room.standing import drawing_of, witnessing_of

# How the inputs of a seed are called on the page; officers' secrets by their names.
INPUT_NAMES: dict[str, Promise] = {
    "portal": gettext_lazy("Secret of the portal"),
    "beacon": gettext_lazy("Number of the beacon"),
    "stated": gettext_lazy("Public value as it was entered"),
    "sample": gettext_lazy("Made-up number"),
}


@dataclass(frozen=True)
class Notice:
    """The fields of templates/components/notice.html."""

    title: str
    text: str
    kind: str = "info"


def draw_context(room: Room, now: datetime) -> dict[str, Any]:
    """Context of the page of a draw."""
    first = room.tickets.order_by("entry").first()
    is_awaited = awaits_draw(room) and not room.has_ended(now)
    return {
        "room": room,
        "is_awaited": is_awaited,
        "notice": _notice(room, now) if is_awaited else _without_quorum(room),
        "acts": json.dumps(draw_acts(room), ensure_ascii=False) if room.seed else "",
        "joined": microseconds(first.joined_at) if first else "",
        "due_at": due_at(room),
        "officers": room.officers.all(),
        "inputs": _inputs(room),
        "round": beacon_round(room),
    }


def _without_quorum(room: Room) -> Notice | None:
    """That the draw was held without the cosignatures that its plan asks for."""
    if not room.quorum or not went_on_without(room):
        return None
    title = _(
        "This line was opened without enough witnesses: they could not be reached in time. Its log "
        "says so."
    )
    return Notice(title, "", kind="warning")


def _notice(room: Room, now: datetime) -> Notice:
    """The list is closed: whom or what the draw waits for, and what follows."""
    witnesses, draw = witnessing_of(room, now), drawing_of(room, now)
    if witnesses["waits_for_witnesses"]:
        text = _(
            "The list is closed and its number is due. As soon as enough witnesses have cosigned "
            "the list, and at %s at the latest, the draw is held. Load this page again then."
        )
        title = _("The draw waits for the witnesses. Every place is kept.")
        return Notice(title, text % _time(witnesses["witnesses_until"]))
    if draw["draw_is_late"]:
        title = _("The number is late. Nobody is called until it comes, and every place is kept.")
        return Notice(title, _way_out(room, draw["draw_due_at"]), kind="warning")
    title = _("The list is closed. The number that mixes it comes at %s.")
    text = _("Then the seed and every place stand here. Load this page again then.")
    return Notice(title % _time(draw["draw_due_at"]), text)


def _way_out(room: Room, due: datetime) -> str:
    if room.draw_source == DrawSource.STATED or not room.draw_statement:
        return _("The plan names no other number in its place, so the line waits for this one.")
    text = _(
        "If it has not come by %(at)s, the plan allows this value in its place, and the log says "
        "so: %(value)s."
    )
    return text % {"at": _time(due + PATIENCE), "value": room.draw_statement}


def _time(moment: datetime) -> str:
    return f"{localtime(moment):%H:%M:%S}"


def _inputs(room: Room) -> list[tuple[str, str]]:
    pairs = [line.split("=", 1) for line in room.draw_inputs.split("\n") if line]
    return [
        (str(INPUT_NAMES.get(name) or _("Secret of %s") % name.removeprefix("officer ")), value)
        for name, value in pairs
    ]
