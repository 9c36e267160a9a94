"""Visits to care homes: a list booked as a whole, moved, called off; with the second visit."""

import uuid
from collections import Counter
from datetime import date, timedelta
from functools import partial

import pytest
from django.utils.translation import gettext as _

from booking.enums import VisitStatus
from booking.exceptions import (
    CapacityBelowBooked,
    ListChanged,
    VisitBegun,
    VisitCalledOff,
    VisitDoesNotFit,
    VisitHours,
    VisitOver,
    VisitTaken,
    WrongInterval,
)
from booking.models import HomeVisit, OutsideDose, Reservation, Slot
from booking.residents import BadList, Line, ResidentState, read_list
from booking.services.changes import cancel_reservation
from booking.services.home_visits import call_off, move_visit, plan_visit, set_places
from booking.services.notices import render_confirmed
from booking.services.reminders import remind
from booking.services.visit_lists import book_list, look_at
from booking.services.visits import mark_arrived
from booking.verifying import verify
from eligibility.models import Person
from events.services import story_of
from messaging.models import Message
from tests.booking.visits import BY, book, care_home, morning, planned_visit, residents
from tests.concurrency import at_once
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    CohortFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    VaccineFactory,
)

TODAY = date(2026, 11, 29)
S = ResidentState


@pytest.fixture(autouse=True)
def _rows_are_what_verify_accepts(request):
    yield
    if request.node.get_closest_marker("django_db"):
        assert [result.invariant.name for result in verify() if result.broken] == []


@pytest.mark.parametrize(
    "typed",
    [
        "김영희 1938-05-12",
        "김영희\t1938.5.12",
        "김영희, 19380512",
        "1938년 5월 12일 김영희",
        "3. 김영희; 38/05/12",
        '"김영희","380512"',
    ],
)
def test_a_line_names_a_person_in_many_spellings(typed):
    [line] = read_list(typed, today=TODAY)

    assert (line.name, line.born) == ("김영희", (date(1938, 5, 12),))


def test_a_list_may_have_headings_empty_lines_and_keys():
    lines = read_list("이름,생년월일\r\n\r\nR00000012\r\n김영희,20200101\n", today=TODAY)

    assert lines == [
        Line(3, key="R00000012"),
        Line(4, name="김영희", born=(date(2020, 1, 1),)),
    ]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (
            "김영희 380512-2345678",
            "A resident registration number is stored nowhere. Write the birth date.",
        ),
        ("김영희", "Write the name and the birth date, as in 1938-05-12."),
        ("김영희 1938-13-40", "There is no such birth date."),
        ("김영희 2031-01-01", "There is no such birth date."),
        ("http://x.example 1938-05-12", "Write the name and the birth date, as in 1938-05-12."),
        ("김" * 201, "This line is too long."),
    ],
)
def test_a_line_that_cannot_be_read_says_why_and_repeats_nothing(typed, told):
    [line] = read_list(typed, today=TODAY)

    assert line.problem == _(told)
    assert (line.name, line.born, line.key) == ("", (), "")


@pytest.mark.parametrize("typed", ["", " \n\t\n", "이름\t생년월일\n", "김영희 1938-05-12\n" * 501])
def test_a_list_that_is_empty_or_too_long_is_refused(typed):
    with pytest.raises(BadList):
        read_list(typed, today=TODAY)


def looked_at(visit: HomeVisit, *people: Person) -> list[ResidentState]:
    """The states of these people on a list, in order."""
    lines = [Line(number, key=person.roster_key or "") for number, person in enumerate(people, 1)]
    return [
        row.state
        for row in look_at(
            visit=visit,
            lines=lines,
            among=Person.objects.all(),
            visible=Reservation.objects.all(),
        )
    ]


