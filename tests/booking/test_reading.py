"""What a page reads in one statement is what the models say."""

from datetime import timedelta

import pytest

from booking.enums import Origin
from booking.models import Reservation
from booking.services import confirmations, holds, reading
from messaging.enums import Channel
from tests.factories import AdmissionFactory, PersonFactory, ReservationFactory, SlotFactory

pytestmark = pytest.mark.django_db


def told(reservation: Reservation) -> list[dict]:
    """Every value of it and of its place."""
    slot = reservation.slot
    return [
        {field.attname: getattr(one, field.attname) for field in one._meta.concrete_fields}
        for one in (reservation, slot, slot.clinic, slot.vaccine)
    ]


def test_the_reservations_of_a_person_are_those_of_the_models():
    admission = AdmissionFactory()
    person = admission.ticket.person
    first = SlotFactory(double=True)
    SlotFactory(
        clinic=first.clinic, vaccine=first.vaccine, starts_at=first.starts_at + timedelta(days=28)
    )
    for slot in [SlotFactory(), first]:
        key = holds.hold_best_slots(person_id=person.pk, slot_id=slot.pk, admission_id=admission.pk)
    wanted = holds.ContactChoice(Channel.EMAIL, "me@example.org")
    confirmations.confirm_hold(person_id=person.pk, key=key, contact=wanted)
    ReservationFactory()

    read = reading.reservations_of(person.pk)

    expected = Reservation.objects.with_slot().filter(person=person).order_by("dose", "-pk")
    assert [told(one) for one in read] == [told(one) for one in expected]
    assert [(one.dose, one.status, one.email) for one in read] == [
        (1, "confirmed", "me@example.org"),
        (1, "released", None),
        (2, "confirmed", "me@example.org"),
    ]


def test_what_the_pages_show_is_read_in_one_statement(django_assert_num_queries):
    person = PersonFactory()
    ReservationFactory(person=person)

    with django_assert_num_queries(1):
        [read] = reading.reservations_of(person.pk)
        shown = [
            read.shown_number,
            read.slot.left,
            read.slot.clinic.address,
            read.changes_until,
            read.slot.vaccine.name,
        ]

    assert all(shown)


def test_what_is_held_leaves_out_what_ended_and_offers():
    person = PersonFactory()
    ReservationFactory(person=person)
    held = ReservationFactory(held=True)
    offered = ReservationFactory(held=True)
    Reservation.objects.filter(pk=offered.pk).update(origin=Origin.OFFER)

    found = [reading.held_by(pk) for pk in (person.pk, held.person_id, offered.person_id)]

    assert found == [[], [held], []]
