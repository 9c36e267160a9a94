"""The history of a reservation, from its events: as sentences, and for the person's event line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.enums import Origin, ReservationStatus
from booking.models import Reservation, Slot
from staff.actors import CITIZEN, is_staff
from web.times import hour_of, moment

S = ReservationStatus


@dataclass(frozen=True)
class Event:
    """One change: time, actor (as `Reservation.by`), sentence and detail."""

    at: datetime
    by: str
    what: str
    detail: str = ""


@dataclass(frozen=True)
class Change:
    """One change: time, actor, code of TEXTS, and the states after and before it."""

    at: datetime
    by: str
    code: str
    after: Any
    before: Any = None


# By code of a change: what happened.
TEXTS = {
    "booked_by_staff": gettext_lazy("Booked by staff"),
    "offered": gettext_lazy("Offered from the cancellation list"),
    "held": gettext_lazy("Time chosen and kept"),
    "moved": gettext_lazy("Moved to another time"),
    "extended": gettext_lazy("Kept for longer"),
    "confirmed": gettext_lazy("Appointment confirmed"),
    "cancelled": gettext_lazy("Cancelled"),
    "arrived": gettext_lazy("Arrived at the clinic"),
    "vaccinated": gettext_lazy("Vaccinated"),
    "not_done": gettext_lazy("Came, not vaccinated"),
    "no_show": gettext_lazy("Did not come"),
    "lapsed": gettext_lazy("Not confirmed in time; the place was given back"),
    "released": gettext_lazy("Given up before booking"),
    "cancellation_undone": gettext_lazy("Cancellation taken back"),
    "arrival_undone": gettext_lazy("Arrival taken back"),
    "vaccination_undone": gettext_lazy("Vaccination mark taken back"),
    "not_done_undone": gettext_lazy("“Not vaccinated” taken back"),
    "no_show_undone": gettext_lazy("“Did not come” taken back"),
}
_BEGINNINGS = {Origin.STAFF: "booked_by_staff", Origin.OFFER: "offered", Origin.LINE: "held"}
# Moves back, which undo a mark or a cancellation.
_UNDOING = {
    (S.CANCELLED, S.CONFIRMED): "cancellation_undone",
    (S.ARRIVED, S.CONFIRMED): "arrival_undone",
    (S.VACCINATED, S.ARRIVED): "vaccination_undone",
    (S.NOT_DONE, S.ARRIVED): "not_done_undone",
    (S.NO_SHOW, S.CONFIRMED): "no_show_undone",
}


def history_of(reservation: Reservation) -> list[Event]:
    """All changes of a reservation as sentences, the oldest first."""
    records = reservation.events.select_related("slot__clinic", "slot__home").order_by("pgh_id")
    changes = changes_of(
        [*records, reservation], origin=reservation.origin, created_at=reservation.created_at
    )
    return [
        Event(change.at, change.by, str(TEXTS[change.code]), _detail(change)) for change in changes
    ]


def changes_of(states: Iterable[Any], *, origin: str, created_at: datetime) -> list[Change]:
    """The changes between the states of one reservation, the oldest first.

    A history event holds the values before a change: the states are the events, then the row. All
    have status, slot_id, held_until, by, changed_at, and events pgh_created_at.
    """
    all_states = list(_with_holds(list(states), origin, created_at))
    first = all_states[0]
    beginning = Change(created_at, first.by or CITIZEN, _BEGINNINGS[Origin(origin)], first)
    return [beginning, *_changes(all_states)]


def _with_holds(states: list[Any], origin: str, created_at: datetime) -> Iterator[Any]:
    """Insert the hold before each confirmation, which writes no event (Reservation's tracking)."""
    # Confirmed by the person without an event; bookings by staff had no hold.
    if states[0].status != S.HELD and origin != Origin.STAFF:
        yield _hold_of(states[0], since=created_at)
    for before, after in pairwise(states):
        yield before
        if (before.status, after.status) == (S.HELD, S.CONFIRMED):
            yield _hold_of(after, since=before.pgh_created_at)
    yield states[-1]


def _hold_of(confirmed: Any, *, since: datetime) -> SimpleNamespace:
    return SimpleNamespace(
        status=S.HELD,
        slot_id=confirmed.slot_id,
        slot=confirmed.slot,
        held_until=confirmed.held_until,
        by=CITIZEN,
        changed_at=since,
    )


def _changes(states: list[Any]) -> Iterator[Change]:
    for before, after in pairwise(states):
        if after.status != before.status:
            move = (S(before.status), S(after.status))
            code = _UNDOING.get(move) or str(move[1].value)
        elif after.slot_id != before.slot_id:
            code = "moved"
        elif after.held_until != before.held_until:
            code = "extended"
        else:
            continue  # a field that the history does not show
        yield Change(after.changed_at, after.by, code, after, before)


def _detail(change: Change) -> str:
    if change.before is None:
        return place_and_time(change.after.slot)
    if change.code == "moved":
        return f"{place_and_time(change.before.slot)} → {place_and_time(change.after.slot)}"
    if change.code == "extended":
        return _("until %(time)s") % {"time": hour_of(change.after.held_until)}
    return ""


def place_and_time(slot: Slot) -> str:
    return f"{moment(slot.starts_at)} · {slot.place.full_name}"


def actor_for_person(by: str) -> str:
    """The actor as the person sees it; staff are not named."""
    if by == CITIZEN:
        return _("by you")
    return _("by staff") if is_staff(by) else _("automatically")
