"""The evening of a person who was away when called, by the real services."""

from datetime import date

from django.db import connection

from booking.models import Reservation
from booking.services.confirmations import confirm_hold
from booking.services.holds import take_back_holds
from eligibility.enums import Order
from eligibility.models import Person
from eligibility.services.identity import check_code, start_verification
from messaging.services import send_codes, send_waiting
from tests.clock import clock
from tests.eligibility.test_identity import code_of
from tests.factories import CohortFactory, PersonFactory, SlotFactory
from tests.holding import hold_slot
from tests.roles import as_owner
from tests.waiting_room import scene
from waiting_room.enums import Ending
from waiting_room.models import Room, Ticket
from waiting_room.services import entering, rooms, telling

# The number with which the person joins.
NUMBER = 6123
WHO = {"name": "박서준", "birth_date": date(1964, 5, 12), "phone": "+821012345678"}


def play(*, language: str = "ko") -> Person:
    """From 19:58 to 21:01: verified, joined, called, away, entered, a hold that ran out."""
    clock.at("19:30")
    cohort = CohortFactory(
        order=Order.FIFO,
        opens_at=clock.now().replace(hour=20, minute=0),
        name_ko="50대",
        name_en="The fifties",
    )
    room = rooms.open_room(cohort=cohort)
    person = PersonFactory(**WHO)
    prove(person)
    clock.at("20:00:02")
    room = scene.tick(room)
    ticket = join_as_number(room, person, NUMBER)
    telling.request_alert(ticket=ticket, channel="sms", language=language)
    clock.at("20:48:00")
    scene.call(room, NUMBER)
    clock.at("20:48:01")
    telling.send_alerts()
    clock.at("20:48:02")
    send_waiting()
    clock.at("20:51:00")
    admission = entering.enter(ticket=ticket)
    clock.at("20:51:20")
    hold_slot(person_id=person.pk, slot_id=SlotFactory().pk, admission_id=admission.pk)
    clock.at("21:01:40")
    take_back_holds()
    return person


def prove(person: Person) -> None:
    """Sign in by a code to the phone, at 19:57 and 19:58."""
    clock.at("19:57:30")
    challenge = start_verification(
        name=person.name, birth_date=person.birth_date, phone=person.phone
    )
    send_codes()
    clock.at("19:58:00")
    assert check_code(challenge=challenge, code=code_of(challenge)) == person


def join_as_number(room: Room, person: Person, number: int) -> Ticket:
    """Join at 20:00:03, behind as many others as the number says."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT setval(%s, %s)", [room.entry_sequence, number - 1])
    clock.at("20:00:03")
    ticket = scene.join(room, person)
    assert ticket.place == number
    return ticket


def book(person: Person) -> Reservation:
    """Enter again and book, a quarter of an hour later."""
    [ticket] = Ticket.objects.select_related("room__cohort", "room__line").filter(person=person)
    clock.at("21:20:00")
    admission = entering.enter(ticket=ticket)
    clock.at("21:21:00")
    [held] = hold_slot(person_id=person.pk, slot_id=SlotFactory().pk, admission_id=admission.pk)
    clock.at("21:21:30")
    [confirmed] = confirm_hold(person_id=person.pk, key=held.key)
    entering.end_admission(admission=admission, ending=Ending.BOOKED)
    return Reservation.objects.with_slot().get(pk=confirmed.pk)
