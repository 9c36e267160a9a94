"""Marks on a reservation: which buttons it has, and what a press of one answers."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext_lazy

from booking.enums import ReservationStatus
from booking.exceptions import Refused
from booking.models import Reservation
from booking.services.visits import (
    FOLLOWS,
    mark_arrived,
    mark_no_show,
    mark_not_done,
    mark_vaccinated,
    undo_mark,
    why_not_mark,
)

# Buttons by act: service, status it leads to, label. services.why_not_mark says which are shown.
MARKS: dict[str, tuple[Callable[..., Reservation], ReservationStatus, Any]] = {
    "arrived": (mark_arrived, ReservationStatus.ARRIVED, gettext_lazy("Arrived")),
    "vaccinated": (mark_vaccinated, ReservationStatus.VACCINATED, gettext_lazy("Vaccinated")),
    "not_done": (mark_not_done, ReservationStatus.NOT_DONE, gettext_lazy("Not vaccinated")),
    "no_show": (mark_no_show, ReservationStatus.NO_SHOW, gettext_lazy("Did not come")),
}
TAKE_BACK = "take_back"
_TAKE_BACK_LABEL = gettext_lazy("Take back")
# Statuses that a mark has set.
MARKED = [status for _service, status, _label in MARKS.values()]


def buttons_of(row: Reservation, now: datetime) -> list[tuple[str, str]]:
    """(act, label) of the marks that this row's status and time allow."""
    buttons = [
        (act, str(label))
        for act, (_service, status, label) in MARKS.items()
        # Asked first: a refusal by a mark that was set since looks up who set it.
        if status in FOLLOWS.get(ReservationStatus(row.status), ())
        and not why_not_mark(row, status, now=now)
    ]
    return [*buttons, (TAKE_BACK, str(_TAKE_BACK_LABEL))] if row.status in MARKED else buttons


def press(row: Reservation, act: str, *, by: str, status_shown: str) -> Refused | None:
    """Call the service of a button; returns its refusal. Raises PermissionDenied for another act.

    `status_shown` is the status on the page of the button.
    """
    service = undo_mark if act == TAKE_BACK else MARKS.get(act, (None,))[0]
    if service is None:
        raise PermissionDenied
    try:
        service(reservation=row, by=by, status_shown=status_shown)
    except Refused as refusal:
        return refusal
    return None