@pytest.mark.django_db
def test_a_list_says_of_each_line_who_can_be_booked(django_assert_max_num_queries):
    visit = planned_visit(places=2)
    fits, again, beyond, booked, on_visit = residents(5)
    soon = PersonFactory(birth_date=date(1950, 1, 1))
    CohortFactory(birth_from=date(1950, 1, 1), birth_to=date(1950, 12, 31), soon=True)
    twin = {"name": "박쌍둥", "birth_date": date(1964, 1, 1)}
    PersonFactory(**twin)
    PersonFactory(**twin)
    declared = PersonFactory(declared=True)
    ReservationFactory(person=booked)
    book(visit, [on_visit])
    text = "\n".join(
        [
            f"{fits.name} 1964-05-12",
            str(again.roster_key),
            f"1964-05-12 {fits.name}",
            str(beyond.roster_key),
            str(booked.roster_key),
            str(on_visit.roster_key),
            str(soon.roster_key),
            "박쌍둥 1964-01-01",
            f"{declared.name} 1964-05-12",
            "누구 38",
        ]
    )
    set_places(visit=visit, places=3, by=BY)
    visit.slot.refresh_from_db()
    lines = read_list(text, today=TODAY)

    with django_assert_max_num_queries(7):
        rows = look_at(
            visit=visit,
            lines=lines,
            among=Person.objects.all(),
            visible=Reservation.objects.all(),
        )

    assert [row.state for row in rows] == [
        S.FITS,
        S.FITS,
        S.REPEATED,
        S.NO_PLACE,
        S.BOOKED,
        S.ON_VISIT,
        S.NOT_ELIGIBLE,
        S.AMBIGUOUS,
        S.NOT_FOUND,
        S.UNREADABLE,
    ]
    assert rows[6].note
    assert rows[4].booked == Reservation.objects.get(person=booked)


@pytest.mark.django_db
def test_a_list_for_the_second_dose_asks_for_the_first_and_its_interval():
    vaccine = VaccineFactory(double=True)
    first = planned_visit(vaccine=vaccine)
    fits, cancels, never, other, early = residents(5)
    rows = book(first, [fits, cancels])
    given = {"dose": 1, "by": BY, "given_on": first.slot.starts_at.date()}
    OutsideDose.objects.create(person=other, vaccine=VaccineFactory(double=True), **given)
    OutsideDose.objects.create(
        person=early,
        vaccine=vaccine,
        **{**given, "given_on": given["given_on"] - timedelta(days=60)},
    )
    second = planned_visit(vaccine=vaccine, dose=2, days=30)
    cancel_reservation(reservation=rows[1], by=BY)

    states = looked_at(second, fits, cancels, never, other, early)

    assert states == [S.FITS, S.NO_FIRST, S.NO_FIRST, S.OTHER_VACCINE, S.INTERVAL]


@pytest.mark.django_db
def test_a_list_is_booked_and_everybody_with_a_phone_is_told(
    django_capture_on_commit_callbacks, django_assert_max_num_queries
):
    visit = planned_visit()
    people = [*residents(2), PersonFactory(phone="")]

    with django_assert_max_num_queries(22):
        rows = book(visit, people)

    assert [(row.person_id, row.status, row.dose, row.origin) for row in rows] == [
        (person.pk, "confirmed", 1, "staff") for person in people
    ]
    told = Message.objects.filter(kind="confirmed").order_by("person_id")
    assert list(told.values_list("person_id", flat=True)) == [person.pk for person in people[:2]]
    key = told[0].key
    text = render_confirmed([key])[key].text
    home = visit.slot.home
    assert home
    # The home, where the team comes: not the clinic.
    assert home.name in text
    assert visit.slot.clinic.name not in text
    story = [event.sentence for event in story_of(people[0].pk)]
    assert any(home.name in line for line in story)


@pytest.mark.django_db
def test_all_of_a_list_are_booked_or_nobody():
    visit = planned_visit(places=2)
    fits, booked, beyond = residents(3)
    ReservationFactory(person=booked)

    for people in ([fits, booked], [fits, beyond, PersonFactory()], []):
        with pytest.raises(ListChanged):
            book(visit, people)

    assert Reservation.objects.filter(slot=visit.slot).count() == 0
    visit.slot.refresh_from_db()
    assert visit.slot.booked == 0


