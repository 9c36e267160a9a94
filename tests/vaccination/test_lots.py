"""Lots: received, corrected, wasted; what they count is held by the database."""

import uuid
from datetime import timedelta

import pytest
from django.db import InternalError, ProgrammingError, transaction
from django.db.utils import IntegrityError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from booking.exceptions import Refused
from booking.rules import day_of
from booking.services.visits import undo_mark
from tests.clock import clock as the_clock
from tests.factories import ClinicFactory, VaccineFactory
from tests.vaccination.factories import LotFactory
from vaccination.enums import WasteReason
from vaccination.exceptions import (
    BadLotNumber,
    ExpiredOnArrival,
    FewerWasted,
    LessThanUsed,
    LotEmpty,
    LotExpired,
    NumberTaken,
    OtherExpiry,
    TooFewDoses,
)
from vaccination.models import DefaultLot, DoseGiven, Lot, LotMovement
from vaccination.services.doses import DoseDetails, record_dose
from vaccination.services.lots import (
    correct_doses,
    receive_lot,
    relabel_lot,
    set_default_lot,
    waste_doses,
)

pytestmark = pytest.mark.django_db
BY = "staff:1"


def counts(lot: Lot) -> tuple[int, int, int, int]:
    lot.refresh_from_db()
    return lot.doses_received, lot.doses_given, lot.doses_wasted, lot.doses_left


def today():
    return day_of(the_clock.now())


def test_a_second_delivery_adds_to_the_lot():
    lot = LotFactory(number="aB 12-3", doses=10)

    again = LotFactory(number="ＡＢ12-3", doses=5, clinic=lot.clinic, vaccine=lot.vaccine)

    assert (again.pk, again.number) == (lot.pk, "AB12-3")
    assert counts(lot) == (15, 0, 0, 15)


def test_a_form_sent_twice_receives_once():
    key, clinic, vaccine = uuid.uuid4(), ClinicFactory(), VaccineFactory()

    for _ in range(2):
        lot = LotFactory(clinic=clinic, vaccine=vaccine, number="X1", key=key)

    assert counts(lot) == (10, 0, 0, 10)


def test_the_vial_is_checked_against_what_is_here():
    lot = LotFactory(number="X1")
    same = {"clinic": lot.clinic, "vaccine": lot.vaccine, "number": "X1", "doses": 1, "by": BY}

    with pytest.raises(OtherExpiry):
        receive_lot(**same, expires_on=lot.expires_on + timedelta(days=1))
    with pytest.raises(ExpiredOnArrival):
        receive_lot(**{**same, "number": "X2"}, expires_on=today() - timedelta(days=1))
    for number in ["", "한글", "A" * 21, "-1", "A_1", "A<B"]:
        with pytest.raises(BadLotNumber):
            receive_lot(**{**same, "number": number}, expires_on=lot.expires_on)
    assert Lot.objects.count() == 1


def test_wasted_doses_are_gone_and_can_be_taken_back():
    lot = LotFactory(doses=10)

    waste_doses(lot=lot, doses=4, reason=WasteReason.BROKEN, by=BY)
    waste_doses(lot=lot, doses=-1, reason=WasteReason.BROKEN, by=BY)

    assert counts(lot) == (10, 0, 3, 7)
    for doses, refusal in [(8, TooFewDoses), (-4, FewerWasted)]:
        with pytest.raises(refusal):
            waste_doses(lot=lot, doses=doses, reason=WasteReason.BROKEN, by=BY)
    assert counts(lot) == (10, 0, 3, 7)


def test_a_count_is_corrected_never_below_what_was_used():
    lot = LotFactory(doses=10)
    waste_doses(lot=lot, doses=4, reason=WasteReason.BROKEN, by=BY)

    correct_doses(lot=lot, received=6, reason="counted again", by=BY)

    assert counts(lot) == (6, 0, 4, 2)
    with pytest.raises(LessThanUsed):
        correct_doses(lot=lot, received=3, reason="counted again", by=BY)
    assert list(lot.movements.order_by("pk").values_list("kind", "doses")) == [
        ("received", 10),
        ("wasted", 4),
        ("corrected", -4),
    ]


