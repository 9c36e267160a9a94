"""Each invariant, broken on purpose, is reported; and nothing else is."""

from datetime import date, timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from booking.models import ListEntry, Offer, OutsideDose, Reservation, Slot
from booking.services.changes import cancel_reservation
from booking.verifying import INVARIANTS, verify
from tests.booking.closures import close
from tests.booking.test_offers import entry
from tests.booking.visits import planned_visit
from tests.factories import (
    AdmissionFactory,
    CohortFactory,
    ReservationFactory,
    RoomFactory,
    SlotFactory,
    VaccineFactory,
)
from tests.roles import as_owner, past_triggers

pytestmark = pytest.mark.django_db(transaction=True)


def broken() -> list[str]:
    return [result.invariant.name for result in verify() if result.broken]


def without(table: str, constraint: str) -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {constraint}")
        cursor.execute(f"DROP INDEX IF EXISTS {constraint}")


def break_counters():
    Slot.objects.filter(pk=ReservationFactory().slot_id).update(booked=2)


def break_capacity():
    slot = ReservationFactory(slot=SlotFactory(capacity=2)).slot
    ReservationFactory(slot=slot)
    without("booking_slot", "slot_never_overbooked")
    without("booking_slot", "slot_margin_is_bounded")
    Slot.objects.filter(pk=slot.pk).update(capacity=1)


def break_one_live():
    reservation = ReservationFactory()
    without("booking_reservation", "one_live_reservation_per_person_and_dose")
    twin = Reservation.objects.get(pk=reservation.pk)
    twin.pk, twin.number, twin.key = None, "TWIN", uuid4()
    twin.save()
    Slot.objects.filter(pk=reservation.slot_id).update(booked=2)


def break_holds():
    late = timezone.now() - timedelta(minutes=6)
    held = ReservationFactory(held=True)
    Reservation.objects.filter(pk=held.pk).update(held_until=late)


def break_promised_hold():
    held = ReservationFactory(held=True)
    hours = timezone.now() + timedelta(hours=2)
    Reservation.objects.filter(pk=held.pk).update(held_until=hours)


def break_intervals():
    vaccine = VaccineFactory(double=True)
    first = ReservationFactory(slot=SlotFactory(vaccine=vaccine))
    fitting = SlotFactory(vaccine=vaccine, starts_at=first.slot.starts_at + timedelta(days=28))
    second = ReservationFactory(person=first.person, admission=first.admission, slot=fitting)
    early = SlotFactory(vaccine=vaccine, starts_at=first.slot.starts_at + timedelta(days=3))
    Reservation.objects.filter(pk=second.pk).update(slot=early)
    Slot.objects.filter(pk=fitting.pk).update(booked=0)
    Slot.objects.filter(pk=early.pk).update(booked=1)


def break_interval_after_outside_dose():
    vaccine = VaccineFactory(double=True)
    reservation = ReservationFactory(slot=SlotFactory(vaccine=vaccine))
    OutsideDose.objects.create(
        person=reservation.person,
        dose=1,
        vaccine=vaccine,
        given_on=timezone.localdate(),
        by="system",
    )
    Reservation.objects.filter(pk=reservation.pk).update(dose=2)


def break_second_doses():
    reservation = ReservationFactory()
    Reservation.objects.filter(pk=reservation.pk).update(dose=2)


def break_admissions():
    reservation = ReservationFactory()
    Reservation.objects.filter(pk=reservation.pk).update(admission=AdmissionFactory())


def break_vaccines():
    """A slot whose vaccine was exchanged behind the services' back."""
    named = VaccineFactory()
    room = RoomFactory(cohort=CohortFactory(vaccines=[named.code]))
    reservation = ReservationFactory(
        admission=(admission := AdmissionFactory(room=room)),
        person=admission.ticket.person,
        slot=SlotFactory(vaccine=named),
    )
    Slot.objects.filter(pk=reservation.slot_id).update(vaccine=VaccineFactory())


def break_confirmed_at():
    reservation = ReservationFactory()
    Reservation.objects.filter(pk=reservation.pk).update(confirmed_at=None)


