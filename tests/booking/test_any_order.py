"""Everything that can happen to a booking, in any order, from several connections.

After each step every invariant of verify_bookings holds, and no time stays open while it suits
somebody on the cancellation list.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import time, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from booking.enums import LIVE, EntryStatus, OfferStatus
from booking.exceptions import Refused
from booking.models import ListEntry, LostAppointment, Offer, OutsideDose, Reservation, Slot
from booking.services import (
    changes,
    confirmations,
    holds,
    lost_appointments,
    offers,
    outside_doses,
    reading,
    slots,
    staff_bookings,
    visits,
)
from booking.services.offers import FREE_SLOT, _values
from booking.verifying import verify
from tests.clock import clock
from tests.crowd import admit
from tests.factories import ClinicFactory, RoomFactory, SlotFactory, VaccineFactory
from tests.roles import as_owner

PEOPLE, CONNECTIONS = 5, 3
person = st.integers(0, PEOPLE - 1)
place = st.integers(0, 7)
worker = st.integers(0, CONNECTIONS - 1)

# What a person may do; each takes the machine, a person and a slot.
ACTS = {
    "hold": lambda m, who, slot: holds.hold_best_slots(
        person_id=m.id(who), slot_id=slot, admission_id=m.admission(who)
    ),
    "hold one": lambda m, who, slot: holds.hold_slot(
        person_id=m.id(who), slot_id=slot, admission_id=m.admission(who)
    ),
    "extend": lambda m, who, _slot: holds.extend_hold(person_id=m.id(who), key=m.key(who)),
    "give up": lambda m, who, _slot: holds.release_hold(person_id=m.id(who)),
    "confirm": lambda m, who, _slot: confirmations.confirm_hold(
        person_id=m.id(who), key=m.key(who)
    ),
    "change": lambda m, who, slot: changes.change_reservation(
        reservation=m.reservation(who), slot_id=slot, by="citizen"
    ),
    "cancel": lambda m, who, _slot: changes.cancel_reservation(
        reservation=m.reservation(who), by="citizen"
    ),
    "undo": lambda m, who, _slot: changes.undo_cancel(reservation=m.cancelled(who), by="citizen"),
    "staff": lambda m, who, slot: staff_bookings.book_for(
        person=m.people[who].ticket.person,
        slot=Slot.objects.get(pk=slot),
        by="staff:1",
    ),
    "accept": lambda m, who, _slot: confirmations.confirm_hold(
        person_id=m.id(who), key=m.offer(who).reservation.key
    ),
    "decline": lambda m, who, _slot: offers.decline_offer(token=m.offer(who).token, by="citizen"),
    "leave": lambda m, who, _slot: offers.leave_list(person_id=m.id(who)),
    "arrive": lambda m, who, _slot: visits.mark_arrived(
        reservation=m.reservation(who), by="staff:1"
    ),
    "vaccinate": lambda m, who, _slot: visits.mark_vaccinated(
        reservation=m.reservation(who), by="staff:1"
    ),
    "unmark": lambda m, who, _slot: visits.undo_mark(reservation=m.reservation(who), by="staff:1"),
    "outside_dose": lambda m, who, slot: outside_doses.record_outside_dose(
        person_id=m.id(who), vaccine=m.double, by="staff:1", **m.given(slot)
    ),
    "correct outside_dose": lambda m, who, slot: outside_doses.correct_outside_dose(
        outside_dose=m.outside_dose(who), vaccine=m.double, by="staff:1", **m.given(slot)
    ),
    "withdraw outside_dose": lambda m, who, _slot: outside_doses.withdraw_outside_dose(
        outside_dose=m.outside_dose(who), by="staff:1"
    ),
    "put first": lambda m, who, _slot: lost_appointments.put_first(lost=m.lost(who), by="staff:1"),
}


class Nothing(Exception):
    """The act has no object just now: this person holds nothing, or has no offer."""


class Bookings(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        with as_owner(), connection.cursor() as cursor:
            cursor.execute(
                "TRUNCATE booking_offer, booking_listentry, booking_reservation,"
                " booking_reservationevent, booking_outsidedose, booking_slot CASCADE"
            )
        clock.at("08:00", tick=True)
        clinic = ClinicFactory()
        double = VaccineFactory(doses=2, min_days=20, best_days=21, max_days=23)
        single = VaccineFactory()
        start = timezone.localtime().replace(hour=10, minute=0, second=0, microsecond=0)
        days = [(3, double), (4, double), (23, double), (25, double), (26, double), (30, double)]
        self.slots = [
            SlotFactory(
                clinic=clinic, vaccine=kind, starts_at=start + timedelta(days=day), capacity=2
            ).pk
            for day, kind in [*days, (0, single), (3, single), (5, single)]
        ]
        self.double = double
        self.people = admit(RoomFactory(), PEOPLE)
        self.hands = [ThreadPoolExecutor(1) for _ in range(CONNECTIONS)]

    def teardown(self):
        for hand in self.hands:
            hand.submit(lambda: connection.close()).result()  # each thread's own
            hand.shutdown()
        clock.reset()

    def id(self, who):
        return self.people[who].ticket.person_id

    def admission(self, who):
        return self.people[who].pk

    def first(self, rows):
        row = rows.first()
        if row is None:
            raise Nothing
        return row

    def key(self, who):
        held = Reservation.objects.filter(person=self.id(who), status="held")
        return self.first(held.order_by("dose")).key

    def reservation(self, who):
        mine = Reservation.objects.filter(person=self.id(who), status__in=LIVE)
        return self.first(mine.exclude(status="held").order_by("?"))

    def cancelled(self, who):
        mine = Reservation.objects.filter(person=self.id(who), status="cancelled")
        return self.first(mine.order_by("-changed_at", "dose"))

    def offer(self, who):
        return self.first(Offer.objects.filter(person=self.id(who), status=OfferStatus.OPEN))

    def outside_dose(self, who):
        return self.first(OutsideDose.objects.filter(person=self.id(who)).order_by("?"))

    def lost(self, who):
        return self.first(
            LostAppointment.objects.filter(reservation__person=self.id(who), lost_at__isnull=False)
        )

    def given(self, slot):
        """Some dose of some day in the past, as the number of the slot says."""
        days = 4 * (slot % 8)
        return {"dose": 1 + slot % 2, "given_on": timezone.localdate() - timedelta(days=days)}

    def act(self, name, who, slot):
        try:
            return ACTS[name](self, who, self.slots[slot])
        except (Refused, Nothing) as refusal:
            return refusal

    @rule(name=st.sampled_from(sorted(ACTS)), who=person, slot=place, hand=worker)
    def one_act(self, name, who, slot, hand):
        self.hands[hand].submit(self.act, name, who, slot).result(30)

    @rule(
        acts=st.lists(
            st.tuples(st.sampled_from(sorted(ACTS)), person, place),
            min_size=2,
            max_size=CONNECTIONS,
        )
    )
    def acts_at_once(self, acts):
        running = [
            hand.submit(self.act, *each) for hand, each in zip(self.hands, acts, strict=False)
        ]
        for one in running:
            one.result(30)

    @rule(who=person, dose=st.sampled_from([1, 2]), hand=worker)
    def join_the_list(self, who, dose, hand):
        def join():
            today = timezone.localdate()
            with suppress(Refused):
                offers.join_list(
                    person_id=self.id(who),
                    admission_id=self.admission(who),
                    dose=dose,
                    preferences=offers.Preferences(
                        places=["d:서울특별시/강남구"],
                        dates=(today, today + timedelta(days=40)),
                        hours=(time(0), time(23, 59)),
                    ),
                )

        self.hands[hand].submit(join).result(30)

    @rule(who=person, dose=st.sampled_from([1, 2]), days=st.integers(0, 30), hand=worker)
    def a_outside_dose_elsewhere(self, who, dose, days, hand):
        self.hands[hand].submit(self.record, who, dose, days).result(30)

    def record(self, who, dose, days):
        return outside_doses.record_outside_dose(
            person_id=self.id(who),
            vaccine=self.double,
            dose=dose,
            given_on=timezone.localdate() - timedelta(days=days),
            by="system",
        )

    @rule(who=person, dose=st.sampled_from([1, 2]), days=st.integers(0, 30), hand=worker)
    def a_mistake_found_at_once_leaves_no_trace(self, who, dose, days, hand):
        def mistaken():
            if OutsideDose.objects.filter(person=self.id(who), dose=dose).exists():
                return
            before = self.booked_by(who)
            outside_dose, _freed = self.record(who, dose, days)
            after = outside_doses.withdraw_outside_dose(outside_dose=outside_dose, by="system")
            # Only what the list was offered in between can't come back, and is named.
            lost = {freed.reservation.number for freed in after.lost}
            assert before - self.booked_by(who) == {one for one in before if one[0] in lost}

        self.hands[hand].submit(mistaken).result(30)

    def booked_by(self, who) -> set[tuple]:
        mine = Reservation.objects.filter(person=self.id(who), status__in=LIVE)
        return set(mine.exclude(status="held").values_list("number", "slot"))

    @rule(minutes=st.sampled_from([4, 9, 16]))
    def time_passes(self, minutes):
        clock.forward(minutes=minutes, tick=True)
        holds.take_back_holds()

    @rule(slot=place, capacity=st.integers(0, 3))
    def the_clinic_changes_its_mind(self, slot, capacity):
        with suppress(Refused):
            slots.set_capacity(
                slot=Slot.objects.get(pk=self.slots[slot]), capacity=capacity, by="staff:1"
            )

    @invariant()
    def every_invariant_holds(self):
        broken = [answer for answer in verify() if answer.broken]
        assert broken == []

    @invariant()
    def the_receipt_offers_to_take_back_what_the_service_takes_back(self):
        for reservation in Reservation.objects.filter(status="cancelled").with_slot():
            mine = reading.reservations_of(reservation.person_id)
            said = changes.why_not_undo(reservation, mine, by="citizen", now=timezone.now())
            assert type(said) is self.undone(reservation), reservation

    def undone(self, reservation) -> type:
        """What the service answers, and then as if it had not been asked."""
        with transaction.atomic():
            try:
                changes.undo_cancel(reservation=reservation, by="citizen")
            except Refused as refusal:
                return type(refusal)
            transaction.set_rollback(True)
        return type(None)

    @invariant()
    def nothing_suitable_stays_unoffered(self):
        offers.make_offers()  # as the job does, every few seconds
        for entry in ListEntry.objects.filter(status=EntryStatus.WAITING):
            with connection.cursor() as cursor:
                cursor.execute(FREE_SLOT, _values(timezone.now(), entry=entry.pk, needs=[]))
                assert cursor.fetchone() is None, f"entry {entry.pk} waits beside an open time"


@pytest.mark.django_db(transaction=True)
def test_everything_in_any_order_from_several_connections():
    run_state_machine_as_test(
        Bookings,
        settings=settings(
            max_examples=int(os.environ.get("EXAMPLES", "8")),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
