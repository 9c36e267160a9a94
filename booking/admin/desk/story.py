"""The caller's story for staff: lines to be read out, without what the user may not see."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypedDict, cast

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django_stubs_ext import WithAnnotations

from booking.enums import LIVE, ReservationStatus
from booking.history import TEXTS
from booking.models import Reservation
from eligibility.models import Person
from events.kinds import Event
from staff.enums import AT_A_CLINIC
from staff.models import User
from staff.scoping import is_resident_of, sees_everything

LISTED = [*LIVE, ReservationStatus.NO_SHOW, ReservationStatus.CANCELLED]
_LOOKS = {"opened_by_staff", "opened_often_by_staff"}


@dataclass(frozen=True)
class Line:
    """One event: its time of day to the second, the sentence, and who did it."""

    time: str
    sentence: str
    by: str


@dataclass(frozen=True)
class Day:
    day: str
    lines: list[Line]


def lives_in_scope(user: User, person: Person) -> bool:
    """Whether the user's region is where the person lives: then all appointments are shown."""
    return sees_everything(user) or is_resident_of(user, person)


def story_for(
    user: User, events: Iterable[Event], names: dict[str, str], *, shown: set[int] | None
) -> list[Day]:
    """A person's events by day, in the language that is active.

    `shown` are the reservations whose number, time and place the user may see; None: all.
    """
    own = [event for event in events if _is_for(user, event)]
    return [
        Day(day, [_line(event, shown, names) for event in of_day])
        for day, of_day in groupby(own, key=_day_of)
    ]


def read_aloud(days: Iterable[Day]) -> str:
    """The last day's events as one text."""
    last = list(days)[-1:]
    return " · ".join(f"{line.time} {line.sentence}" for day in last for line in day.lines)


def _is_for(user: User, event: Event) -> bool:
    """Clinics do not see who else looked a person up."""
    return event.kind not in _LOOKS or user.role not in AT_A_CLINIC


def _day_of(event: Event) -> str:
    return date_format(timezone.localtime(event.at), _("D j M Y"))


def _line(event: Event, shown: set[int] | None, names: dict[str, str]) -> Line:
    hidden = shown is not None and event.reservation_id and event.reservation_id not in shown
    return Line(
        time=f"{timezone.localtime(event.at):%H:%M:%S}",
        sentence=_elsewhere(event) if hidden else event.sentence,
        by=names.get(event.actor, event.actor),
    )


def _elsewhere(event: Event) -> str:
    """An event of an appointment that the user may not see: neither number nor time nor place."""
    text = TEXTS.get(event.kind)
    elsewhere = _("at another clinic")
    return f"{text} ({elsewhere})" if text else elsewhere


class ScopeAnnotations(TypedDict):
    in_scope: bool


def reservations_with_scope(
    person: Person, visible: QuerySet[Reservation]
) -> list[tuple[Reservation, bool]]:
    """All reservations of the person, with whether the user's own scope (`visible`) has each."""
    rows = (
        Reservation.objects.filter(person=person)
        .with_slot()
        .select_related("person")
        .order_by("dose", "pk")
    )
    scoped = cast(
        "Iterable[WithAnnotations[Reservation, ScopeAnnotations]]",
        rows.annotate(in_scope=Exists(visible.filter(pk=OuterRef("pk")))),
    )
    return [(row, row.in_scope) for row in scoped]


def appointments_for(
    rows: Iterable[tuple[Reservation, bool]], *, is_resident: bool
) -> list[dict[str, Any]]:
    """The person's appointments for the page, of those in scope and of the others.

    `row` only where number, time and place may be shown; `may_act` where it is in the user's own
    scope, else the clinic has to be called.
    """
    return [
        {
            "dose": row.dose,
            "status": row.get_status_display(),
            "row": row if is_resident or in_scope else None,
            "may_act": in_scope,
        }
        for row, in_scope in rows
        if row.status in LISTED
    ]