def break_orphan_of_slot():
    reservation = ReservationFactory()
    with past_triggers() as cursor:
        cursor.execute("DELETE FROM booking_slot WHERE id = %s", [reservation.slot_id])


def break_orphan_of_person():
    held = ReservationFactory(held=True)
    Reservation.objects.filter(pk=held.pk).update(origin="staff")  # else the admission is amiss too
    with past_triggers() as cursor:
        cursor.execute("DELETE FROM eligibility_person WHERE id = %s", [held.person_id])


def break_doses():
    reservation = ReservationFactory()
    OutsideDose.objects.create(
        person=reservation.person,
        dose=1,
        vaccine=reservation.slot.vaccine,
        given_on=date(2021, 7, 12),
        by="system",
    )


def break_entries():
    entry(AdmissionFactory())
    ListEntry.objects.update(status="offered")


def break_offers():
    reservation = ReservationFactory(slot=SlotFactory(capacity=1))
    entry(AdmissionFactory())
    cancel_reservation(reservation=reservation, by="citizen")
    Offer.objects.update(status="lapsed")
    ListEntry.objects.update(status="waiting")


def break_closed_hours():
    slot = SlotFactory()
    close(slot)
    with past_triggers() as cursor:
        cursor.execute("UPDATE booking_slot SET capacity = 1 WHERE id = %s", [slot.pk])


def break_ended_closure():
    closure = close(SlotFactory())
    closure.closed_slots.update(reopened=True)


def break_visits():
    visit = planned_visit()
    without("booking_slot", "visit_seats_are_not_public")
    Slot.objects.filter(pk=visit.slot_id).update(capacity=3)


BREAKS = [
    ("counters", break_counters),
    ("capacity", break_capacity),
    ("one live reservation per person and dose", break_one_live),
    ("holds in date", break_holds),
    ("holds in date", break_promised_hold),
    ("intervals", break_intervals),
    ("intervals", break_interval_after_outside_dose),
    ("second doses", break_second_doses),
    ("admissions", break_admissions),
    ("vaccines", break_vaccines),
    ("orphans", break_confirmed_at),
    ("orphans", break_orphan_of_slot),
    ("orphans", break_orphan_of_person),
    ("doses given", break_doses),
    ("offers", break_offers),
    ("offers", break_entries),
    ("closed hours", break_closed_hours),
    ("closed hours", break_ended_closure),
    ("visits", break_visits),
]


@pytest.fixture
def _constraints_come_back():
    """What a test dropped stands again for the next one."""
    yield
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE booking_slot, booking_reservation CASCADE")
        for table, model in [("booking_slot", Slot), ("booking_reservation", Reservation)]:
            cursor.execute(
                "SELECT conname FROM pg_constraint WHERE conrelid = %(table)s::regclass"
                " UNION SELECT indexrelid::regclass::text FROM pg_index"
                " WHERE indrelid = %(table)s::regclass",
                {"table": table},
            )
            there = {row[0] for row in cursor.fetchall()}
            with connection.schema_editor() as editor:
                for constraint in model._meta.constraints:
                    if constraint.name not in there:
                        editor.add_constraint(model, constraint)


@pytest.mark.usefixtures("_constraints_come_back")
@pytest.mark.parametrize(("name", "break_it"), BREAKS)
def test_each_invariant_broken_on_purpose_is_reported(name, break_it):
    break_it()

    assert broken() == [name]


def test_no_invariant_is_left_unbroken():
    assert {name for name, _break in BREAKS} == {question.name for question in INVARIANTS}


def test_the_command_is_silent_about_good_rows_and_fails_on_bad_ones():
    said = StringIO()
    ReservationFactory()
    call_command("verify_bookings", stdout=said)
    break_counters()

    with pytest.raises(CommandError, match="1 invariants are broken"):
        call_command("verify_bookings", stdout=said)

    slot = Slot.objects.get(booked=2)
    assert f"slot {slot.pk}: counted 2, rows 1" in said.getvalue()
