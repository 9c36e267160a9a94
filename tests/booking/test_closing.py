"""Where the people of closed hours go: the plan alone, without a database."""

from datetime import datetime, timedelta

import pytest

from booking.closing import (
    Appointment,
    FreeSeats,
    FreeSlot,
    Patient,
    Reach,
    plan_cancellations,
    plan_choices,
    plan_moves,
)
from booking.rules import Booked, Course, Interval, day_of
from tests.clock import SEOUL

OWN, NEAR, FAR = 1, 2, 3
NOW = datetime(2027, 4, 12, 9, tzinfo=SEOUL)
AT = datetime(2027, 4, 14, 14, tzinfo=SEOUL)
REACH = Reach([OWN, NEAR], NOW, days=14)
SINGLE, DOUBLE = Interval(7, 1), Interval(7, 2, 21, 28, 42)


def appointment(number: int = 1, *, at=AT, dose: int = 1, clinic=OWN, person=None) -> Appointment:
    return Appointment(number, person or number, dose, 100 + number, clinic, 7, at)


def slot(number: int, *, at, clinic: int = OWN, left: int = 1) -> FreeSlot:
    return FreeSlot(number, clinic, 7, at, left)


def planned(patients, slots, *, vaccine: Interval = SINGLE, reach: Reach = REACH):
    plan = plan_moves(patients, FreeSeats(slots), reach=reach, intervals={7: vaccine})
    return [(step.appointment.reservation_id, step.to and step.to.slot_id) for step in plan.steps]


@pytest.mark.parametrize(
    ("slots", "chosen"),
    [
        ([slot(1, at=AT + timedelta(days=3)), slot(2, at=AT + timedelta(days=2))], 2),
        # The own clinic comes first, however late; then the nearer one.
        ([slot(1, at=AT + timedelta(days=9)), slot(2, at=AT, clinic=NEAR)], 1),
        ([slot(1, at=AT, clinic=FAR), slot(2, at=AT + timedelta(days=1), clinic=NEAR)], 2),
        ([slot(1, at=AT + timedelta(days=15))], None),
        # Earlier only with a day's notice, and nothing within two hours.
        ([slot(1, at=AT - timedelta(days=1))], 1),
        ([slot(1, at=NOW + timedelta(hours=23))], None),
        ([slot(1, at=AT - timedelta(hours=1)), slot(2, at=AT + timedelta(hours=1))], 2),
    ],
)
def test_the_nearest_time_of_the_own_clinic_comes_first(slots, chosen):
    assert planned([Patient([appointment()], Course())], slots) == [(1, chosen)]


def test_a_time_too_soon_to_hear_of_it_is_left_out():
    soon = NOW + timedelta(minutes=90)
    patient = Patient([appointment(at=NOW + timedelta(minutes=30))], Course())

    assert planned([patient], [slot(1, at=soon), slot(2, at=soon + timedelta(hours=1))]) == [(1, 2)]


def test_earlier_appointments_choose_first_and_no_seat_is_given_twice():
    patients = [
        Patient([appointment(number, at=AT + timedelta(hours=number))], Course())
        for number in (3, 1, 2)
    ]
    slots = [slot(1, at=AT + timedelta(days=1)), slot(2, at=AT + timedelta(days=2))]

    assert planned(patients, slots) == [(1, 1), (2, 2), (3, None)]


def test_a_second_dose_stays_within_the_interval_of_the_first():
    first = day_of(AT - timedelta(days=42))
    patient = Patient([appointment(dose=2)], Course.of([Booked(1, 7, first, given=True)]))
    slots = [slot(1, at=AT + timedelta(days=1)), slot(2, at=AT - timedelta(days=1))]

    assert planned([patient], slots, vaccine=DOUBLE) == [(1, 2)]


def two_doses(days: int) -> Patient:
    second = appointment(2, at=AT + timedelta(days=days), dose=2, person=1)
    course = Course.of([Booked(2, 7, day_of(second.starts_at))])
    return Patient([appointment()], course, second)


def test_a_first_dose_goes_where_the_second_still_fits():
    slots = [slot(1, at=AT + timedelta(days=1)), slot(2, at=AT - timedelta(days=1))]

    # Of the two, only the earlier leaves 21 days.
    assert planned([two_doses(21)], slots, vaccine=DOUBLE) == [(1, 2)]


def test_a_second_dose_goes_along_where_it_no_longer_fits():
    later = AT + timedelta(days=22)
    slots = [slot(1, at=AT + timedelta(days=1)), slot(2, at=later)]

    assert planned([two_doses(21)], slots, vaccine=DOUBLE) == [(1, 1), (2, 2)]
    assert planned([two_doses(21)], slots[:1], vaccine=DOUBLE) == [(1, None), (2, None)]


def test_both_doses_in_the_closed_hours_move_together():
    second = appointment(2, at=AT + timedelta(days=21), dose=2, person=1)
    patient = Patient([appointment(), second], Course())
    slots = [slot(1, at=AT + timedelta(days=5)), slot(2, at=AT + timedelta(days=22))]
    fitting = slot(3, at=AT + timedelta(days=26))

    assert planned([patient], slots, vaccine=DOUBLE) == [(1, 1), (2, None)]
    assert planned([patient], [*slots, fitting], vaccine=DOUBLE) == [(1, 1), (2, 3)]


def test_cancelling_takes_the_second_dose_along_and_counts_people():
    plan = plan_cancellations([two_doses(28), Patient([appointment(9, dose=2)], Course())])

    assert [(step.appointment.reservation_id, step.goes_along) for step in plan.steps] == [
        (1, False),
        (2, True),
        (9, False),
    ]
    assert plan.without_time == 2


def choices_of(patients, slots, *, reach: Reach = REACH, vaccine: Interval = SINGLE):
    seats = FreeSeats(slots)
    plan = plan_moves(patients, seats, reach=reach, intervals={7: vaccine})
    plan_choices(plan, patients, seats, reach=reach, intervals={7: vaccine})
    return {pk: [slot.slot_id for slot in slots] for pk, slots in plan.choices.items()}


def test_choices_lie_on_other_days_or_at_other_clinics_and_cost_nobody_a_time():
    patients = [Patient([appointment(number)], Course()) for number in (1, 2)]
    slots = [
        slot(1, at=AT + timedelta(days=1)),
        slot(2, at=AT + timedelta(days=1, hours=1), left=2),
        slot(3, at=AT + timedelta(days=2)),
        slot(4, at=AT + timedelta(days=1), clinic=NEAR),
    ]

    assert choices_of(patients, slots) == {1: [3, 4]}


def test_nothing_is_offered_before_the_answer_is_known_and_none_for_doses_that_move_together():
    reach = Reach([OWN], NOW, days=14, answer=timedelta(days=2))
    slots = [slot(number, at=NOW + timedelta(days=2, hours=number)) for number in (1, 3)]

    assert choices_of([Patient([appointment()], Course())], slots, reach=reach) == {}
    later = [slot(1, at=AT + timedelta(days=1)), slot(2, at=AT + timedelta(days=22))]
    assert choices_of([two_doses(21)], later, vaccine=DOUBLE) == {}
