"""The caller's story for staff: lines to be read out, without what the user may not see."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from booking.enums import LIVE, ReservationStatus
from booking.history import TEXTS
from booking.models import Reservation
from eligibility.models import Person
from events.kinds import Event
from events.services import story_of
from staff.enums import AT_A_CLINIC
from staff.models import User
from staff.names import actor_names
from staff.scoping import rows_for, sees_everything

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
    people = Person.objects.filter(pk=person.pk)
    return sees_everything(user) or rows_for(user, people, region_path="").exists()


def story_for(user: User, person: Person, *, shown: set[int] | None, language: str) -> list[Day]:
    """The person's events by day, in this language.

    `shown` are the reservations whose number, time and place the user may see; None: all.
    """
    events = [event for event in story_of(person.pk) if _is_for(user, event)]
    with translation.override(language):
        names = actor_names(event.actor for event in events)
        return [
            Day(day, [_line(event, shown, names) for event in of_day])
            for day, of_day in groupby(events, key=_day_of)
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


def appointments_for(
    person: Person, visible: QuerySet[Reservation], *, is_resident: bool
) -> list[dict[str, Any]]:
    """The person's appointments for the page.

    `row` only where number, time and place may be shown; `may_act` where the user's own scope
    (`visible`) has it, else the clinic has to be called.
    """
    listed = Q(status__in=[*LIVE, ReservationStatus.NO_SHOW, ReservationStatus.CANCELLED])
    rows = list(
        Reservation.objects.filter(listed, person=person)
        .with_slot()
        .select_related("person")
        .order_by("dose", "pk")
    )
    own = set(visible.filter(person=person).values_list("pk", flat=True))
    return [
        {
            "dose": row.dose,
            "status": row.get_status_display(),
            "row": row if is_resident or row.pk in own else None,
            "may_act": row.pk in own,
        }
        for row in rows
    ]
