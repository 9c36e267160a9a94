"""What a caller is told about a vaccination."""

import pytest
from django.utils import translation

from booking.services.visits import undo_mark
from events.services import story_of
from vaccination.enums import LateReason, Manifestation, NotDoneReason, Outcome, Site
from vaccination.services.doses import (
    DoseDetails,
    NotDoneDetails,
    correct_dose,
    record_dose,
    record_not_done,
    record_reaction,
)

pytestmark = pytest.mark.django_db
OWN = {
    "dose_recorded",
    "dose_recorded_late",
    "dose_corrected",
    "vaccination_refused",
    "vaccination_postponed",
    "reaction",
}


def told(reservation) -> list[tuple[str, str]]:
    with translation.override("en"):
        return [
            (event.sentence, event.actor)
            for event in story_of(reservation.person_id)
            if event.kind in OWN
        ]


def test_the_line_tells_from_which_lot_and_what_followed(arrived, lot, by, clock):
    vaccine = arrived.slot.vaccine.name_en
    postponed = NotDoneDetails(Outcome.POSTPONED, NotDoneReason.ILLNESS)
    record_not_done(reservation=arrived, details=postponed, by=by)
    clock.forward(minutes=1)
    undo_mark(reservation=arrived, by=by)
    record_dose(reservation=arrived, details=DoseDetails(lot.pk, Site.LEFT_ARM), by=by)
    clock.forward(minutes=10)
    record_reaction(reservation=arrived, manifestation=Manifestation.RASH, by="staff:8")

    assert told(arrived) == [
        ("the vaccination was postponed: Fever or illness today", by),
        (f"dose 1 recorded: {vaccine}, lot {lot.number}, Left arm", by),
        ("observed after the vaccination: Rash or itching", "staff:8"),
    ]


def test_a_correction_leaves_who_recorded_it(arrived, lot, by):
    dose = record_dose(reservation=arrived, details=DoseDetails(lot.pk), by=by)
    correct_dose(dose=dose, details=DoseDetails(lot.pk, Site.RIGHT_ARM), by="staff:8")

    [(recorded, first), (corrected, _second)] = told(arrived)

    assert (first, recorded.split(":")[0]) == (by, "dose 1 recorded")
    assert corrected == "record of dose 1 corrected"


def test_a_dose_taken_back_stays_in_the_story(arrived, lot, by):
    record_dose(reservation=arrived, details=DoseDetails(lot.pk), by=by)
    undo_mark(reservation=arrived, by="staff:8")

    assert [actor for _sentence, actor in told(arrived)] == [by]


def test_a_late_record_says_so(arrived, lot, by, clock):
    clock.forward(days=1)
    late = DoseDetails(lot.pk, late_reason=LateReason.PAPER)
    record_dose(reservation=arrived, details=late, by=by)

    [(sentence, _actor)] = told(arrived)

    assert "recorded late (Taken over from a paper list)" in sentence
