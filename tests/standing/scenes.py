"""One person in each state, made by the services: the person, and their ticket if any."""

from collections.abc import Callable
from contextlib import suppress
from datetime import time, timedelta
from typing import NamedTuple

from django.utils.timezone import localdate

from booking.areas import district_key
from booking.enums import ReservationStatus
from booking.models import ListEntry
from booking.services import changes, offers
from eligibility.enums import ReviewReason
from eligibility.models import Decision, Person
from eligibility.services.reviews import open_review
from standing.states import State
from tests.clock import clock
from tests.factories import (
    AdmissionFactory,
    CohortFactory,
    PersonFactory,
    ReservationFactory,
    RoomFactory,
    SlotFactory,
    TicketFactory,
    put_into,
)
from tests.waiting_room.scene import back_in_time, make_drawn_room
from waiting_room.exceptions import AtTheDoor
from waiting_room.models import Board, Room, Ticket
from waiting_room.now_document import stamp
from waiting_room.services import entering, joining, rooms


class Scene(NamedTuple):
    person: Person | None
    ticket: Ticket | None = None


def eligible(room: Room, **values) -> Person:
    person = PersonFactory()
    window = {"window_from": room.cohort.opens_at, "window_to": room.cohort.closes_at}
    Decision.objects.create(
        person=person, cohort=room.cohort, eligible=True, rule="born", **window | values
    )
    return person


def _of(ticket: Ticket) -> Scene:
    return Scene(ticket.person, ticket)


def not_yet() -> Scene:
    now = clock.now()
    cohort = CohortFactory(opens_at=now + timedelta(hours=3))
    return Scene(eligible(rooms.open_room(cohort=cohort, joins_from=now + timedelta(hours=1))))


def gathered() -> Scene:
    return _of(TicketFactory(room=make_drawn_room()))


def paused() -> Scene:
    ticket = TicketFactory()
    rooms.pause_room(room=ticket.room, by="test", message_ko="점검", message_en="Maintenance")
    return _of(ticket)


def still() -> Scene:
    ticket = TicketFactory()
    back_in_time(ticket.room, 60)
    board = Board.objects.get(room=ticket.room)
    board.document["time"] = stamp(clock.now() - timedelta(seconds=60))
    board.save(update_fields=["document"])
    return _of(ticket)


def door() -> Scene:
    room = RoomFactory(max_active=1)
    AdmissionFactory(room=room)
    ticket = TicketFactory(room=room, called=True)
    with suppress(AtTheDoor):
        entering.enter(ticket=ticket)
    return _of(ticket)


def inside() -> Scene:
    return _of(AdmissionFactory().ticket)


def held() -> Scene:
    return _reserved(held=True)


def _reserved(**values) -> Scene:
    reservation = ReservationFactory(**values)
    return _of(reservation.admission.ticket)


def second_missing() -> Scene:
    return _reserved(slot=SlotFactory(double=True))


def done() -> Scene:
    reservation = ReservationFactory()
    put_into(reservation, ReservationStatus.VACCINATED)
    return _of(reservation.admission.ticket)


def cancelled() -> Scene:
    reservation = ReservationFactory()
    changes.cancel_reservation(reservation=reservation, by="test")
    return _of(reservation.admission.ticket)


def on_list(district: str = "서초구") -> Scene:
    """Waits for a place in this district, by default one in which no factory makes a slot."""
    admission = AdmissionFactory()
    _wish(admission, district)
    entering.end_admission(admission=admission, ending="left")
    return _of(admission.ticket)


def _wish(admission, district: str) -> ListEntry:
    today = localdate(clock.now())
    preferences = offers.Preferences(
        places=[district_key("서울특별시", district)],
        dates=(today, today + timedelta(days=14)),
        hours=(time(0), time(23, 59)),
    )
    return offers.join_list(
        person_id=admission.ticket.person_id,
        admission_id=admission.pk,
        dose=1,
        preferences=preferences,
    )


def offered() -> Scene:
    scene = on_list("강남구")
    SlotFactory(capacity=1)
    offers.make_offers()
    return scene


def review() -> Scene:
    room = RoomFactory()
    person = PersonFactory(declared=True)
    open_review(person=person, cohort=room.cohort, reason=ReviewReason.OTHER, note="")
    return Scene(person)


def left() -> Scene:
    ticket = TicketFactory()
    joining.leave_line(ticket=ticket)
    return _of(ticket)


def closed() -> Scene:
    ticket = TicketFactory()
    rooms.close_room(room=ticket.room, by="test")
    return _of(ticket)


SCENES: dict[State, Callable[[], Scene]] = {
    State.UNKNOWN: lambda: Scene(None),
    State.NOT_YOURS: lambda: Scene(PersonFactory()),
    State.NOT_YET: not_yet,
    State.MAY_GATHER: lambda: Scene(eligible(RoomFactory(gathering=True))),
    State.MAY_JOIN: lambda: Scene(eligible(RoomFactory())),
    State.REVIEW: review,
    State.GATHERED: gathered,
    State.WAITING: lambda: _of(TicketFactory()),
    State.PAUSED: paused,
    State.STILL: still,
    State.CALLED: lambda: _of(TicketFactory(called=True)),
    State.DOOR: door,
    State.INSIDE: inside,
    State.HELD: held,
    State.BOOKED: _reserved,
    State.SECOND_MISSING: second_missing,
    State.ON_LIST: on_list,
    State.OFFER: offered,
    State.CANCELLED: cancelled,
    State.DONE: done,
    State.LEFT: left,
    State.CLOSED: closed,
}
