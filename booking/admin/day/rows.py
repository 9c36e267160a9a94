"""The people on a page of the day, as rows with buttons."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from booking import hooks
from booking.admin.day.hours import DONE, ON_THE_DAY, Window, bounds_of, is_late
from booking.admin.day.marks import MARKED, buttons_of
from booking.admin.doubles import Doubles, doubles_of
from booking.enums import ReservationStatus
from booking.models import Clinic, Reservation
from booking.rules import day_of
from staff.models import User
from staff.names import actor_names
from staff.row_addresses import row_address
from web.moulds import Html, Text, fragment

# A person from before the shown part stays listed so long after the visit, to take a mark back.
STAYS_LISTED = timedelta(minutes=5)


class Shared:
    """What rows of a page have in common: looked up once, not for each of hundreds of them."""

    def __init__(self) -> None:
        self._zone = timezone.get_current_timezone()
        self.status = cache(lambda status: str(ReservationStatus(status).label))
        self.vaccine = cache(lambda vaccine: str(vaccine.name))

    def time(self, at: datetime) -> str:
        local = at.astimezone(self._zone)
        return f"{local.hour:02}:{local.minute:02}"


@dataclass
class Entry:
    """One row: a reservation, what may be done, and who set its mark."""

    row: Reservation
    shared: Shared
    buttons: list[tuple[str, str]] = field(default_factory=list)
    doubles: Doubles | None = None
    is_late: bool = False
    marked_by: str = ""
    links: list[hooks.Link] = field(default_factory=list)
    signs: list[str] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        return anchor_of(self.row)

    @property
    def state(self) -> str:
        """Changes with the row; the script leaves a row of the same state as it is."""
        return (
            f"{self.row.status}-{self.row.changed_at.timestamp()}-{self.is_late}-{len(self.signs)}"
        )

    @property
    def visit(self) -> dict[str, Any]:
        """All that the row's template shows, by plain names; `Text` what differs by person."""
        row, person, slot, shared = self.row, self.row.person, self.row.slot, self.shared
        marks = marks_of(row, self.buttons)
        return {
            **marks,
            "mark_address": Text(marks["mark_address"]),
            "name": Text(marks["name"]),
            "pk": Text(row.pk),
            "state": Text(self.state),
            "status_name": shared.status(row.status),
            "is_late": self.is_late,
            "time": Text(shared.time(slot.starts_at)),
            "born": Text(person.birth_date.isoformat()),
            "phone_end": Text(person.phone[-4:]),
            "vaccine": shared.vaccine(slot.vaccine),
            "dose": row.dose,
            "home": Text(slot.home.name if slot.home else ""),
            "number": Text(row.number),
            "address": Text(row_address("booking_reservation_change", row.pk)),
            "signs": [Text(sign) for sign in self.signs],
            "marked_by": Text(self.marked_by),
            "marked_at": Text(shared.time(row.changed_at) if self.marked_by else ""),
            "links": [{"label": link.label, "address": Text(link.address)} for link in self.links],
        }

    def shown(self, day: Mapping[str, Any], anchor: str) -> SafeString:
        """The row as HTML; `day` is the frame of its page.

        Kept in parts (web.moulds): a page has hundreds of rows, and each is made while a crowd
        takes the processors.
        """
        doubles = (
            render_to_string(
                "admin/booking/doubles.html", {"doubles": self.doubles, "clinic": day["clinic"]}
            )
            if self.doubles
            else ""
        )
        context = {
            "visit": self.visit,
            "anchor": Text(anchor),
            "day": {"here": Text(day["here"]), "token": Text(day["token"])},
            "doubles": Html(doubles),
        }
        return fragment("admin/booking/day/components/visit.html", context)


def marks_of(row: Reservation, buttons: list[tuple[str, str]]) -> dict[str, Any]:
    """What the template of the buttons shows."""
    return {
        "acts": buttons,
        "mark_address": row_address("booking_reservation_mark", row.pk),
        "status": row.status,
        "name": row.person.name,
    }


def anchor_of(row: Reservation) -> str:
    """The id of a row's element: after a mark without script the page scrolls back to it."""
    return f"reservation-{row.pk}"


def rows_of_day(rows: QuerySet[Reservation], clinic: Clinic, on: date) -> QuerySet[Reservation]:
    bounds = bounds_of(on)
    return rows.filter(
        slot__clinic=clinic,
        slot__starts_at__gte=bounds.start,
        slot__starts_at__lt=bounds.end,
    )


def people_of_window(
    rows: QuerySet[Reservation],
    clinic: Clinic,
    window: Window,
    *,
    earlier_from: datetime | None,
    now: datetime,
) -> QuerySet[Reservation]:
    """The rows of a part of the day, in order.

    With `earlier_from` also earlier people of the day who are still at the clinic, and residents of
    care homes whom the team has not come to yet.
    """
    shown = Q(slot__starts_at__gte=window.start)
    if earlier_from is not None:
        inside = Q(status=ReservationStatus.ARRIVED)
        expected = Q(status=ReservationStatus.CONFIRMED, slot__home__isnull=False)
        shown |= inside | expected | Q(status__in=DONE, changed_at__gte=now - STAYS_LISTED)
    # The bounds stand outside of the OR too: by the index of the clinic's slots.
    found = rows.filter(
        shown,
        slot__clinic=clinic,
        slot__starts_at__gte=min(earlier_from or window.start, window.start),
        slot__starts_at__lt=window.end,
        status__in=ON_THE_DAY,
    )
    return found.order_by("slot__starts_at", "number")


def entries_of(
    rows: Iterable[Reservation],
    visible: QuerySet[Reservation],
    *,
    now: datetime,
    may_mark: bool,
    user: User,
) -> list[Entry]:
    """Rows for the page; `visible` are the reservations this user may see, for doubles."""
    rows = list(rows)
    signs = hooks.signs_of(rows, user)
    doubles = doubles_of([row.person for row in rows], visible)
    names = actor_names(row.by for row in rows if row.status in MARKED)
    shared = Shared()
    # They go by status and time alone.
    alike = {(row.status, row.slot_id): row for row in rows} if may_mark else {}
    buttons = {key: buttons_of(row, now) for key, row in alike.items()}
    today = day_of(now)
    has_come = {row.slot_id: day_of(row.slot.starts_at) <= today for row in alike.values()}
    return [
        Entry(
            row=row,
            shared=shared,
            buttons=buttons.get((row.status, row.slot_id), []),
            doubles=doubles.get(row.person_id),
            is_late=is_late(row.status, row.slot, now),
            marked_by=names.get(row.by, "") if row.status in MARKED else "",
            links=hooks.staff_links_of(row, day_has_come=has_come[row.slot_id]) if may_mark else [],
            signs=signs.get(row.pk, []),
        )
        for row in rows
    ]


def change_links(row: Reservation) -> list[hooks.Link]:
    """Links to the pages that move and cancel an appointment, where its status allows that."""
    if row.status != ReservationStatus.CONFIRMED:
        return []
    return [
        hooks.Link(text, reverse(f"admin:booking_reservation_{name}", args=[row.pk]))
        for name, text in [
            ("move", _("Move to another time")),
            ("cancel", _("Cancel the appointment")),
        ]
        if name == "cancel" or row.slot.home_id is None
    ]


def people_shown(entries: Iterable[Entry]) -> set[int]:
    """Ids for the record of access, including the people of doubles, whose bookings are shown."""
    people = set()
    for entry in entries:
        people |= {entry.row.person_id} | (entry.doubles.people if entry.doubles else set())
    return people
