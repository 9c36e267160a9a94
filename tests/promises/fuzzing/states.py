"""Browsers of everybody who may be shown a form: citizens on each step of their way, each role."""

from dataclasses import dataclass, field
from datetime import date

from django.http import HttpResponse
from django.test import Client

from booking.models import Offer
from booking.services.changes import cancel_reservation
from booking.services.holds import hold_slot
from booking.services.offers import make_offers
from eligibility.models import Person, Proxy, Review
from eligibility.services.family import ask_to_book_for
from eligibility.sessions import COOKIE, sign_in
from tests.booking.test_offers import entry
from tests.eligibility.test_pages import last_code
from tests.factories import (
    AdmissionFactory,
    PersonFactory,
    ReservationFactory,
    RoomFactory,
    SlotFactory,
    TicketFactory,
)
from tests.staff import address_table
from tests.staff.signing_in import StaffClient
from waiting_room.services.resume_codes import resume_code_of

# 32 letters stand for themselves as the token of a form.
TOKEN = "a" * 32


@dataclass(frozen=True)
class State:
    """A browser's cookies, and what its addresses are about: for each name of an argument."""

    name: str
    cookies: dict[str, str]
    arguments: dict[str, str] = field(default_factory=dict)
    role: str = ""  # of staff, as tests/staff/addresses.tsv names it

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())


def cookies_of(client: Client) -> dict[str, str]:
    return {"csrftoken": TOKEN} | {name: one.value for name, one in client.cookies.items()}


def browser_of(person: Person | None = None) -> Client:
    client = Client()
    if person:
        response = HttpResponse()
        sign_in(response, person_id=person.pk)
        client.cookies.update(response.cookies)
    return client


class Citizens:
    """`all` has one state for each step; `known` what exists, for fields that ask for it."""

    def __init__(self) -> None:
        self.all: list[State] = []
        self.known: list[str] = []
        self.room = RoomFactory()
        self.slot = SlotFactory(capacity=20)
        self.double = SlotFactory(double=True, capacity=20)
        self._add("stranger", browser_of(), code=self.room.cohort.code)
        for build in (
            self._identity, self._line, self._booking, self._cancellation_list, self._family,
        ):  # fmt: skip
            build()
        self.known += [
            str(self.slot.pk), str(self.double.pk), self.slot.vaccine.code, self.slot.clinic.code,
            self.slot.clinic.region, self.slot.clinic.district, self.room.cohort.code,
            f"{self.slot.starts_at:%Y-%m-%d}",
        ]  # fmt: skip

    def _add(self, name: str, client: Client, **arguments: object) -> None:
        values = {key: str(value) for key, value in arguments.items()}
        self.all.append(State(name, cookies_of(client), values))

    def _person(self) -> Person:
        return AdmissionFactory(room=self.room, person=PersonFactory()).ticket.person

    def _identity(self) -> None:
        person, client = PersonFactory(), Client()
        client.post("/identity/", typed(person))
        self._add("asked for a code", client)
        one = PersonFactory(region="부산광역시", district="중구")
        PersonFactory(name=one.name, phone=one.phone, identity_index=b"2" * 16)
        client = Client()
        client.post("/identity/", typed(one))
        client.post("/identity/code/", {"code": last_code()})
        self._add("asked for a district", client)

    def _line(self) -> None:
        eligible = PersonFactory()
        client = browser_of(eligible)
        client.get("/eligibility/")
        self._add("signed in", client, code=self.room.cohort.code)
        waiting = TicketFactory(room=self.room)
        self._add("waiting", browser_of(waiting.person), ticket_id=waiting.pk)
        self.known += [resume_code_of(waiting)]
        drawn = TicketFactory(room=RoomFactory(gathering=True, drawn=True))
        code = drawn.room.cohort.code
        self._add("gathering", browser_of(drawn.person), ticket_id=drawn.pk, code=code)
        called = TicketFactory(room=self.room, called=True)
        self._add("called", browser_of(called.person), ticket_id=called.pk)
        refused = PersonFactory(birth_date=date(1990, 1, 1))
        client = browser_of(refused)
        client.get("/eligibility/")
        review = {"cohort": self.room.cohort, "reason": "birth"}
        Review.objects.create(person=refused, opened_at=self.room.cohort.opens_at, **review)
        self._add("asked for a review", client, code=self.room.cohort.code)

    def _booking(self) -> None:
        self._add("inside", browser_of(self._person()), code=self.slot.clinic.code)
        holding = AdmissionFactory(room=self.room, person=PersonFactory())
        person = holding.ticket.person
        hold_slot(person_id=person.pk, slot_id=self.slot.pk, admission_id=holding.pk)
        self._add("holding", browser_of(person), ticket_id=holding.ticket_id)
        booked = ReservationFactory(slot=self.slot)
        self._add("booked", browser_of(booked.person), number=booked.number)
        looked_up = browser_of()
        phone = booked.person.phone.replace("+82", "0")
        looked_up.post("/reservations/", {"number": booked.number, "phone": phone})
        self._add("looked up", looked_up, number=booked.number)
        cancelled = ReservationFactory(slot=self.slot)
        cancel_reservation(reservation=cancelled, by="citizen")
        self._add("cancelled", browser_of(cancelled.person), number=cancelled.number)

    def _cancellation_list(self) -> None:
        on_list = AdmissionFactory(room=self.room, person=PersonFactory())
        entry(on_list, places=["d:부산광역시/중구"])
        self._add("on the list", browser_of(on_list.ticket.person))
        offered = AdmissionFactory(room=self.room, person=PersonFactory())
        entry(offered)
        make_offers()
        offer = Offer.objects.get(person=offered.ticket.person)
        self._add("offered", browser_of(offered.ticket.person), token=offer.token)

    def _family(self) -> None:
        person, by = self._person(), self._person()
        proxy = Proxy.objects.create(person=person, by=by)
        request = ask_to_book_for(by=by, **details(PersonFactory()))
        self._add("proxy", browser_of(by), pk=proxy.pk)
        self._add("asking", browser_of(by), pk=request.pk, token=request.token)
        asked = PersonFactory()
        request = ask_to_book_for(by=self._person(), **details(asked))
        self._add("asked", browser_of(asked), pk=request.pk, token=request.token)
        acting = browser_of(by)
        acting.post(f"/family/{proxy.pk}/act/")
        assert acting.cookies[COOKIE].value != cookies_of(browser_of(by))[COOKIE]
        self._add("acting", acting)


def details(person: Person) -> dict:
    return {"name": person.name, "birth_date": person.birth_date, "phone": person.phone}


def typed(person: Person) -> dict:
    phone = "0" + person.phone.removeprefix("+82")
    return {"name": person.name, "birth_date": f"{person.birth_date:%Y%m%d}", "phone": phone}


def staff_states() -> list[State]:
    """One of each role, with a row of each model; and one with the password alone."""
    users, rows = address_table.scene()
    arguments = {name: str(value) for name, value in rows.items()}
    states = []
    for name, user in users.items():
        client = StaffClient()
        client.force_login(user)
        states.append(State(name, cookies_of(client), arguments, role=name))
    client = StaffClient()
    client.force_login(users["superuser"], half=True)
    return [*states, State("half signed in", cookies_of(client), arguments, role="half")]
