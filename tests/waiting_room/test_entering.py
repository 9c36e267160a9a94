from collections import Counter
from datetime import timedelta
from functools import partial
from threading import Barrier

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from tests.concurrency import at_once
from tests.waiting_room.scene import call, called, join, make_drawn_room, make_room, run_out
from waiting_room.enums import Ending
from waiting_room.exceptions import AdmissionOver, AtTheDoor, NotCalled, RoomClosed
from waiting_room.models import Admission, DoorWait, Line
from waiting_room.services import entering, rooms

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("both_paths_of_entering")]


def inside(room) -> int:
    return Admission.objects.filter(room=room, ended_at=None).count()


def test_a_called_person_enters_and_entering_again_is_the_same_admission():
    ticket = called(make_room())

    admission = entering.enter(ticket=ticket)
    again = entering.enter(ticket=ticket)

    assert (again.pk, again.expires_at) == (admission.pk, admission.expires_at)
    assert admission.place == 1
    assert admission.called_at <= admission.entered_at
    assert entering.live_admission(ticket.person_id).pk == admission.pk


def test_the_admission_comes_with_what_a_page_asks_of_it(django_assert_num_queries):
    ticket = called(make_room())
    admission = entering.enter(ticket=ticket)

    with django_assert_num_queries(1):
        live = entering.live_admission(ticket.person_id)
        person, cohort = live.ticket.person, live.room.cohort
        asked = (live.expires_at, person.pk, person.region, person.district, cohort.vaccines)

    of, home = ticket.room.cohort, ticket.person
    assert asked == (admission.expires_at, home.pk, home.region, home.district, of.vaccines)


def test_nobody_enters_before_being_called():
    room = make_room()
    first, second = join(room), join(room)
    call(room, 1)

    entering.enter(ticket=first)

    with pytest.raises(NotCalled):
        entering.enter(ticket=second)
    assert entering.live_admission(second.person_id) is None


def test_nobody_enters_before_the_draw():
    with pytest.raises(NotCalled):
        entering.enter(ticket=join(make_drawn_room()))


def test_a_pause_keeps_nobody_out_who_was_called():
    room = make_room()
    ticket = called(room)
    rooms.pause_room(room=room, by="staff:1")

    assert entering.enter(ticket=ticket).ended_at is None


def test_a_closed_room_lets_nobody_in_but_those_inside_may_finish():
    room = make_room()
    first, second = called(room), called(room)
    admission = entering.enter(ticket=first)
    rooms.close_room(room=room, by="staff:1")

    with pytest.raises(RoomClosed):
        entering.enter(ticket=second)
    assert entering.enter(ticket=first).pk == admission.pk
    assert entering.extend_admission(admission=admission).extensions == 1


@pytest.mark.django_db(transaction=True)
def test_ten_times_entering_at_once_is_one_admission():
    ticket = called(make_room())

    outcomes = at_once([partial(entering.enter, ticket=ticket)] * 10)

    assert len({admission.pk for admission in outcomes}) == 1
    assert Line.objects.get().active == 1


@pytest.mark.django_db(transaction=True)
def test_never_more_inside_than_the_room_takes():
    room = make_room(max_active=5)
    tickets = [join(room) for _ in range(20)]
    call(room, 20)

    outcomes = at_once([partial(entering.enter, ticket=ticket) for ticket in tickets])

    kinds = Counter(type(outcome).__name__ for outcome in outcomes)
    # Whoever came to the door with a lower place, and found it full, goes before the others.
    assert set(kinds) == {"Admission", "AtTheDoor"}
    assert 1 <= kinds["Admission"] <= 5
    assert inside(room) == kinds["Admission"]


def careless_entry(ticket, moment: Barrier) -> Admission:
    """Count, wait, insert: only the database's own check stops the last one."""
    free = Line.objects.get(room=ticket.room).active < 1
    moment.wait(timeout=30)
    assert free
    return Admission.objects.create(
        ticket=ticket, room=ticket.room, expires_at=timezone.now() + timedelta(minutes=1)
    )


@pytest.mark.django_db(transaction=True)
def test_the_database_refuses_whoever_would_be_one_too_many():
    room = make_room(max_active=1)
    tickets, moment = [join(room), join(room)], Barrier(2)

    outcomes = at_once([partial(careless_entry, ticket, moment) for ticket in tickets])

    assert Counter(type(outcome).__name__ for outcome in outcomes) == {
        "Admission": 1,
        "IntegrityError": 1,
    }
    assert inside(room) == 1


