"""What comes next in a series, and under which admission it is booked."""

from datetime import date, timedelta

import pytest

from booking.enums import ReservationStatus
from booking.exceptions import AlreadyBooked, NoDoseLeft
from booking.rules import Booked, Course, Interval, vaccines_named
from booking.services.courses import admission_for, course_of, what_next
from booking.services.reading import vaccines_of
from tests.factories import (
    AdmissionFactory,
    PersonFactory,
    ReservationFactory,
    RoomFactory,
    VaccineFactory,
)
from waiting_room.enums import Ending
from waiting_room.models import Admission, Room
from waiting_room.services.entering import end_admission

DAY = date(2021, 7, 12)
SINGLE = Interval(1, doses=1)
DOUBLE = Interval(2, doses=2, min_days=21, best_days=28, max_days=42)


@pytest.mark.parametrize(
    ("booked", "refusal"),
    [
        ([Booked(1, 1, DAY)], AlreadyBooked),
        ([Booked(1, 1, DAY, given=True)], NoDoseLeft),
        ([Booked(1, 2, DAY, given=True), Booked(2, 2, DAY)], AlreadyBooked),
        ([Booked(1, 2, DAY, given=True), Booked(2, 2, DAY, given=True)], NoDoseLeft),
    ],
)
def test_after_the_last_dose_nothing_comes(booked, refusal):
    coming = Course.of(booked).what_next([SINGLE, DOUBLE])

    assert type(coming.refusal) is refusal


@pytest.mark.parametrize("admitted_for", [None, frozenset([1, 2])])
def test_a_series_begins_with_what_the_person_is_admitted_for(admitted_for):
    coming = Course().what_next([], admitted_for)

    assert (coming.dose, coming.vaccines, coming.days) == (1, admitted_for, None)


def test_a_second_dose_is_of_the_same_vaccine_within_its_days():
    coming = Course.of([Booked(1, 2, DAY)]).what_next([DOUBLE], frozenset([1]))

    days = DAY + timedelta(days=21), DAY + timedelta(days=42)
    assert (coming.dose, coming.vaccines, coming.days) == (2, frozenset([2]), days)
    assert DOUBLE.best_for_second(DAY) == DAY + timedelta(days=28)


def test_a_missed_first_dose_fits_the_second_that_is_booked():
    coming = Course.of([Booked(2, 2, DAY)]).what_next([DOUBLE], frozenset([1]))

    days = DAY - timedelta(days=42), DAY - timedelta(days=21)
    assert (coming.dose, coming.vaccines, coming.days) == (1, frozenset([2]), days)


def test_a_cohort_that_names_no_vaccine_allows_all_of_them():
    by_code = {"az": 1, "mrna": 2}

    assert vaccines_named([], by_code) is None
    assert vaccines_named(["mrna", "unknown"], by_code) == {2}
    assert vaccines_named(["unknown"], by_code) == frozenset()


@pytest.mark.django_db
def test_the_vaccines_of_an_admission_are_those_its_cohort_names():
    vaccine, _other = VaccineFactory(), VaccineFactory()
    admission = AdmissionFactory()

    assert vaccines_of(admission.pk) is None
    room = Room.objects.select_related("cohort").get(pk=admission.room_id)
    room.cohort.vaccines = [vaccine.code, "unknown"]
    room.cohort.save()

    assert vaccines_of(admission.pk) == {vaccine.pk}
    assert vaccines_of(None) is None


@pytest.mark.django_db
def test_what_comes_next_is_read_from_the_rows():
    reservation = ReservationFactory()

    assert type(what_next(course_of(reservation.person_id)).refusal) is AlreadyBooked
    assert what_next(course_of(PersonFactory().pk), frozenset([7])).vaccines == {7}


@pytest.mark.django_db
def test_one_books_under_the_live_admission_then_that_of_the_first_dose():
    person = PersonFactory()
    assert admission_for(person.pk) is None
    reservation = ReservationFactory(person=person)
    first = Admission.objects.get()
    assert admission_for(person.pk) == first  # ended by booking

    again = AdmissionFactory(room=RoomFactory(), person=person)

    assert admission_for(person.pk) == again
    assert reservation.status == ReservationStatus.CONFIRMED


@pytest.mark.django_db
def test_staff_book_also_under_an_admission_that_ended():
    admission = AdmissionFactory()
    person_id = admission.ticket.person_id
    end_admission(admission=admission, ending=Ending.LEFT)

    assert admission_for(person_id) is None
    assert admission_for(person_id, also_ended=True) == admission