@pytest.mark.django_db(transaction=True)
def test_a_list_sent_twice_at_once_books_once():
    visit = planned_visit()
    people = residents(3)
    key, other_key = uuid.uuid4(), uuid.uuid4()
    call = partial(book_list, visit_id=visit.pk, people=[one.pk for one in people], by=BY)

    outcomes = at_once(
        [partial(call, key=key), partial(call, key=key), partial(call, key=other_key)]
    )

    # The same form twice is one act; another user's form of the same list is told so.
    booked = Counter("refused" if isinstance(one, ListChanged) else len(one) for one in outcomes)
    assert booked in (Counter({3: 2, "refused": 1}), Counter({3: 1, "refused": 2}))
    assert Reservation.objects.filter(slot=visit.slot, status="confirmed").count() == 3
    assert Message.objects.filter(kind="confirmed").count() == 3


@pytest.mark.django_db(transaction=True)
def test_the_last_doses_go_to_one_list():
    visit = planned_visit(places=3)
    people = residents(8)
    lists = [people[index : index + 2] for index in range(0, 8, 2)]

    outcomes = at_once([partial(book, visit, chosen) for chosen in lists])

    assert sum(not isinstance(one, Exception) for one in outcomes) == 1
    assert Slot.objects.get(pk=visit.slot_id).booked == 2


@pytest.mark.django_db(transaction=True)
def test_a_resident_who_books_at_the_same_time_has_one_appointment():
    visit = planned_visit()
    admission = AdmissionFactory()
    person = admission.ticket.person
    slot = SlotFactory()

    at_once(
        [
            partial(book, visit, [person]),
            partial(ReservationFactory, person=person, slot=slot, admission=admission),
        ]
    )

    live = Reservation.objects.live().filter(person=person)
    assert live.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"starts": -1, "hours": 3}, VisitOver),
        ({"starts": 2, "hours": 0}, VisitHours),
        ({"starts": 2, "hours": 20}, VisitHours),
    ],
    ids=["past", "no time", "over midnight"],
)
def test_a_visit_is_planned_within_one_day_to_come(values, refusal):
    starts_at = morning(values["starts"])

    with pytest.raises(refusal):
        plan_visit(
            home=care_home(),
            vaccine=VaccineFactory(),
            dose=1,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=values["hours"]),
            places=5,
            by=BY,
        )


@pytest.mark.django_db
def test_two_homes_are_visited_at_one_time_and_one_home_once():
    clinic, vaccine = ClinicFactory(), VaccineFactory()
    first = planned_visit(home=care_home(clinic=clinic), vaccine=vaccine)
    planned_visit(home=care_home(clinic=clinic), vaccine=vaccine)

    with pytest.raises(VisitTaken):
        planned_visit(home=first.slot.home, vaccine=vaccine)


@pytest.mark.django_db
def test_moving_a_visit_takes_everybody_along_and_tells_them():
    visit = planned_visit(places=4)
    people = [*residents(2), PersonFactory(phone="")]
    rows = book(visit, people)
    old = visit.slot
    later = old.starts_at + timedelta(days=3)

    moved = move_visit(visit=visit, starts_at=later, ends_at=later + timedelta(hours=2), by=BY)
    # Sent again it changes nothing.
    move_visit(visit=moved, starts_at=later, ends_at=later + timedelta(hours=2), by=BY)

    slots = Slot.objects.order_by("pk").values_list(
        "starts_at", "booked", "capacity", "visit_places"
    )
    assert list(slots) == [(old.starts_at, 0, 0, 0), (later, 3, 3, 4)]
    now = Reservation.objects.in_bulk([row.pk for row in rows])
    assert {row.slot_id for row in now.values()} == {moved.slot_id}
    assert Message.objects.filter(kind="changed").count() == 2
    # And back to where it was.
    back = move_visit(
        visit=moved, starts_at=old.starts_at, ends_at=old.starts_at + timedelta(hours=2), by=BY
    )
    assert back.slot_id == old.pk


