"""Holding and confirming: never more than the capacity, and exactly once."""

import threading
from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from booking.enums import ReservationStatus
from booking.exceptions import (
    AlreadyBooked,
    HoldChanged,
    HoldLapsed,
    NoMoreTime,
    NothingHeld,
    SlotFull,
    SlotOver,
)
from booking.models import Reservation, Slot
from booking.services.confirmations import confirm_hold
from booking.services.holds import HOLD_LIFETIME, extend_hold, release_hold, take_back_holds
from messaging.models import Message
from tests.concurrency import at_once
from tests.factories import (
    AdmissionFactory,
    PersonFactory,
    ReservationFactory,
    RoomFactory,
    SlotFactory,
)
from tests.holding import hold_slot

pytestmark = pytest.mark.usefixtures("both_paths_of_a_hold")


def admitted(count: int) -> list:
    room = RoomFactory()
    return [AdmissionFactory(room=room, person=PersonFactory()) for _ in range(count)]


def hold(admission, slot, second=None, **values):
    return hold_slot(
        person_id=admission.ticket.person_id,
        slot_id=slot.pk,
        admission_id=admission.pk,
        second_id=second.pk if second else None,
        **values,
    )


def booked(*slots) -> list[int]:
    return [Slot.objects.get(pk=slot.pk).booked for slot in slots]


@pytest.mark.django_db
def test_a_hold_takes_one_place_for_ten_minutes(clock):
    [admission], slot, now = admitted(1), SlotFactory(), clock.freeze()

    [held] = hold(admission, slot)

    held.refresh_from_db()
    assert (held.status, held.dose, held.held_until) == ("held", 1, now + HOLD_LIFETIME)
    assert booked(slot) == [1]


@pytest.mark.django_db
def test_holding_the_same_time_again_answers_the_same_hold():
    [admission], slot = admitted(1), SlotFactory()

    [first] = hold(admission, slot)
    [again] = hold(admission, slot)

    assert (again.pk, again.key) == (first.pk, first.key)
    assert booked(slot) == [1]


@pytest.mark.django_db
def test_taking_another_time_exchanges_the_hold():
    [admission], slot = admitted(1), SlotFactory()
    other = SlotFactory(clinic=slot.clinic, starts_at=slot.starts_at + timedelta(hours=1))
    [first] = hold(admission, slot)

    [second] = hold(admission, other)

    first.refresh_from_db()
    assert (first.status, second.status) == ("released", "held")
    assert booked(slot, other) == [0, 1]


@pytest.mark.django_db
def test_a_refused_exchange_leaves_what_was_held():
    [admission], slot, full = admitted(1), SlotFactory(), SlotFactory(full=True)
    [held] = hold(admission, slot)

    with pytest.raises(SlotFull):
        hold(admission, full)

    held.refresh_from_db()
    assert held.status == "held"
    assert booked(slot, full) == [1, 10]


@pytest.mark.django_db
def test_a_time_that_has_begun_is_refused():
    [admission] = admitted(1)
    slot = SlotFactory(starts_at=timezone.now() - timedelta(minutes=1))

    with pytest.raises(SlotOver):
        hold(admission, slot)

    assert booked(slot) == [0]


@pytest.mark.django_db
def test_whoever_needs_the_slot_takes_back_what_ran_out(clock):
    [late, next_one], slot = admitted(2), SlotFactory(capacity=1)
    [held] = hold(late, slot)
    clock.move_to(held.held_until)

    [taken] = hold(next_one, slot)

    held.refresh_from_db()
    assert (held.status, taken.status) == ("lapsed", "held")
    assert booked(slot) == [1]


