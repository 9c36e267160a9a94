"""Booked by staff: for whom their own window is open, never before those who wait in the line."""

import uuid
from collections import Counter
from datetime import date, timedelta
from functools import partial

import pytest
from django.utils import timezone, translation

from booking.enums import EntryStatus, Origin
from booking.exceptions import (
    AlreadyBooked,
    LineWaits,
    NoDoseLeft,
    NotEligibleNow,
    SlotFull,
    SlotOver,
    VaccineNotForYou,
    WrongInterval,
)
from booking.models import ListEntry, Slot
from booking.services.changes import change_reservation
from booking.services.outside_doses import record_outside_dose
from booking.services.staff_bookings import book_for, booking_rights_of
from eligibility.enums import ReviewReason, Source
from eligibility.models import Decision
from eligibility.services.reviews import open_review
from messaging.models import Message
from tests.booking.test_offers import entry
from tests.booking.test_series import booked
from tests.concurrency import at_once
from tests.factories import (
    AdmissionFactory,
    CohortFactory,
    PersonFactory,
    ReservationFactory,
    RoomFactory,
    SlotFactory,
    TicketFactory,
    VaccineFactory,
)
from waiting_room.services.joining import issue_ticket
from waiting_room.services.people_before import waiting_before
from waiting_room.services.ticking import tick_room

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("every_invariant_holds"),
]
STAFF = "staff:7"


@pytest.fixture
def cohort():
    return CohortFactory()


@pytest.fixture
def caller(cohort):
    """Somebody of the open cohort who never signed in."""
    return PersonFactory()


@pytest.fixture
def pair():
    first = SlotFactory(double=True)
    later = first.starts_at + timedelta(days=28)
    return first, SlotFactory(clinic=first.clinic, vaccine=first.vaccine, starts_at=later)


def this_day(**values) -> Slot:
    """A time of today, begun a minute ago."""
    return SlotFactory(starts_at=timezone.now() - timedelta(minutes=1), **values)


def test_a_caller_is_booked_within_their_own_window(caller, cohort):
    slot = SlotFactory()

    [reservation] = book_for(person=caller, slot=slot, by=STAFF, language="en")

    assert (reservation.status, reservation.origin, reservation.by) == (
        "confirmed",
        Origin.STAFF,
        STAFF,
    )
    assert booked(slot) == [1]
    decision = Decision.objects.get(person=caller)
    assert (decision.cohort, decision.eligible) == (cohort, True)
    told = Message.objects.get(kind="confirmed")
    assert told.text.startswith("[Jari] Your vaccination is booked.")


@pytest.mark.parametrize(
    ("window", "reason"),
    [
        ({"soon": True}, "opens for this person on"),
        ({"closed": True}, "was open for this person until"),
    ],
)
@pytest.mark.parametrize("walk_in", [False, True])
def test_nobody_is_booked_outside_of_their_window(window, reason, walk_in):
    CohortFactory(**window)
    slot = this_day() if walk_in else SlotFactory()

    with translation.override("en"), pytest.raises(NotEligibleNow, match=reason):
        book_for(person=PersonFactory(), slot=slot, by=STAFF, walk_in=walk_in)

    assert booked(slot) == [0]


def test_the_refusal_says_what_is_missing(cohort):
    stranger = PersonFactory(declared=True)
    young = PersonFactory(birth_date=date(1999, 1, 1))

    with translation.override("en"):
        with pytest.raises(NotEligibleNow, match=f"{cohort.name_en}: We could not confirm"):
            book_for(person=stranger, slot=SlotFactory(), by=STAFF)
        with pytest.raises(NotEligibleNow, match="No period is open to people born on this day"):
            book_for(person=young, slot=SlotFactory(), by=STAFF)


def test_a_yes_that_was_told_holds_when_the_rules_have_changed(caller, cohort):
    booking_rights_of(person=caller, keep=True)
    cohort.birth_from = date(1965, 1, 1)
    cohort.save()

    assert book_for(person=caller, slot=SlotFactory(), by=STAFF)


def test_only_the_vaccines_of_the_cohort_are_booked():
    ours, other = VaccineFactory(), VaccineFactory()
    CohortFactory(vaccines=[ours.code])
    caller = PersonFactory()
    mine, theirs = SlotFactory(vaccine=ours), SlotFactory(vaccine=other)

    with pytest.raises(VaccineNotForYou):
        book_for(person=caller, slot=theirs, by=STAFF)
    book_for(person=caller, slot=mine, by=STAFF)

    assert booked(mine, theirs) == [1, 0]


