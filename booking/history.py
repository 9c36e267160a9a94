"""The history of a reservation as sentences, from its events."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from booking.enums import Origin, ReservationStatus
from booking.models import Reservation, Slot
from staff.actors import CITIZEN, is_staff

S = ReservationStatus


@dataclass(frozen=True)
class Event:
    """One change: time, actor (as `Reservation.by`), sentence and detail."""

    at: datetime
    by: str
    what: str
    detail: str = ""


def history_of(reservation: Reservation) -> list[Event]:
    """All changes of a reservation, the oldest first.

    Each history event holds the values before a change: the states are the events, then the row.
    """
    records = reservation.events.select_related("slot__clinic").order_by("pgh_id")
    states = list(_with_holds(reservation, [*records, reservation]))
    return [_beginning(reservation, states[0]), *_changes(states)]


def _with_holds(reservation: Reservation, states: list[Any]) -> Iterator[Any]:
    """Insert the hold before each confirmation, which writes no event (Reservation's tracking)."""
    # Confirmed by the person without an event; bookings by staff had no hold.
    if states[0].status != S.HELD and reservation.origin != Origin.STAFF:
        yield _hold_of(states[0], since=reservation.created_at)
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


def _beginning(reservation: Reservation, first: Any) -> Event:
    texts = {
        Origin.STAFF: _("Booked by staff"),
        Origin.OFFER: _("Offered from the cancellation list"),
        Origin.LINE: _("Time chosen and kept"),
    }
    by = first.by or CITIZEN
    return Event(
        reservation.created_at, by, texts[Origin(reservation.origin)], place_and_time(first.slot)
    )


def _changes(states: list[Any]) -> Iterator[Event]:
    for before, after in pairwise(states):
        if after.status != before.status:
            what, detail = _moved_on(S(before.status), S(after.status)), ""
        elif after.slot_id != before.slot_id:
            what = _("Moved to another time")
            detail = f"{place_and_time(before.slot)} → {place_and_time(after.slot)}"
        elif after.held_until != before.held_until:
            until = date_format(timezone.localtime(after.held_until), "H:i")
            what, detail = _("Kept for longer"), _("until %(time)s") % {"time": until}
        else:
            continue  # a field that the history does not show
        yield Event(after.changed_at, after.by, what, detail)


def _moved_on(before: ReservationStatus, after: ReservationStatus) -> str:
    taken_back = {
        (S.CANCELLED, S.CONFIRMED): _("Cancellation taken back"),
        (S.ARRIVED, S.CONFIRMED): _("Arrival taken back"),
        (S.VACCINATED, S.ARRIVED): _("Vaccination mark taken back"),
        (S.NO_SHOW, S.CONFIRMED): _("“Did not come” taken back"),
    }
    texts = {
        S.CONFIRMED: _("Appointment confirmed"),
        S.CANCELLED: _("Cancelled"),
        S.ARRIVED: _("Arrived at the clinic"),
        S.VACCINATED: _("Vaccinated"),
        S.NO_SHOW: _("Did not come"),
        S.LAPSED: _("Not confirmed in time; the place was given back"),
        S.RELEASED: _("Given up before booking"),
    }
    return taken_back.get((before, after)) or texts[after]


def place_and_time(slot: Slot) -> str:
    at = date_format(timezone.localtime(slot.starts_at), _("D j M, H:i"))
    return f"{at} · {slot.clinic.name}"


def actor_for_person(by: str) -> str:
    """The actor as the person sees it; staff are not named."""
    if by == CITIZEN:
        return _("by you")
    return _("by staff") if is_staff(by) else _("automatically")