@pytest.mark.django_db
def test_the_job_takes_back_what_ran_out_and_nothing_else(clock):
    late, in_date = admitted(2)
    slot = SlotFactory()
    [kept], [lapsed] = hold(in_date, slot), hold(late, slot)
    clock.forward(minutes=5)
    extend_hold(person_id=kept.person_id, key=kept.key)
    clock.move_to(lapsed.held_until)

    assert take_back_holds() == 1

    statuses = dict(Reservation.objects.values_list("pk", "status"))
    assert statuses == {lapsed.pk: "lapsed", kept.pk: "held"}
    assert booked(slot) == [1]


@pytest.mark.django_db
def test_a_hold_can_be_extended_twice(clock):
    [admission], slot, now = admitted(1), SlotFactory(), clock.freeze()
    [held] = hold(admission, slot)
    act = {"act": extend_hold, "person_id": held.person_id, "key": held.key}

    untils = [clock.call_at(now + timedelta(minutes=minutes), **act) for minutes in (9, 18)]

    assert untils == [now + timedelta(minutes=20), now + timedelta(minutes=30)]
    with pytest.raises(NoMoreTime):
        clock.call_at(now + timedelta(minutes=27), **act)


@pytest.mark.django_db
def test_a_hold_that_ran_out_is_not_extended(clock):
    [admission], slot, now = admitted(1), SlotFactory(), clock.freeze()
    [held] = hold(admission, slot)

    clock.move_to(now + HOLD_LIFETIME)
    with pytest.raises(HoldLapsed):
        extend_hold(person_id=held.person_id, key=held.key)


@pytest.mark.django_db
def test_the_same_extension_asked_for_twice_counts_once(clock):
    [admission], slot, _now = admitted(1), SlotFactory(), clock.freeze()
    [held] = hold(admission, slot)
    extend = partial(extend_hold, person_id=held.person_id, key=held.key)
    ends = [held.held_until + HOLD_LIFETIME * number for number in (1, 2)]

    # At once, one after the other: each adds its ten minutes all the same.
    untils = [extend(extension=number) for number in (1, 1, 2, 2)]

    assert untils == [ends[0], ends[0], *ends[1:] * 2]
    held.refresh_from_db()
    assert held.extensions == 2
    with pytest.raises(NoMoreTime):
        extend(extension=3)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("since", "refusal"), [("exchanged", HoldChanged), ("confirmed", AlreadyBooked)]
)
def test_extending_from_an_old_tab_says_what_has_happened_since(since, refusal):
    [admission], slot = admitted(1), SlotFactory()
    [held] = hold(admission, slot)
    if since == "exchanged":
        hold(admission, SlotFactory())
    else:
        confirm_hold(person_id=held.person_id, key=held.key)

    with pytest.raises(refusal):
        extend_hold(person_id=held.person_id, key=held.key)


@pytest.mark.django_db
def test_a_time_that_has_begun_is_not_kept_any_longer(clock):
    [admission] = admitted(1)
    slot = SlotFactory(starts_at=timezone.now() + timedelta(minutes=5))
    [held] = hold(admission, slot)

    clock.move_to(slot.starts_at)
    with pytest.raises(SlotOver):
        extend_hold(person_id=held.person_id, key=held.key)


@pytest.mark.django_db
def test_giving_a_hold_up_frees_its_place():
    [admission], slot = admitted(1), SlotFactory()
    [held] = hold(admission, slot)

    assert release_hold(person_id=held.person_id) == 1

    held.refresh_from_db()
    assert held.status == "released"
    assert booked(slot) == [0]