def test_of_two_open_cohorts_the_one_that_names_the_vaccine_counts():
    one, other, third = VaccineFactory(), VaccineFactory(), VaccineFactory()
    CohortFactory(vaccines=[one.code], priority=5)
    CohortFactory(vaccines=[other.code])
    CohortFactory(vaccines=[third.code], soon=True)

    book_for(person=PersonFactory(), slot=SlotFactory(vaccine=other), by=STAFF)
    with pytest.raises(VaccineNotForYou):
        book_for(person=PersonFactory(), slot=SlotFactory(vaccine=third), by=STAFF)


def test_what_staff_booked_is_changed_only_to_vaccines_of_the_cohort():
    ours, other = VaccineFactory(), VaccineFactory()
    CohortFactory(vaccines=[ours.code])
    [reservation] = book_for(person=PersonFactory(), slot=SlotFactory(vaccine=ours), by=STAFF)
    mine, theirs = SlotFactory(vaccine=ours), SlotFactory(vaccine=other)

    with pytest.raises(VaccineNotForYou):
        change_reservation(reservation=reservation, slot_id=theirs.pk, by="citizen")

    assert change_reservation(reservation=reservation, slot_id=mine.pk, by="citizen")


def test_a_series_that_has_begun_is_finished_after_the_window_too(pair):
    first, second = pair
    CohortFactory(closed=True)
    caller = PersonFactory()
    given = timezone.localtime(second.starts_at).date() - timedelta(days=28)
    record_outside_dose(
        person_id=caller.pk, vaccine=first.vaccine, dose=1, given_on=given, by=STAFF
    )
    early = SlotFactory(vaccine=first.vaccine, starts_at=first.starts_at - timedelta(days=1))

    with pytest.raises(WrongInterval):
        book_for(person=caller, slot=early, by=STAFF)
    [reservation] = book_for(person=caller, slot=second, by=STAFF)

    assert reservation.dose == 2


def test_after_the_last_dose_there_is_nothing_to_book(caller):
    slot = SlotFactory()
    today = timezone.localdate()
    record_outside_dose(person_id=caller.pk, vaccine=slot.vaccine, dose=1, given_on=today, by=STAFF)

    with pytest.raises(NoDoseLeft):
        book_for(person=caller, slot=slot, by=STAFF)


# The line


@pytest.fixture
def line():
    """A room in whose line three people wait, the first of them called."""
    room = RoomFactory()
    first, *others = [TicketFactory(room=room) for _ in range(3)]
    room.line.serving = 1
    room.line.save(update_fields=["serving"])
    return room, first.person, others[0].person


def test_nobody_is_booked_before_those_who_wait(line):
    room, called, waiting = line
    caller, slot = PersonFactory(), SlotFactory()

    with pytest.raises(LineWaits) as refusal:
        book_for(person=caller, slot=slot, by=STAFF)
    with pytest.raises(LineWaits):
        book_for(person=waiting, slot=slot, by=STAFF)
    book_for(person=called, slot=slot, by=STAFF)

    assert refusal.value.waiting == 2
    assert booked(slot) == [1]
    asked = {"cohorts": [room.cohort_id]}
    assert waiting_before(person_id=waiting.pk, **asked) == {room.cohort_id: 0}
    assert waiting_before(person_id=called.pk, **asked) == {}


def test_when_everybody_was_called_a_caller_is_booked(line):
    room, _called, _waiting = line
    room.line.serving = 3
    room.line.save(update_fields=["serving"])

    assert book_for(person=PersonFactory(), slot=SlotFactory(), by=STAFF)


def test_a_caller_who_took_a_place_in_the_line_is_booked_when_called(line):
    room, _called, _waiting = line
    caller = PersonFactory()
    booking_rights_of(person=caller, keep=True)
    issue_ticket(room=room, person_id=caller.pk)
    with pytest.raises(LineWaits) as refusal:
        book_for(person=caller, slot=SlotFactory(), by=STAFF)
    room.line.serving = 4
    room.line.save(update_fields=["serving"])
    TicketFactory(room=room)

    assert refusal.value.waiting == 2
    assert book_for(person=caller, slot=SlotFactory(), by=STAFF)


def test_a_walk_in_takes_what_is_left_over_today_and_no_other_day(line):
    slot = this_day()

    with pytest.raises(LineWaits):
        book_for(person=PersonFactory(), slot=SlotFactory(), by=STAFF, walk_in=True)
    book_for(person=PersonFactory(), slot=slot, by=STAFF, walk_in=True)

    assert booked(slot) == [1]