@pytest.mark.django_db
def test_a_visit_does_not_move_where_the_interval_of_anybody_breaks():
    vaccine = VaccineFactory(double=True)
    visit = planned_visit(vaccine=vaccine)
    alone, double = residents(2)
    book(visit, [alone, double])
    second = planned_visit(vaccine=vaccine, dose=2, starts_at=visit.slot.starts_at + timedelta(28))
    book(second, [double])
    fits, breaks = (visit.slot.starts_at + timedelta(days=days) for days in (7, 8))

    with pytest.raises(VisitDoesNotFit) as refused:
        move_visit(visit=visit, starts_at=breaks, ends_at=breaks + timedelta(hours=1), by=BY)

    assert refused.value.people == (double.pk,)
    moved = move_visit(visit=visit, starts_at=fits, ends_at=fits + timedelta(hours=1), by=BY)
    assert moved.slot.booked == 2


@pytest.mark.django_db
def test_calling_a_visit_off_cancels_all_of_it_once_and_tells_the_people():
    vaccine = VaccineFactory(double=True)
    visit = planned_visit(vaccine=vaccine)
    people = [*residents(2), PersonFactory(phone="")]
    rows = book(visit, people)
    second = planned_visit(vaccine=vaccine, dose=2, starts_at=visit.slot.starts_at + timedelta(28))
    book(second, people[:1])

    cancelled = call_off(visit=visit, by=BY)

    # The second dose is no use without its first.
    assert len(cancelled) == 4
    assert call_off(visit=visit, by=BY) == []
    slots = Slot.objects.order_by("pk").values_list("booked", "capacity", "visit_places")
    assert list(slots) == [(0, 0, 0), (0, 0, 5)]
    assert HomeVisit.objects.get(pk=visit.pk).status == VisitStatus.CALLED_OFF
    assert Message.objects.filter(kind="cancelled").count() == 2
    assert {row.status for row in Reservation.objects.all()} == {"cancelled"}
    with pytest.raises(VisitCalledOff):
        book(visit, [rows[0].person])


@pytest.mark.django_db
def test_once_somebody_came_the_visit_neither_moves_nor_is_called_off(clock):
    visit = planned_visit()
    rows = book(visit, residents(2))
    clock.move_to(visit.slot.starts_at + timedelta(minutes=5), tick=True)
    mark_arrived(reservation=rows[0], by=BY)
    later = morning(3)

    with pytest.raises(VisitBegun):
        move_visit(visit=visit, starts_at=later, ends_at=later + timedelta(hours=1), by=BY)
    with pytest.raises(VisitBegun):
        call_off(visit=visit, by=BY)

    assert Reservation.objects.filter(status="confirmed").count() == 1
    # A resident is added while the team is there, and none on the day after.
    book(visit, residents(1, period=False))
    clock.move_to(visit.slot.starts_at + timedelta(days=1), tick=True)
    with pytest.raises(VisitOver):
        book(visit, residents(1, period=False))


@pytest.mark.django_db
def test_a_team_brings_no_fewer_doses_than_are_booked():
    visit = planned_visit(places=5)
    book(visit, residents(2))

    with pytest.raises(CapacityBelowBooked):
        set_places(visit=visit, places=1, by=BY)
    set_places(visit=visit, places=2, by=BY)

    assert Slot.objects.get(pk=visit.slot_id).visit_places == 2


@pytest.mark.django_db
def test_the_second_visit_is_made_once_within_the_interval_of_the_first():
    vaccine = VaccineFactory(double=True)
    first = planned_visit(vaccine=vaccine)
    make = partial(planned_visit, home=first.slot.home, vaccine=vaccine, dose=2, first=first)

    with pytest.raises(WrongInterval):
        make(days=10)
    second = make(days=2 + 28)

    assert make(days=2 + 28).pk == second.pk
    assert HomeVisit.objects.count() == 2


@pytest.mark.django_db
def test_residents_are_reminded_of_the_home(clock):
    clock.at("11:00")
    visit = planned_visit(days=1)
    book(visit, residents(1))

    assert remind() == 1