@pytest.mark.django_db
def test_confirming_again_answers_the_same_reservation_and_writes_one_message():
    [admission], slot = admitted(1), SlotFactory()
    [held] = hold(admission, slot)

    first = confirm_hold(person_id=held.person_id, key=held.key)
    again = confirm_hold(person_id=held.person_id, key=held.key)

    assert [one.number for one in first] == [one.number for one in again] == [held.number]
    assert list(Message.objects.filter(kind="confirmed").values_list("key", flat=True)) == [
        f"confirmed:{held.number}"
    ]
    admission.refresh_from_db()
    assert admission.ending == "booked"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("spoil", "refusal"),
    [
        ("late", HoldLapsed),
        ("taken back", HoldLapsed),
        ("exchanged", HoldChanged),
        ("other", NothingHeld),
    ],
)
def test_confirming_what_is_not_held_any_more_changes_nothing(spoil, refusal, clock):
    [admission, other], slot = admitted(2), SlotFactory()
    [held] = hold(admission, slot)
    person_id = held.person_id
    if spoil in ("late", "taken back"):
        clock.move_to(held.held_until)
    if spoil == "taken back":
        take_back_holds()
    if spoil == "exchanged":
        hold(admission, SlotFactory())
    if spoil == "other":
        person_id = other.ticket.person_id
    before = list(Reservation.objects.order_by("pk").values_list("pk", "status"))

    with pytest.raises(refusal):
        confirm_hold(person_id=person_id, key=held.key)

    assert list(Reservation.objects.order_by("pk").values_list("pk", "status")) == before
    assert not Message.objects.filter(kind="confirmed").exists()


@pytest.mark.django_db(transaction=True)
def test_fifty_connections_for_ten_places_make_ten_reservations():
    slot = SlotFactory(capacity=10)
    calls = [partial(hold, admission, slot) for admission in admitted(50)]

    outcomes = at_once(calls)

    kinds = Counter(type(outcome).__name__ for outcome in outcomes)
    assert kinds == {"list": 10, "SlotFull": 40}
    assert slot.reservations.count() == 10
    assert booked(slot) == [10]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("nothing_but_locks")
def test_a_careless_hold_overbooks_in_the_same_race():
    """The race above can fail: look first, write later, without the check of the table."""
    slot = SlotFactory(capacity=1)
    barrier = threading.Barrier(2)

    def careless(admission):
        left = Slot.objects.get(pk=slot.pk).left
        barrier.wait(30)
        if left:
            return Reservation.objects.create(
                number=f"X{admission.pk}",
                person_id=admission.ticket.person_id,
                slot=slot,
                admission=admission,
                by="citizen",
                held_until=timezone.now() + HOLD_LIFETIME,
            )
        return None

    at_once([partial(careless, admission) for admission in admitted(2)])

    assert slot.reservations.count() == 2


@pytest.mark.django_db(transaction=True)
def test_one_person_on_many_devices_holds_one_time():
    [admission] = admitted(1)
    slots = [SlotFactory() for _ in range(8)]

    outcomes = at_once([partial(hold, admission, slot) for slot in slots])

    assert {type(outcome) for outcome in outcomes} == {list}
    held = Reservation.objects.get(status=ReservationStatus.HELD)
    assert sum(booked(*slots)) == 1
    assert booked(held.slot) == [1]


@pytest.mark.django_db(transaction=True)
def test_confirming_at_once_confirms_once():
    reservation = ReservationFactory(held=True)
    confirm = partial(confirm_hold, person_id=reservation.person_id, key=reservation.key)

    outcomes = at_once([confirm] * 10)

    assert [[one.number for one in outcome] for outcome in outcomes] == [[reservation.number]] * 10
    assert Message.objects.filter(kind="confirmed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_confirming_and_taking_back_at_the_last_moment_agree(clock):
    slot, now = SlotFactory(capacity=20), clock.freeze()
    held = [hold(admission, slot)[0] for admission in admitted(20)]
    last = now + HOLD_LIFETIME
    confirms = [partial(confirm_hold, person_id=one.person_id, key=one.key) for one in held]
    clock.move_to(last - timedelta(microseconds=1))

    outcomes = at_once([*confirms, *[partial(take_back_holds, now=last)] * 4])

    confirmed = sum(isinstance(outcome, list) for outcome in outcomes[:20])
    lapsed = sum(isinstance(outcome, HoldLapsed) for outcome in outcomes[:20])
    assert confirmed + lapsed == 20
    assert slot.reservations.taking().count() == confirmed
    assert booked(slot) == [confirmed]
