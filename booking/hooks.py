"""Hooks that apps above booking fill, each in its AppConfig.ready()."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from booking.enums import ReservationStatus
from booking.models import Reservation
from staff.models import User
from web.hooks import Hook


class Link(NamedTuple):
    """A link on a page of a reservation."""

    label: str
    address: str


# Called within the transaction of a mark or its undoing, with the locked row after the change, the
# status before it, who acted, and the details that the caller of the mark passed on (None: a mark
# by one press). A Refused undoes the mark; DetailsNeeded also says which page asks for the rest.
after_mark: Hook[Callable[[Reservation, ReservationStatus, str, object], None]] = Hook()
# Links on the staff's pages of a reservation; the second value says whether its day has come. They
# are on every row of a day sheet: no queries.
staff_links: Hook[Callable[[Reservation, bool], list[Link]]] = Hook()
# Short signs on the rows of a day: reservation id → text, for those that have one. Called with the
# rows of a page and the user who looks; no statement for each row.
row_signs: Hook[Callable[[Sequence[Reservation], User], dict[int, str]]] = Hook()
# Links on the person's receipt of a reservation; no queries either.
receipt_links: Hook[Callable[[Reservation], list[Link]]] = Hook()
# A line for the reminder of the day before, above the address of the receipt; no queries.
reminder_lines: Hook[Callable[[Reservation], str]] = Hook()


def links_of(hook: Hook[Callable[[Reservation], list[Link]]], row: Reservation) -> list[Link]:
    return [link for links in hook for link in links(row)]


def staff_links_of(row: Reservation, *, day_has_come: bool) -> list[Link]:
    return [link for links in staff_links for link in links(row, day_has_come)]


def signs_of(rows: Sequence[Reservation], user: User) -> dict[int, list[str]]:
    """The signs of all apps on these rows, by reservation id."""
    found: dict[int, list[str]] = {}
    for signs in row_signs:
        for reservation_id, text in signs(rows, user).items():
            found.setdefault(reservation_id, []).append(text)
    return found
