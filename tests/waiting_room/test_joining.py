from collections import Counter
from datetime import date, timedelta
from functools import partial
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from eligibility.models import Cohort, Decision
from tests.concurrency import at_once
from tests.factories import PersonFactory
from tests.roles import as_owner
from tests.waiting_room.scene import issued, join, make_drawn_room, make_eligible, make_room
from waiting_room.exceptions import NotEligible, NotYetJoinable, RoomClosed
from waiting_room.models import Room, Ticket
from waiting_room.services import joining, rooms

pytestmark = pytest.mark.django_db


def test_joining_gives_numbers_in_order_and_again_the_same_ticket():
    room = make_room()

    first, second = join(room), join(room)
    again = joining.issue_ticket(room=room, person_id=first.person_id)

    assert (first.entry, second.entry) == (1, 2)
    assert (again.pk, again.entry, again.joined_at) == (first.pk, 1, first.joined_at)


def test_joining_again_burns_no_number():
    room = make_room()
    ticket = join(room)

    for _again in range(5):
        joining.issue_ticket(room=room, person_id=ticket.person_id)

    assert issued(room) == 1


def test_joining_takes_one_statement(django_assert_num_queries):
    room = make_room()
    person = make_eligible(room)

    with django_assert_num_queries(1):
        joining.issue_ticket(room=room, person_id=person.pk)


@pytest.mark.django_db(transaction=True)
def test_fifty_joins_of_one_person_at_once_give_one_ticket():
    room = make_room()
    person = make_eligible(room)

    outcomes = at_once([partial(joining.issue_ticket, room=room, person_id=person.pk)] * 50)

    assert Counter(type(outcome).__name__ for outcome in outcomes) == {"Ticket": 50}
    assert len({(ticket.pk, ticket.entry) for ticket in outcomes}) == 1
    assert Ticket.objects.filter(room=room).count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_people_at_once_get_a_number_each():
    room = make_room()
    people = [make_eligible(room) for _ in range(40)]

    tickets = at_once(
        [partial(joining.issue_ticket, room=room, person_id=person.pk) for person in people]
    )

    assert sorted(ticket.entry for ticket in tickets) == list(range(1, 41))


def careless_join(room_id: int, person_id: int, moment: Barrier) -> int:
    """What a naive room does: look, wait, count, insert."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT entry FROM waiting_room_ticket WHERE person_id = %s", [person_id])
        if row := cursor.fetchone():
            return row[0]
        cursor.execute("SELECT coalesce(max(entry), 0) + 1 FROM waiting_room_ticket")
        entry = cursor.fetchone()[0]
    moment.wait(timeout=30)
    Ticket.objects.create(
        room_id=room_id,
        person_id=person_id,
        entry=entry,
        joined_at=timezone.now(),
        resume_index=entry * 1000 + person_id,
    )
    return entry


@pytest.mark.django_db(transaction=True)
def test_a_careless_room_would_give_one_number_twice_and_only_the_constraint_stops_it():
    room, moment = make_room(), Barrier(2)
    people = [make_eligible(room) for _ in range(2)]

    outcomes = at_once([partial(careless_join, room.pk, person.pk, moment) for person in people])

    assert Counter(type(outcome).__name__ for outcome in outcomes) == {
        "int": 1,
        "IntegrityError": 1,
    }


def test_whoever_is_not_eligible_is_refused():
    room = make_room()
    stranger = PersonFactory(birth_date=date(1999, 1, 1))
    refused = make_eligible(room, PersonFactory(birth_date=date(1999, 1, 1)))
    Decision.objects.filter(person=refused).update(eligible=False)

    for person in [stranger, refused]:
        with pytest.raises(NotEligible):
            joining.issue_ticket(room=room, person_id=person.pk)

    assert not Ticket.objects.exists()
    assert issued(room) == 0


def test_joining_is_refused_before_its_time_and_after_the_end():
    early = make_drawn_room(joins_from=timezone.now() + timedelta(minutes=30))
    closed = make_room()
    rooms.close_room(room=closed, by="staff:1")
    over = make_room()
    Cohort.objects.filter(pk=over.cohort_id).update(closes_at=timezone.now() - timedelta(seconds=1))

    for room, refusal in [(early, NotYetJoinable), (closed, RoomClosed), (over, RoomClosed)]:
        person = make_eligible(room)
        with pytest.raises(refusal):
            joining.issue_ticket(room=room, person_id=person.pk)


def test_joining_goes_on_while_the_room_is_paused():
    room = make_room()
    rooms.pause_room(room=room, by="staff:1")

    assert join(room).entry == 1


def test_leaving_and_joining_again_keeps_the_place():
    room = make_room()
    ticket, _behind = join(room), join(room)

    joining.leave_line(ticket=ticket)
    again = joining.issue_ticket(room=room, person_id=ticket.person_id)

    assert (again.pk, again.place, again.left_at) == (ticket.pk, 1, None)
    assert Ticket.objects.get(pk=ticket.pk).left_at is None


def test_the_database_lets_nobody_change_a_place():
    ticket = join(make_room())

    for change in [{"entry": 7}, {"joined_at": timezone.now()}]:
        refused = pytest.raises(Exception, match="Cannot update")
        with as_owner(), refused, transaction.atomic():
            Ticket.objects.filter(pk=ticket.pk).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        Ticket.objects.create(
            room=ticket.room,
            person=PersonFactory(),
            entry=ticket.entry,
            joined_at=timezone.now(),
            resume_index=1,
        )


def test_a_room_is_made_once_for_every_cohort():
    room = make_room()

    made = rooms.open_rooms()

    assert made == []
    assert list(Room.objects.all()) == [room]
    assert rooms.open_room(cohort=room.cohort) == room
