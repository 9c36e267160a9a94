"""Each invariant of lots, doses and answers, broken on purpose, is reported; nothing else is."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from booking.models import Reservation
from booking.verifying import verify
from tests.factories import ClinicFactory
from tests.roles import past_triggers
from tests.vaccination.answering import HEALTHY, sent
from tests.vaccination.factories import LotFactory
from vaccination.models import DoseGiven, Lot, QuestionnaireResponse
from vaccination.services.doses import DoseDetails, record_dose
from vaccination.verifying import INVARIANTS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dose(arrived, lot) -> DoseGiven:
    sent(arrived, HEALTHY, by="staff:1")
    return record_dose(reservation=arrived, details=DoseDetails(lot.pk, "LA"), by="staff:1")


def broken() -> list[str]:
    return [result.invariant.name for result in verify(invariants=INVARIANTS) if result.broken]


@pytest.mark.parametrize(
    ("rows", "values", "names"),
    [
        (Lot.objects, {"doses_given": 0}, ["lots"]),
        (Lot.objects, {"doses_received": 9}, ["lots"]),
        (Reservation.objects, {"status": "arrived"}, ["doses"]),
        (DoseGiven.objects, {"dose_number": 2}, ["doses"]),
        (QuestionnaireResponse.objects, {"version": 7}, ["answers"]),
    ],
)
def test_what_the_triggers_would_refuse_is_found(dose, rows, values, names):
    before = broken()
    with past_triggers():
        rows.update(**values)

    assert (before, broken()) == ([], names)
    with pytest.raises(CommandError):
        call_command("verify_vaccinations", stdout=StringIO())


def test_a_dose_of_another_clinics_lot_is_found(dose):
    other = LotFactory(clinic=ClinicFactory(), vaccine=dose.lot.vaccine)
    with past_triggers():
        DoseGiven.objects.update(lot=other)

    assert broken() == ["lots", "lot of a dose"]


def test_the_command_names_what_holds(dose):
    out = StringIO()

    call_command("verify_vaccinations", stdout=out)

    assert [line.split(" (")[0] for line in out.getvalue().splitlines()] == [
        f"{invariant.name}: holds" for invariant in INVARIANTS
    ]