def test_a_mistyped_number_is_corrected_and_the_history_has_both():
    lot = LotFactory(number="AB1")
    LotFactory(number="AB2", clinic=lot.clinic, vaccine=lot.vaccine)

    with pytest.raises(NumberTaken):
        relabel_lot(lot=lot, number="ab2", expires_on=lot.expires_on, by=BY)
    relabel_lot(lot=lot, number="ab3", expires_on=lot.expires_on, by="staff:2")

    assert list(lot.events.order_by("pgh_id").values_list("number", "by")) == [
        ("AB1", BY),
        ("AB3", "staff:2"),
    ]


def test_the_lot_of_the_day_can_be_given_on_that_day():
    lot = LotFactory(doses=1)
    other = LotFactory(clinic=lot.clinic, vaccine=lot.vaccine)

    set_default_lot(lot=other, on=today(), by=BY)
    set_default_lot(lot=lot, on=today(), by=BY)

    assert DefaultLot.objects.get().lot == lot
    with pytest.raises(LotExpired):
        set_default_lot(lot=lot, on=lot.expires_on + timedelta(days=1), by=BY)
    waste_doses(lot=lot, doses=1, reason=WasteReason.BROKEN, by=BY)
    with pytest.raises(LotEmpty):
        set_default_lot(lot=lot, on=today(), by=BY)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE vaccination_lot SET doses_given = doses_given + 1",
        "UPDATE vaccination_lot SET doses_received = 99",
        "UPDATE vaccination_lot SET clinic_id = clinic_id + 1",
        "UPDATE vaccination_lot SET number = lower(number)",
        "UPDATE vaccination_lotmovement SET doses = 99",
        "DELETE FROM vaccination_lotmovement",
    ],
)
def test_the_database_refuses_to_count_otherwise(statement):
    lot = LotFactory()

    with (
        pytest.raises((IntegrityError, InternalError, ProgrammingError)),
        transaction.atomic(),
        transaction.get_connection().cursor() as cursor,
    ):
        cursor.execute(statement)

    assert counts(lot) == (10, 0, 0, 10)


def test_the_database_refuses_a_default_lot_of_another_clinic_or_vaccine():
    lot = LotFactory()
    right = {"clinic": lot.clinic, "vaccine": lot.vaccine, "lot": lot, "on": today(), "by": BY}

    for wrong in [
        {"clinic": ClinicFactory()},
        {"vaccine": VaccineFactory()},
        {"on": lot.expires_on + timedelta(days=1)},
    ]:
        with pytest.raises(IntegrityError), transaction.atomic():
            DefaultLot.objects.create(**{**right, **wrong})
    assert DefaultLot.objects.create(**right).lot == lot


ACTS = st.lists(
    st.tuples(st.sampled_from(["receive", "correct", "waste", "give", "undo"]), st.integers(-5, 9)),
    max_size=25,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(acts=ACTS)
def test_received_is_given_left_and_wasted_whatever_is_done(acts, arrived):
    """Against a plain count of what each accepted act moves."""
    with transaction.atomic():
        lot = LotFactory(clinic=arrived.slot.clinic, vaccine=arrived.slot.vaccine, doses=2)
        received, given_doses, wasted = 2, 0, 0
        for act, doses in acts:
            try:
                with transaction.atomic():
                    if act == "receive" and doses > 0:
                        again = {"number": lot.number, "expires_on": lot.expires_on}
                        receive_lot(
                            clinic=lot.clinic, vaccine=lot.vaccine, doses=doses, by=BY, **again
                        )
                        received += doses
                    elif act == "correct" and doses >= 0:
                        correct_doses(lot=lot, received=doses, reason="counted", by=BY)
                        received = doses
                    elif act == "waste" and doses:
                        waste_doses(lot=lot, doses=doses, reason=WasteReason.BROKEN, by=BY)
                        wasted += doses
                    elif act == "give":
                        record_dose(reservation=arrived, details=DoseDetails(lot.pk), by=BY)
                        given_doses = 1
                    elif act == "undo" and given_doses:
                        undo_mark(reservation=arrived, by=BY)
                        given_doses = 0
            except Refused:
                pass
            left = received - given_doses - wasted
            assert counts(lot) == (received, given_doses, wasted, left)
            assert left >= 0
            assert DoseGiven.objects.filter(lot=lot).count() == given_doses
        moved = LotMovement.objects.filter(lot=lot)
        assert sum(row.doses for row in moved if row.kind != "wasted") == received
        transaction.set_rollback(True)