def test_in_a_drawn_line_the_place_counts_and_not_the_entry():
    room = RoomFactory(drawn=True, gathering=True)
    people = [TicketFactory(room=room).person for _ in range(6)]
    type(room.cohort).objects.filter(pk=room.cohort_id).update(
        opens_at=timezone.now() - timedelta(minutes=1)
    )
    tick_room(room.pk)  # closes the list
    tick_room(room.pk)  # holds the draw
    room.line.refresh_from_db()
    serving = room.line.serving

    waiting = [
        waiting_before(person_id=person.pk, cohorts=[room.cohort_id]).get(room.cohort_id, -1)
        for person in people
    ]

    assert sorted(waiting) == [-1] * serving + list(range(6 - serving))


def test_a_line_that_the_operator_closed_keeps_nobody_waiting(line):
    from waiting_room.services.rooms import close_room

    close_room(room=line[0], by=STAFF)

    assert book_for(person=PersonFactory(), slot=SlotFactory(), by=STAFF)


def test_only_a_walk_in_gets_a_time_that_has_begun(caller):
    slot = this_day()

    with pytest.raises(SlotOver):
        book_for(person=caller, slot=slot, by=STAFF)

    assert book_for(person=caller, slot=slot, by=STAFF, walk_in=True)[0].slot_id == slot.pk


# A provisional yes


def reviewed(cohort):
    person = PersonFactory(source=Source.DECLARED, roster_key=None)
    open_review(person=person, cohort=cohort, reason=ReviewReason.IDENTITY)
    return person


def test_while_a_review_is_open_only_the_line_leads_in():
    room = RoomFactory()
    person = reviewed(room.cohort)

    with translation.override("en"), pytest.raises(NotEligibleNow, match="a review is open"):
        book_for(person=person, slot=SlotFactory(), by=STAFF)


# Both doses, once, and the last place


def test_both_doses_are_booked_in_one_act(caller, pair):
    first, second = pair

    rows = book_for(person=caller, slot=first, second=second, by=STAFF)

    assert [(row.dose, row.slot_id) for row in rows] == [(1, first.pk), (2, second.pk)]
    assert booked(first, second) == [1, 1]
    told = Message.objects.get(kind="confirmed").text
    assert all(row.number in told for row in rows)


def test_both_doses_or_none(caller, pair):
    first, second = pair
    ReservationFactory(slot=first)  # something to come back to
    Slot.objects.filter(pk=second.pk).update(capacity=0)

    with pytest.raises(SlotFull) as refusal:
        book_for(person=caller, slot=first, second=second, by=STAFF)

    assert refusal.value.slot_id == second.pk
    assert booked(first, second) == [1, 0]


def test_one_key_books_once(caller):
    slot, key = SlotFactory(), uuid.uuid4()

    outcomes = at_once(
        [partial(book_for, person=caller, slot=slot, key=key, by=STAFF) for _ in range(4)]
    )

    assert len({one.number for [one] in outcomes}) == 1
    assert booked(slot) == [1]
    assert Message.objects.filter(kind="confirmed").count() == 1


def test_two_desks_book_one_person_once(caller):
    vaccine = VaccineFactory()
    slots = [SlotFactory(vaccine=vaccine) for _ in range(4)]

    outcomes = at_once([partial(book_for, person=caller, slot=slot, by=STAFF) for slot in slots])

    assert Counter(type(one).__name__ for one in outcomes) == {"list": 1, "AlreadyBooked": 3}
    assert sum(booked(*slots)) == 1


def test_the_last_place_goes_to_one_of_desks_and_citizens(cohort):
    slot = SlotFactory(capacity=1)
    people = PersonFactory.create_batch(6)

    outcomes = at_once([partial(book_for, person=one, slot=slot, by=STAFF) for one in people])

    assert Counter(type(one).__name__ for one in outcomes) == {"list": 1, "SlotFull": 5}
    assert booked(slot) == [1]


def test_a_refusal_leaves_what_the_person_holds():
    held = ReservationFactory(held=True)

    with pytest.raises(SlotFull):
        book_for(person=held.person, slot=SlotFactory(full=True, capacity=0), by=STAFF)

    held.refresh_from_db()
    assert held.status == "held"


def test_whoever_is_booked_is_off_the_list():
    admission = AdmissionFactory()
    waiting = entry(admission)

    book_for(person=admission.ticket.person, slot=SlotFactory(), by=STAFF)

    assert ListEntry.objects.get(pk=waiting.pk).status == EntryStatus.FULFILLED
    with pytest.raises(AlreadyBooked):
        entry(admission)