def test_a_full_room_keeps_people_at_the_door_in_order_of_place():
    room = make_room(max_active=1)
    tickets = [join(room) for _ in range(3)]
    call(room, 3)
    admission = entering.enter(ticket=tickets[0])
    for late in [tickets[2], tickets[1]]:
        with pytest.raises(AtTheDoor):
            entering.enter(ticket=late)

    entering.end_admission(admission=admission, ending=Ending.BOOKED)

    with pytest.raises(AtTheDoor):
        entering.enter(ticket=tickets[2])
    assert entering.enter(ticket=tickets[1]).place == 2


def test_whoever_stops_knocking_holds_nobody_up():
    room = make_room(max_active=1)
    tickets = [join(room) for _ in range(3)]
    call(room, 3)
    admission = entering.enter(ticket=tickets[0])
    with pytest.raises(AtTheDoor):
        entering.enter(ticket=tickets[1])
    entering.end_admission(admission=admission, ending=Ending.LEFT)
    DoorWait.objects.update(at=timezone.now() - timedelta(seconds=31))

    assert entering.enter(ticket=tickets[2]).place == 3


def test_a_returning_absentee_enters_before_anybody_newly_called():
    room = make_room(max_active=1)
    absent, present, next_one = join(room), join(room), join(room)
    call(room, 2)
    admission = entering.enter(ticket=present)
    call(room, 3)
    for ticket in [next_one, absent]:
        with pytest.raises(AtTheDoor):
            entering.enter(ticket=ticket)

    entering.end_admission(admission=admission, ending=Ending.BOOKED)

    with pytest.raises(AtTheDoor):
        entering.enter(ticket=next_one)
    assert entering.enter(ticket=absent).place == 1


def test_time_that_ran_out_frees_the_place_and_the_person_may_enter_again():
    room = make_room(max_active=1)
    first, second = join(room), join(room)
    call(room, 2)
    run_out(entering.enter(ticket=first))

    assert entering.live_admission(first.person_id) is None
    other = entering.enter(ticket=second)
    assert Admission.objects.get(ticket=first).ending == Ending.LAPSED
    entering.end_admission(admission=other, ending=Ending.BOOKED)
    assert entering.enter(ticket=first).ended_at is None


def test_ending_twice_changes_nothing():
    ticket = called(make_room())
    admission = entering.enter(ticket=ticket)

    ended = entering.end_admission(admission=admission, ending=Ending.BOOKED).ended_at
    again = entering.end_admission(admission=admission, ending=Ending.LEFT)

    assert (again.ended_at, again.ending) == (ended, Ending.BOOKED)
    with pytest.raises(AdmissionOver):
        entering.extend_admission(admission=admission)


def test_extending_counts_from_now_and_not_for_ever():
    admission = entering.enter(ticket=called(make_room()))
    Admission.objects.update(expires_at=timezone.now() + timedelta(seconds=30))

    entering.extend_admission(admission=admission)

    assert admission.expires_at > timezone.now() + timedelta(minutes=14)
    for _more in range(11):
        entering.extend_admission(admission=admission)
    with pytest.raises(AdmissionOver, match="더 늘릴 수 없습니다"):
        entering.extend_admission(admission=admission)


def test_what_ran_out_lapses_by_itself():
    room = make_room()
    late = entering.enter(ticket=called(room))
    entering.enter(ticket=called(room))
    run_out(late)

    assert entering.lapse_admissions() == 1
    assert Line.objects.get(room=room).active == inside(room) == 1


def test_lowering_the_bound_throws_nobody_out_and_sinks_as_people_finish():
    room = make_room(max_active=3)
    admissions = [entering.enter(ticket=called(room)) for _ in range(3)]
    waiting = called(room)

    rooms.set_pace(room=room, max_active=1, max_per_minute=60, by="staff:1")

    assert inside(room) == 3
    for admission in admissions[:2]:
        entering.end_admission(admission=admission, ending=Ending.BOOKED)
    with pytest.raises(AtTheDoor):
        entering.enter(ticket=waiting)
    entering.end_admission(admission=admissions[2], ending=Ending.BOOKED)
    assert entering.enter(ticket=waiting).ended_at is None
    assert Line.objects.get(room=room).max_active == 1


def test_an_ended_admission_does_not_come_back_to_life():
    admission = entering.enter(ticket=called(make_room()))
    entering.end_admission(admission=admission, ending=Ending.BOOKED)

    with pytest.raises(Exception, match="Cannot update"), transaction.atomic():
        Admission.objects.filter(pk=admission.pk).update(ended_at=None, ending="")
    with pytest.raises(IntegrityError), transaction.atomic():
        Line.objects.update(active=1000)
