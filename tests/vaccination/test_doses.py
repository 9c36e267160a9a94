"""A vaccination is the mark, the dose and the lot's count, or nothing at all."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from booking.exceptions import ChangedMeanwhile, NotArrived, OtherDay
from booking.models import Reservation
from booking.services.visits import mark_arrived, mark_vaccinated, undo_mark
from tests.concurrency import at_once
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    ReservationFactory,
    SlotFactory,
    VaccineFactory,
    put_into,
)
from tests.vaccination.factories import LotFactory
from vaccination.enums import (
    IdentityCheck,
    LateReason,
    Manifestation,
    NotDoneReason,
    Outcome,
    Site,
    WasteReason,
)
from vaccination.exceptions import (
    LateReasonNeeded,
    LotEmpty,
    LotExpired,
    LotNeeded,
    LotUnusable,
    NotVaccinatedHere,
    OtherClinicsLot,
    OtherVaccine,
    OutcomeNeeded,
    RecordedOtherwise,
    WaitingTimeOver,
)
from vaccination.models import DoseGiven, Lot, NotDone, Reaction
from vaccination.services.doses import (
    DoseDetails,
    NotDoneDetails,
    correct_dose,
    record_dose,
    record_not_done,
    record_reaction,
)
from vaccination.services.lots import relabel_lot, set_default_lot, waste_doses

pytestmark = pytest.mark.django_db
REFUSED = NotDoneDetails(Outcome.REFUSED, NotDoneReason.OBJECTION)


def left(lot: Lot) -> int:
    lot.refresh_from_db()
    return lot.doses_left


def status_of(reservation: Reservation) -> str:
    reservation.refresh_from_db()
    return reservation.status


def today(reservation: Reservation):
    return reservation.slot.starts_at.astimezone().date()


def test_a_vaccination_is_the_mark_the_dose_and_the_count(arrived, lot, nurse, by, clock):
    now = clock.freeze()

    dose = record_dose(
        reservation=arrived,
        details=DoseDetails(lot.pk, Site.LEFT_ARM, IdentityCheck.CARD, vaccinator="staff:7"),
        by=by,
    )

    assert status_of(arrived) == "vaccinated"
    assert left(lot) == 9
    assert (dose.lot, dose.dose_number, dose.site, dose.identity) == (lot, 1, "LA", "card")
    assert (dose.vaccinator, dose.by) == ("staff:7", by)
    assert dose.given_at == dose.recorded_at == now


def test_the_same_twice_is_one_dose_and_another_lot_is_told(arrived, lot, nurse, by):
    other = LotFactory(clinic=lot.clinic, vaccine=lot.vaccine, number="OTHER")
    first = record_dose(reservation=arrived, details=DoseDetails(lot.pk), by=by)

    again = record_dose(reservation=arrived, details=DoseDetails(lot.pk), by="staff:2")
    with pytest.raises(RecordedOtherwise) as refusal:
        record_dose(reservation=arrived, details=DoseDetails(other.pk), by="staff:2")

    assert (again.pk, again.by) == (first.pk, by)
    assert "nurse" in str(refusal.value)
    assert lot.number in str(refusal.value)
    assert (left(lot), left(other)) == (9, 10)


@pytest.mark.parametrize("wrong", ["clinic", "vaccine", "expired", "empty", "unknown"])
def test_a_wrong_lot_is_refused_and_nothing_is_half_done(wrong, arrived, lot, by):
    if wrong == "clinic":
        bad, refusal = LotFactory(vaccine=lot.vaccine), OtherClinicsLot
    elif wrong == "vaccine":
        bad, refusal = LotFactory(clinic=lot.clinic, vaccine=VaccineFactory()), OtherVaccine
    elif wrong == "expired":
        bad = LotFactory(clinic=lot.clinic, vaccine=lot.vaccine)
        yesterday = today(arrived) - timedelta(days=1)
        relabel_lot(lot=bad, number=bad.number, expires_on=yesterday, by=by)
        refusal = LotExpired
    elif wrong == "empty":
        bad, refusal = LotFactory(clinic=lot.clinic, vaccine=lot.vaccine, doses=1), LotEmpty
        waste_doses(lot=bad, doses=1, reason=WasteReason.BROKEN, by=by)
    else:
        bad, refusal = Lot(pk=0), LotNeeded

    with pytest.raises(refusal):
        record_dose(reservation=arrived, details=DoseDetails(bad.pk or -1), by=by)

    assert status_of(arrived) == "arrived"
    assert DoseGiven.objects.count() == 0


def test_a_lot_may_be_given_on_the_day_it_expires(arrived, by):
    lot = LotFactory(
        clinic=arrived.slot.clinic, vaccine=arrived.slot.vaccine, expires_on=today(arrived)
    )

    assert record_dose(reservation=arrived, details=DoseDetails(lot.pk), by=by).lot == lot


def test_the_quick_mark_takes_the_lot_of_the_day(arrived, lot, by):
    set_default_lot(lot=lot, on=today(arrived), by=by)

    mark_vaccinated(reservation=arrived, by=by)

    dose = DoseGiven.objects.get(reservation=arrived)
    assert (dose.lot, dose.site, dose.identity) == (lot, "", "")
    assert left(lot) == 9


def test_without_a_lot_of_the_day_the_page_asks_for_one(arrived, lot, by):
    with pytest.raises(LotNeeded) as refusal:
        mark_vaccinated(reservation=arrived, by=by)

    assert str(arrived.pk) in refusal.value.address
    assert status_of(arrived) == "arrived"


def test_an_empty_lot_of_the_day_is_said_and_another_asked_for(arrived, lot, by):
    set_default_lot(lot=lot, on=today(arrived), by=by)
    waste_doses(lot=lot, doses=10, reason=WasteReason.COLD_CHAIN, by=by)

    with pytest.raises(LotUnusable) as refusal:
        mark_vaccinated(reservation=arrived, by=by)

    assert lot.number in str(refusal.value)


def test_a_clinic_that_keeps_no_lots_works_on(arrived, by):
    LotFactory(vaccine=arrived.slot.vaccine)  # another clinic's

    mark_vaccinated(reservation=arrived, by=by)

    assert DoseGiven.objects.get(reservation=arrived).lot is None


def test_taken_back_the_dose_returns_to_its_lot_and_the_history_stays(arrived, lot, by):
    dose = record_dose(reservation=arrived, details=DoseDetails(lot.pk), by=by)

    undo_mark(reservation=arrived, by="staff:2")

    assert (status_of(arrived), left(lot)) == ("arrived", 10)
    assert DoseGiven.objects.count() == 0
    event = dose.events.model.objects.get(pgh_label="delete")
    assert (event.lot_id, event.by, event.pgh_context.metadata["by"]) == (lot.pk, by, "staff:2")


def test_before_the_arrival_it_needs_a_reason(clock, by, lot):
    reservation = ReservationFactory(slot=SlotFactory(clinic=lot.clinic, vaccine=lot.vaccine))
    clock.move_to(reservation.slot.starts_at)

    with pytest.raises(NotArrived):
        record_dose(reservation=reservation, details=DoseDetails(lot.pk), by=by)
    late = DoseDetails(lot.pk, late_reason=LateReason.FORGOTTEN)
    dose = record_dose(reservation=reservation, details=late, by=by)

    assert (status_of(reservation), dose.late_reason) == ("vaccinated", "forgotten")


def test_on_a_later_day_it_needs_a_reason_and_keeps_the_day(arrived, lot, by, clock):
    clock.forward(days=1)

    for late in (lambda: mark_vaccinated(reservation=arrived, by=by),):
        with pytest.raises(LateReasonNeeded):
            late()
    dose = record_dose(
        reservation=arrived, details=DoseDetails(lot.pk, late_reason=LateReason.PAPER), by=by
    )

    assert dose.given_at == arrived.slot.starts_at
    assert dose.recorded_at > dose.given_at


def test_never_before_the_day_of_the_appointment(clock, by, lot):
    reservation = ReservationFactory(slot=SlotFactory(clinic=lot.clinic, vaccine=lot.vaccine))
    clock.move_to(reservation.slot.starts_at - timedelta(days=1))

    with pytest.raises(OtherDay):
        record_dose(
            reservation=reservation,
            details=DoseDetails(lot.pk, late_reason=LateReason.FORGOTTEN),
            by=by,
        )


def test_an_old_page_is_told(arrived, lot, by):
    undo_mark(reservation=arrived, by="staff:2")

    with pytest.raises((ChangedMeanwhile, NotArrived)):
        record_dose(reservation=arrived, details=DoseDetails(lot.pk), by=by, status_shown="arrived")


def test_a_mark_from_before_the_records_is_completed(arrived, lot, by):
    put_into(arrived, "vaccinated")

    dose = record_dose(reservation=arrived, details=DoseDetails(lot.pk), by=by)

    assert (dose.lot, left(lot)) == (lot, 9)


def test_a_correction_moves_the_dose_between_lots(arrived, lot, nurse, by):
    right = LotFactory(clinic=lot.clinic, vaccine=lot.vaccine)
    dose = record_dose(reservation=arrived, details=DoseDetails(lot.pk), by=by)

    correct_dose(dose=dose, details=DoseDetails(right.pk, Site.RIGHT_ARM), by="staff:2")

    dose.refresh_from_db()
    assert (dose.lot, dose.site, dose.by) == (right, "RA", "staff:2")
    assert (left(lot), left(right)) == (10, 9)
    with pytest.raises(OtherClinicsLot):
        correct_dose(dose=dose, details=DoseDetails(LotFactory(vaccine=lot.vaccine).pk), by=by)
    undo_mark(reservation=arrived, by=by)
    with pytest.raises(NotVaccinatedHere):
        correct_dose(dose=dose, details=DoseDetails(right.pk), by=by)


def test_refused_or_postponed_frees_the_dose_to_be_booked_again(arrived, by):
    with pytest.raises(OutcomeNeeded):
        record_not_done(reservation=arrived, details=None, by=by)

    record_not_done(reservation=arrived, details=REFUSED, by=by)
    record_not_done(reservation=arrived, details=REFUSED, by=by)

    assert status_of(arrived) == "not_done"
    assert NotDone.objects.values_list("outcome", "reason").get() == ("refused", "objection")
    again = ReservationFactory(
        person=arrived.person, admission=AdmissionFactory(person=arrived.person)
    )
    assert again.dose == arrived.dose


def test_a_refusal_is_taken_back_while_the_person_is_there(arrived, lot, by):
    record_not_done(reservation=arrived, details=REFUSED, by=by)

    undo_mark(reservation=arrived, by=by)
    record_dose(reservation=arrived, details=DoseDetails(lot.pk), by=by)

    assert (status_of(arrived), left(lot)) == ("vaccinated", 9)


def test_reactions_are_recorded_on_the_day_and_never_change(arrived, lot, by, clock):
    with pytest.raises(NotVaccinatedHere):
        record_reaction(reservation=arrived, manifestation=Manifestation.RASH, by=by)
    record_dose(reservation=arrived, details=DoseDetails(lot.pk), by=by)

    for kind in (Manifestation.RASH, Manifestation.RASH, Manifestation.FAINTING):
        record_reaction(reservation=arrived, manifestation=kind, by=by)
    undo_mark(reservation=arrived, by=by)  # leaves what was seen

    assert sorted(Reaction.objects.values_list("manifestation", flat=True)) == ["fainting", "rash"]
    record_dose(reservation=arrived, details=DoseDetails(lot.pk), by=by)
    clock.forward(days=1)
    with pytest.raises(WaitingTimeOver):
        record_reaction(reservation=arrived, manifestation=Manifestation.PAIN, by=by)


def test_the_database_refuses_a_dose_that_does_not_fit(arrived, lot, by):
    mark = {
        "reservation": arrived,
        "clinic": lot.clinic,
        "vaccine": lot.vaccine,
        "lot": lot,
        "dose_number": 1,
        "by": by,
    }

    def refused(**values) -> bool:
        try:
            with transaction.atomic():
                DoseGiven.objects.create(**{**mark, **values})
        except IntegrityError:
            return True
        return False

    assert refused()  # not marked as vaccinated
    put_into(arrived, "vaccinated")
    assert refused(lot=None)
    assert refused(dose_number=2)
    assert refused(clinic=ClinicFactory())
    assert refused(lot=LotFactory(clinic=lot.clinic))
    assert refused(given_at=arrived.slot.starts_at - timedelta(days=2))  # without a reason
    assert left(lot) == 10
    assert not refused()
    assert left(lot) == 9


@pytest.mark.django_db(transaction=True)
def test_two_tablets_on_one_person_are_one_dose(arrived, lot, by):
    other = LotFactory(clinic=lot.clinic, vaccine=lot.vaccine)

    outcomes = at_once(
        [
            lambda: record_dose(reservation=arrived, details=DoseDetails(lot.pk), by=by),
            lambda: record_dose(reservation=arrived, details=DoseDetails(other.pk), by="staff:2"),
        ]
    )

    kinds = sorted(type(outcome).__name__ for outcome in outcomes)
    assert kinds == ["DoseGiven", "RecordedOtherwise"]
    assert DoseGiven.objects.count() == 1
    assert left(lot) + left(other) == 19


@pytest.mark.django_db(transaction=True)
def test_the_last_dose_of_a_lot_goes_to_one_person(clock, by, arrived):
    slot = arrived.slot
    later = SlotFactory(clinic=slot.clinic, vaccine=slot.vaccine)
    people = [arrived, *(ReservationFactory(slot=later) for _ in range(3))]
    lot = LotFactory(clinic=slot.clinic, vaccine=slot.vaccine, doses=1)
    clock.move_to(max(row.slot.starts_at for row in people))
    for row in people[1:]:
        mark_arrived(reservation=row, by=by)
    late = DoseDetails(lot.pk, late_reason=LateReason.PAPER)

    outcomes = at_once(
        [lambda row=row: record_dose(reservation=row, details=late, by=by) for row in people]
    )

    kinds = sorted(type(outcome).__name__ for outcome in outcomes)
    assert kinds == ["DoseGiven", "LotEmpty", "LotEmpty", "LotEmpty"]
    assert left(lot) == 0
    assert Reservation.objects.filter(status="vaccinated").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_careless_count_would_give_the_last_dose_twice(arrived, lot):
    """The constraint alone stops it: the race above can fail."""
    waste_doses(lot=lot, doses=9, reason=WasteReason.BROKEN, by="staff:1")
    slot = SlotFactory(
        clinic=lot.clinic,
        vaccine=lot.vaccine,
        starts_at=arrived.slot.starts_at + timedelta(hours=1),
    )
    people = [arrived, ReservationFactory(slot=slot)]
    for row in people:
        put_into(row, "vaccinated")

    def careless(row: Reservation) -> DoseGiven:
        return DoseGiven.objects.create(
            reservation=row,
            clinic=lot.clinic,
            vaccine=lot.vaccine,
            lot=lot,
            dose_number=1,
            by="staff:1",
        )

    outcomes = at_once([lambda row=row: careless(row) for row in people])

    kinds = sorted(type(outcome).__name__ for outcome in outcomes)
    assert kinds == ["DoseGiven", "IntegrityError"]
    assert left(lot) == 0
