"""Hooks that apps above booking fill, each in its AppConfig.ready()."""

from collections.abc import Callable
from typing import NamedTuple

from booking.enums import ReservationStatus
from booking.models import Reservation
from web.hooks import Hook


class Link(NamedTuple):
    """A link on a page of a reservation."""

    label: str
    address: str


# Called within the transaction of a mark or its undoing, with the locked row after the change, the
# status before it, who acted, and the details that the caller of the mark passed on (None: a mark
# by one press). A Refused undoes the mark; DetailsNeeded also says which page asks for the rest.
after_mark: Hook[Callable[[Reservation, ReservationStatus, str, object], None]] = Hook()
# Links on the staff's pages of a reservation. They are on every row of a day sheet: no queries.
staff_links: Hook[Callable[[Reservation], list[Link]]] = Hook()
# Links on the person's receipt of a reservation; no queries either.
receipt_links: Hook[Callable[[Reservation], list[Link]]] = Hook()


def links_of(hook: Hook[Callable[[Reservation], list[Link]]], row: Reservation) -> list[Link]:
    return [link for links in hook for link in links(row)]
