"""A person's course: doses given and booked, the next dose, the admission to book it under."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from booking.enums import AffectedOutcome, ReservationStatus
from booking.models import AffectedAppointment, OutsideDose, Reservation, Vaccine
from booking.rules import Booked, Course, Interval, NextDose, day_of
from database.clock import Now
from eligibility.sessions import Claim, Session
from waiting_room.models import Admission
from waiting_room.services.entering import admission_in_session as live_in_session
from waiting_room.services.entering import live_admission

# How long people whose appointment a closure cancelled may book without queueing again.
BOOKS_AGAIN_FOR = timedelta(days=30)


def interval_of(vaccine: Vaccine) -> Interval:
    return Interval(
        vaccine.pk, vaccine.doses, vaccine.min_days, vaccine.best_days, vaccine.max_days
    )


def course_of(person_id: int, reservations: Iterable[Reservation] | None = None) -> Course:
    """The course of this person from `reservations`; by default all but holds."""
    if reservations is None:
        return _course_so_far(person_id)
    return course_from(reservations, OutsideDose.objects.filter(person=person_id))


def course_from(
    reservations: Iterable[Reservation], outside_doses: Iterable[OutsideDose]
) -> Course:
    """Build a course; the reservations have their slots selected."""
    booked = [
        Booked(
            reservation.dose,
            reservation.slot.vaccine_id,
            day_of(reservation.slot.starts_at),
            given=reservation.status == ReservationStatus.VACCINATED,
        )
        for reservation in reservations
    ]
    given = [
        Booked(outside_dose.dose, outside_dose.vaccine_id, outside_dose.given_on, given=True)
        for outside_dose in outside_doses
    ]
    return Course.of(booked + given)


# For the FROM of a statement: the doses of a person, in the order of Booked's fields.
COURSE = "booking_course(%(person)s, %(zone)s) AS course"


def _course_so_far(person_id: int) -> Course:
    values: dict[str, Any] = {"person": person_id, "zone": timezone.get_default_timezone_name()}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT course.* FROM {COURSE}", values)  # noqa: S608  (a constant)
        return Course.of(Booked(*row) for row in cursor.fetchall())


def courses_of(
    people: Collection[int], reservations: Iterable[Reservation] | None = None
) -> dict[int, Course]:
    """The courses of many people, as `course_of` reads one; `reservations` are all live ones, with
    their slots, if they are loaded."""
    rows: dict[int, list[Reservation]] = {person: [] for person in people}
    if reservations is None:
        live = Reservation.objects.live().filter(person__in=people)
        reservations = live.select_related("slot")
    for row in reservations:
        if row.status != ReservationStatus.HELD:
            rows[row.person_id].append(row)
    given: dict[int, list[OutsideDose]] = {person: [] for person in people}
    for outside_dose in OutsideDose.objects.filter(person__in=people):
        given[outside_dose.person_id].append(outside_dose)
    return {person: course_from(rows[person], given[person]) for person in people}


def next_dose_of(person_id: int) -> int:
    """The dose that an entry of the cancellation list is for: `Course.dose_in_turn`."""
    return course_of(person_id).dose_in_turn


def what_next(course: Course, admitted_for: frozenset[int] | None = None) -> NextDose:
    """`Course.what_next`, with the vaccines of a series that has begun read from the table."""
    vaccines = {booked.vaccine_id for booked in course.doses.values()}
    intervals = [interval_of(vaccine) for vaccine in Vaccine.objects.filter(pk__in=vaccines)]
    return course.what_next(intervals, admitted_for)


def admission_for(person_id: int, *, also_ended: bool = False) -> Admission | None:
    """The admission to book under: the live one, else that of a booked first dose.

    A first dose that is only held does not count: a hold must not outlive its admission. A first
    dose that a closure cancelled counts: nobody queues again for what the clinic gave up. With
    `also_ended`, the last admission if there is neither: staff act for people who were called
    before, under the cohort they were admitted for.
    """
    admission = live_admission(person_id) or _admission_of_course(person_id)
    if admission is None and also_ended:
        admission = Admission.objects.filter(ticket__person=person_id).order_by("pk").last()
    return admission


def admission_in_session(claim: Claim) -> tuple[Session | None, Admission | None]:
    """The session of a claim with `admission_for` its person; mostly in one statement."""
    session, admission = live_in_session(claim)
    if session and admission is None:
        admission = _admission_of_course(session.person_id)
    return session, admission


def _admission_of_course(person_id: int) -> Admission | None:
    return _admission_of_first(person_id) or admission_after_closure(person_id)


def may_hold(person_id: int, admission_id: int, *, now: datetime) -> bool:
    """Whether this admission lives, or gives the right to book again after a closure."""
    live = Admission.objects.filter(pk=admission_id, ended_at=None, expires_at__gt=now)
    if live.exists():
        return True
    again = admission_after_closure(person_id)
    return again is not None and again.pk == admission_id


def admission_after_closure(person_id: int) -> Admission | None:
    """The admission of a first dose that a closure of the clinic cancelled lately, if any."""
    affected = AffectedAppointment.objects.filter(
        reservation__person=person_id,
        reservation__dose=1,
        reservation__status=ReservationStatus.CANCELLED,
        reservation__admission__isnull=False,
        outcome=AffectedOutcome.CANCELLED,
        restored=False,
        closure__closed_at__gt=Now() - BOOKS_AGAIN_FOR,
    )
    row = (
        affected.select_related(
            "reservation__admission__room__cohort", "reservation__admission__ticket__person"
        )
        .order_by("pk")
        .last()
    )
    return row.reservation.admission if row else None


def _admission_of_first(person_id: int) -> Admission | None:
    first = Reservation.objects.live().filter(person=person_id, dose=1)
    first = first.exclude(status=ReservationStatus.HELD)
    reservation = first.select_related("admission__room__cohort").first()
    return reservation.admission if reservation else None


def best_seconds(person_id: int | None, slot_id: int) -> list[int]:
    """Ids of at most three slots for the second dose, the best first.

    Empty for a vaccine of one dose, and for a person with an appointment or an outside dose. None
    asks for anybody.
    """
    values: list[Any] = [person_id, slot_id, timezone.get_default_timezone_name()]
    with connection.cursor() as cursor:
        cursor.execute("SELECT slot FROM booking_best_seconds(%s, %s, %s)", values)
        return [row[0] for row in cursor.fetchall()]
