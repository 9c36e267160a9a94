"""The seats of a visit to a care home are for its list alone: no public path reaches them."""

from datetime import time, timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.urls import reverse

from booking.exceptions import BookedForVisit, SlotFull, SlotOfVisit
from booking.finder import availability
from booking.finder.alternatives import alternatives
from booking.lint import windows_without_slots
from booking.models import ListEntry, OpeningHours, Reservation, Slot, SpecialDay
from booking.rules import day_of
from booking.services import closures, schedules
from booking.services.changes import cancel_reservation, change_reservation, undo_cancel
from booking.services.courses import best_seconds
from booking.services.line_reports import left_by_vaccine
from booking.services.offers import make_offers
from booking.services.schedules import Options
from booking.services.slots import days_of_doses, set_capacity, set_margins
from booking.services.staff_bookings import book_for
from tests.booking.closures import MOVE, hours_of
from tests.booking.test_offers import entry
from tests.booking.test_path import browser_of
from tests.booking.visits import BY, book, planned_visit, residents
from tests.factories import (
    AdmissionFactory,
    CohortFactory,
    PersonFactory,
    ReservationFactory,
    RoomFactory,
    SlotFactory,
    VaccineFactory,
)
from tests.holding import hold_slot

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("every_invariant_holds"),
]


def counters(slot: Slot) -> tuple[int, int, int | None]:
    return Slot.objects.values_list("capacity", "booked", "visit_places").get(pk=slot.pk)


@pytest.mark.parametrize(
    "values",
    [
        {"booked": 1, "capacity": 2},
        {"capacity": 1},
        {"capacity": 1, "margin": 0, "booked": 0},
        {"capacity": 6, "booked": 6},
        {"visit_places": None},
        {"home": None},
    ],
    ids=["taken", "opened", "one free", "beyond the doses", "without doses", "made public"],
)
def test_the_table_refuses_every_seat_that_others_could_take(values):
    slot = planned_visit(places=5).slot

    with pytest.raises(IntegrityError, match="visit_seats_are_not_public"), transaction.atomic():
        Slot.objects.filter(pk=slot.pk).update(**values)


def test_the_table_refuses_doses_of_a_visit_at_a_clinic():
    with pytest.raises(IntegrityError, match="visit_seats_are_not_public"), transaction.atomic():
        SlotFactory(visit_places=5)


@pytest.mark.usefixtures("both_paths_of_a_hold")
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "as the second dose"])
def test_nobody_who_was_called_holds_a_seat_of_a_visit(beside):
    vaccine = VaccineFactory(double=beside)
    visit = planned_visit(days=30, vaccine=vaccine)
    admission = AdmissionFactory()
    first = SlotFactory(clinic=visit.slot.clinic, vaccine=vaccine)
    slots = {"slot_id": first.pk, "second_id": visit.slot_id} if beside else {}

    with pytest.raises(SlotFull):
        hold_slot(
            **{"slot_id": visit.slot_id} | slots,
            person_id=admission.ticket.person_id,
            admission_id=admission.pk,
        )

    assert Reservation.objects.count() == 0
    assert best_seconds(admission.ticket.person_id, first.pk) == []


def test_neither_staff_nor_citizens_move_into_a_visit_or_out_of_it():
    visit = planned_visit()
    outside = ReservationFactory(
        slot=SlotFactory(clinic=visit.slot.clinic, vaccine=visit.slot.vaccine)
    )
    [inside] = book(visit, residents(1))

    for by in ("citizen", BY):
        with pytest.raises(SlotFull):
            change_reservation(reservation=outside, slot_id=visit.slot_id, by=by)
        with pytest.raises(BookedForVisit):
            change_reservation(reservation=inside, slot_id=outside.slot_id, by=by)
    with pytest.raises(SlotFull):
        book_for(person=PersonFactory(), slot=visit.slot, by=BY, walk_in=True)

    assert counters(visit.slot) == (1, 1, 5)


def test_the_finder_knows_of_no_seat_of_a_visit():
    visit = planned_visit()
    slot, clinic = visit.slot, visit.slot.clinic_id
    public = SlotFactory(clinic=slot.clinic, vaccine=slot.vaccine, starts_at=slot.starts_at)
    browser = browser_of(AdmissionFactory())

    spans = availability.spans([clinic])[clinic]
    times = list(availability.times([clinic], day_of(slot.starts_at)))
    found = alternatives(
        clinic_id=clinic, vaccines=frozenset([slot.vaccine_id]), starts_at=slot.starts_at
    )
    posted = browser.post(reverse("hold"), {"slot": slot.pk})

    assert [span.left for span in spans] == [public.capacity]
    assert [time.id for time in times] == [public.pk]
    assert visit.slot_id not in [time.id for time in found]
    # The page after a lost race would tell when the team is out.
    assert posted.status_code == 404


