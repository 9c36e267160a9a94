"""One race per pair of acts that may meet at one place, or at one person, at the same moment.

Whoever wins, nothing but a refusal reaches the other, and every invariant holds afterwards.
"""

import random
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from booking.exceptions import Refused
from booking.models import Offer, Reservation, Slot
from booking.rules import day_of
from booking.services.changes import cancel_reservation, change_reservation, undo_cancel
from booking.services.confirmations import confirm_hold
from booking.services.holds import release_hold, take_back_holds
from booking.services.offers import decline_offer, leave_list, make_offers
from booking.services.outside_doses import record_outside_dose
from tests.booking.test_offers import entry
from tests.concurrency import at_once
from tests.crowd import admit
from tests.factories import AdmissionFactory, ReservationFactory, RoomFactory, SlotFactory
from tests.holding import hold_best_slots, hold_slot

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("every_invariant_holds", "both_paths_of_a_hold"),
]


def race(*calls) -> list:
    outcomes = at_once(calls)
    broken = [
        one for one in outcomes if isinstance(one, Exception) and not isinstance(one, Refused)
    ]
    assert broken == []
    return outcomes


def hold(admission, slot, service=hold_slot, **more):
    return service(
        person_id=admission.ticket.person_id, slot_id=slot.pk, admission_id=admission.pk, **more
    )


def pair(days: int = 28, **values) -> tuple[Slot, Slot]:
    first = SlotFactory(double=True, **values)
    later = first.starts_at + timedelta(days=days)
    return first, SlotFactory(clinic=first.clinic, vaccine=first.vaccine, starts_at=later, **values)


def test_yes_and_no_to_one_offer_from_two_devices():
    first, second = admit(RoomFactory(), 2)
    reservation = ReservationFactory(slot=SlotFactory(capacity=1))
    entry(first)
    entry(second)
    cancel_reservation(reservation=reservation, by="citizen")
    offer = Offer.objects.get()
    yes = partial(confirm_hold, person_id=offer.person_id, key=offer.reservation.key)
    no = partial(decline_offer, token=offer.token, by="citizen")

    outcomes = race(yes, no, yes, no, partial(leave_list, person_id=offer.person_id))

    said_yes = {type(one) for one in (outcomes[0], outcomes[2])}
    offer.refresh_from_db()
    assert len(said_yes) == 1
    assert (said_yes == {list}) == (offer.status == "taken")
    assert Slot.objects.get(pk=reservation.slot_id).booked == 1


def test_both_doses_moved_at_once_stay_within_their_interval():
    """Each move alone is fine; the earlier first and the later second together may not be."""
    first, second = pair()
    sooner, late = (
        SlotFactory(
            clinic=first.clinic,
            vaccine=first.vaccine,
            starts_at=first.starts_at + timedelta(days=days),
        )
        for days in (7, 42)
    )
    first_to, second_to = (
        sooner,
        SlotFactory(
            clinic=first.clinic,
            vaccine=first.vaccine,
            starts_at=first.starts_at + timedelta(days=21),
        ),
    )
    [held, _two] = hold(AdmissionFactory(), first, second_id=second.pk)
    one, two = confirm_hold(person_id=held.person_id, key=held.key)

    outcomes = race(
        partial(change_reservation, reservation=one, slot_id=first_to.pk, by="citizen"),
        partial(change_reservation, reservation=two, slot_id=second_to.pk, by="citizen"),
        partial(change_reservation, reservation=two, slot_id=late.pk, by="citizen"),
    )

    days = [day_of(Reservation.objects.get(pk=row.pk).slot.starts_at) for row in (one, two)]
    assert 21 <= (days[1] - days[0]).days <= 42
    assert sum(isinstance(outcome, Reservation) for outcome in outcomes) >= 1


def test_taking_a_cancellation_back_while_others_want_the_place():
    slot = SlotFactory(capacity=1)
    reservation = ReservationFactory(slot=slot)
    others = admit(RoomFactory(), 4)
    undo = partial(undo_cancel, reservation=reservation, by="citizen")

    race(
        partial(cancel_reservation, reservation=reservation, by="citizen"),
        undo,
        *[partial(hold, one, slot) for one in others],
        undo,
    )

    assert slot.reservations.taking().count() == Slot.objects.get(pk=slot.pk).booked <= 1


def test_many_pairs_swapped_and_given_up_never_wait_in_a_circle():
    slots = [SlotFactory(double=True, capacity=3)]
    slots += [
        SlotFactory(
            clinic=slots[0].clinic,
            vaccine=slots[0].vaccine,
            starts_at=slots[0].starts_at + timedelta(days=days),
            capacity=3,
        )
        for days in (1, 25, 28)
    ]
    people = admit(RoomFactory(), 12)

    def wander(admission):
        dice = random.Random(admission.pk)  # noqa: S311
        for _turn in range(10):
            first, second = dice.choice(slots[:2]), dice.choice(slots[2:])
            with suppress(Refused):
                hold(admission, first, second_id=second.pk)
            if dice.random() < 0.3:
                release_hold(person_id=admission.ticket.person_id)

    race(*[partial(wander, one) for one in people])

    assert max(Slot.objects.values_list("booked", flat=True)) <= 3


def test_what_frees_up_in_a_storm_goes_to_the_list_and_never_twice():
    waiting, others = admit(RoomFactory(), 8), admit(RoomFactory(), 12)
    slots = [SlotFactory(capacity=2) for _ in range(4)]
    Slot.objects.update(vaccine=slots[0].vaccine)
    booked = [ReservationFactory(slot=slot) for slot in slots for _place in range(2)]
    for admission in waiting:
        entry(admission)

    race(
        *[partial(cancel_reservation, reservation=one, by="citizen") for one in booked],
        *[partial(hold, one, slots[n % 4], hold_best_slots) for n, one in enumerate(others)],
        *[partial(hold, one, slots[n % 4], hold_best_slots) for n, one in enumerate(waiting[:4])],
        make_offers,
        take_back_holds,
    )
    make_offers()

    assert set(Slot.objects.values_list("booked", flat=True)) == {2}
    offers = Counter(Offer.objects.values_list("person", "slot"))
    assert set(offers.values()) <= {1}


def test_a_outside_dose_written_down_while_everything_else_happens():
    first, second = pair(capacity=50)
    today = timezone.localdate()
    for admission in admit(RoomFactory(), 5):
        person_id = admission.ticket.person_id
        [held, _two] = hold(admission, first, second_id=second.pk)

        race(
            partial(confirm_hold, person_id=person_id, key=held.key),
            *[
                partial(
                    record_outside_dose,
                    person_id=person_id,
                    vaccine=first.vaccine,
                    dose=dose,
                    given_on=today,
                    by="staff:1",
                )
                for dose in (1, 2)
            ],
            partial(hold, admission, first, hold_best_slots),
            partial(release_hold, person_id=person_id),
        )

    assert [Slot.objects.get(pk=slot.pk).booked for slot in (first, second)] == [0, 0]
