from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from booking.models import Slot
from rehearsal.findings import (
    admissions_over_cap,
    examine,
    messages_twice,
    slots_over_capacity,
)
from tests.factories import (
    AdmissionFactory,
    PersonFactory,
    ReservationFactory,
    RoomFactory,
    SlotFactory,
    TicketFactory,
)
from waiting_room.enums import Act
from waiting_room.models import Admission, Line, Room, Step

pytestmark = pytest.mark.django_db


def story(ticket, **more):
    return {
        "person": ticket.person_id,
        "ticket": str(ticket.pk),
        "places": [ticket.place],
        "outcome": "booked",
        **more,
    }


def found(*citizens):
    return examine(citizens=list(citizens), since=timezone.now() - timedelta(hours=1))


def test_an_orderly_booking_has_nothing_to_report():
    reservation = ReservationFactory()
    ticket = reservation.admission.ticket

    findings = found(story(ticket, number=reservation.number))

    assert findings.all_kept
    assert findings.cases == []


def test_a_ticket_of_somebody_else_is_a_place_lost():
    ticket = TicketFactory()

    findings = found(story(ticket, person=PersonFactory().pk))

    assert (findings.places_lost, findings.all_kept) == (1, False)


def test_a_second_ticket_number_is_a_place_lost():
    assert found(story(TicketFactory(), other_ticket="other")).places_lost == 1


def test_a_place_shown_lower_once_and_higher_later_moved_back():
    ticket = TicketFactory()

    assert found(story(ticket, places=[ticket.place + 3, ticket.place])).places_moved_back == 0
    assert found(story(ticket, places=[ticket.place, ticket.place + 1])).places_moved_back == 1


def test_a_receipt_without_its_reservation_is_reported():
    assert found(story(TicketFactory(), number="NOSUCH")).receipts_without_reservation == 1


def test_both_numbers_of_one_who_confirmed_twice_must_be_kept():
    reservation = ReservationFactory()
    ticket = reservation.admission.ticket

    findings = found(story(ticket, number=reservation.number, other_number="NOSUCH"))

    assert findings.receipts_without_reservation == 1


def test_a_ticket_in_a_line_of_another_cohort_jumped_the_line():
    ticket = TicketFactory()
    room = ticket.room.cohort.code
    refused = {"person": ticket.person_id, "places": [], "outcome": "refused"}

    assert found(refused).jumped == 0
    assert examine(citizens=[refused], since=timezone.now(), rooms=[room]).jumped == 1
    assert found(story(ticket, jumped="joined a line of another cohort")).jumped == 1


@pytest.mark.parametrize(("called", "jumped"), [(-1, 0), (1, 1), (None, 1)])
def test_who_entered_before_the_call_of_the_place_jumped_the_line(called, jumped):
    admission = AdmissionFactory()
    if called is not None:
        Step.objects.create(
            room=admission.room,
            at=admission.entered_at + timedelta(seconds=called),
            act=Act.CALL,
            first=1,
            last=admission.place,
        )
    since = admission.entered_at - timedelta(hours=1)

    findings = examine(citizens=[], since=since, rooms=[admission.room.cohort.code])

    assert findings.jumped == jumped


def test_a_message_that_lies_twice_in_the_outbox_was_sent_twice(tmp_path):
    since = timezone.now() - timedelta(hours=1)
    names = ["20260720T110000.000001-called-5", "20260720T110001.000001-called-5",
             "20260720T110001.000002-called-6"]  # fmt: skip
    for name in names:
        (tmp_path / f"{name}.json").write_text("{}")

    assert messages_twice(tmp_path, since) == {"called-5": 1}
    assert found().messages_twice is None


def test_admissions_over_the_cap_are_seen_in_their_times_not_in_the_counter():
    room = RoomFactory(max_active=2)
    tickets = [TicketFactory(room=room, called=True) for _ in range(3)]
    for ticket in tickets[:2]:
        AdmissionFactory(ticket=ticket)
    assert admissions_over_cap(room=room, since=timezone.now() - timedelta(hours=1)) == 0

    Line.objects.filter(room=room).update(active=0)
    Admission.objects.create(
        ticket=tickets[2],
        room=room,
        place=tickets[2].place,
        entered_at=timezone.now(),
        expires_at=timezone.now() + timedelta(minutes=15),
    )

    room = Room.objects.get(pk=room.pk)
    assert admissions_over_cap(room=room, since=timezone.now() - timedelta(hours=1)) == 1
    assert not found().all_kept


def test_a_slot_whose_rows_and_counter_differ_is_reported():
    slot = SlotFactory(capacity=5)
    ReservationFactory(slot=slot)
    assert list(slots_over_capacity()) == []

    with connection.cursor() as cursor:
        cursor.execute("UPDATE booking_slot SET booked = 0 WHERE id = %s", [slot.pk])

    assert list(slots_over_capacity()) == [Slot.objects.get(pk=slot.pk)]
    assert found().slots_over_capacity == 1