def test_a_seat_given_back_goes_to_the_visit_not_to_the_cancellation_list():
    visit = planned_visit(places=2)
    rows = book(visit, residents(2))
    room = RoomFactory()
    entry(AdmissionFactory(room=room))

    cancel_reservation(reservation=rows[0], by="citizen")
    offered = make_offers()

    assert (offered, ListEntry.objects.get().status) == (0, "waiting")
    assert counters(visit.slot) == (1, 1, 2)
    undo_cancel(reservation=rows[0], by="citizen")
    assert counters(visit.slot) == (2, 2, 2)


def test_a_seat_given_to_another_resident_is_not_taken_back():
    visit = planned_visit(places=1)
    [first, second] = residents(2)
    [row] = book(visit, [first])
    cancel_reservation(reservation=row, by="citizen")
    book(visit, [second])

    with pytest.raises(SlotFull):
        undo_cancel(reservation=row, by="citizen")

    assert counters(visit.slot) == (1, 1, 1)


def test_closing_the_hours_of_the_clinic_leaves_its_visits_alone():
    visit = planned_visit()
    [inside] = book(visit, residents(1))
    closed = SlotFactory(
        clinic=visit.slot.clinic, vaccine=visit.slot.vaccine, starts_at=visit.slot.starts_at
    )
    outside = ReservationFactory(slot=closed)

    situation = closures.preview(hours=hours_of(closed), wish=MOVE)

    assert situation.closing == {closed.pk}
    # Which the page names, so that nobody forgets it.
    assert situation.visits == [visit]
    assert situation.person_ids == [outside.person_id]
    # There is a visit with free doses at that very time, and still nowhere to go.
    assert situation.plan.without_time == 1
    assert counters(visit.slot) == (1, 1, 5)
    assert Reservation.objects.get(pk=inside.pk).status == "confirmed"


def test_capacity_margins_and_schedules_pass_a_visit_over(tmp_path):
    visit = planned_visit()
    slot, clinic = visit.slot, visit.slot.clinic
    clinic.margin_percent, clinic.no_show_rate = 20, 0.5
    clinic.save()
    book(visit, residents(5))
    day = day_of(slot.starts_at)
    OpeningHours.objects.create(
        clinic=clinic,
        weekday=day.weekday(),
        vaccine=slot.vaccine,
        opens=time(10),
        closes=time(11),
        minutes=60,
        capacity=10,
    )
    # Whatever day it is, a holiday too.
    SpecialDay.objects.create(clinic=clinic, on=day, closed=False, opens=time(10), closes=time(11))
    options = Options(first=day, last=day, close_others=True)
    shown = schedules.fingerprint(schedules.preview(clinic=clinic, options=options))

    made = schedules.make_slots(clinic=clinic, options=options, shown=shown, by=BY)

    # A slot of the clinic at the time at which the visit begins.
    assert made == (1, 0)
    margins = set_margins(clinic=clinic, day=day)
    assert slot.pk not in margins
    assert [row.places for row in days_of_doses(clinic=clinic)] == [10]
    with pytest.raises(SlotOfVisit):
        set_capacity(slot=slot, capacity=50, by=BY)
    assert counters(slot) == (5, 5, 5)


def test_a_file_of_slots_does_not_reach_a_visit(tmp_path):
    visit = planned_visit()
    slot = visit.slot
    file = tmp_path / "slots.csv"
    file.write_text(
        "clinic,vaccine,starts_at,capacity\n"
        f"{slot.clinic.code},{slot.vaccine.code},{slot.starts_at.isoformat()},7\n"
    )

    call_command("import_slots", file)

    assert counters(slot) == (0, 0, 5)
    assert Slot.objects.get(clinic=slot.clinic, home=None).capacity == 7


def test_a_visit_is_nothing_that_a_line_could_wait_for():
    visit = planned_visit()
    room = RoomFactory(cohort=CohortFactory(vaccines=[visit.slot.vaccine.code]))

    findings = list(windows_without_slots([room.cohort], room.cohort.opens_at))

    assert left_by_vaccine() == {}
    assert [finding.cohorts for finding in findings] == [(room.cohort.code,)]


def test_a_first_dose_that_cannot_move_frees_the_seat_at_the_second_visit():
    vaccine = VaccineFactory(double=True)
    first = SlotFactory(vaccine=vaccine)
    reservation = ReservationFactory(slot=first)
    visit = planned_visit(dose=2, vaccine=vaccine, starts_at=first.starts_at + timedelta(days=28))
    book(visit, [reservation.person])

    closure = closures.close_hours(
        hours=hours_of(first), wish=MOVE, reason="building", shown_without=1, by=BY
    )

    assert counters(visit.slot) == (0, 0, 5)
    assert closures.take_back(closure=closure, by=BY) == (1, 0)
    assert counters(visit.slot) == (1, 1, 5)
