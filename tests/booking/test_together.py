"""A family side by side at one clinic: held and confirmed all, or nobody."""

import threading
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from booking.exceptions import (
    HeldWithOthers,
    HoldLapsed,
    NoLongerFor,
    NoPlaceBeside,
    NotCalled,
    NothingHeld,
    Refused,
    SlotFull,
)
from booking.models import Reservation, Slot
from booking.services.confirmations import confirm_hold
from booking.services.holds import HOLD_LIFETIME, hold_slot, release_hold
from booking.services.together import (
    confirm_together,
    extend_together,
    held_together,
    hold_together,
    release_together,
)
from eligibility.models import Person, Proxy
from eligibility.services.family import end_proxy
from messaging.models import Message
from tests.booking.family import Family, address, beside, taken, with_two_doses
from tests.booking.test_path import page, slots_on
from tests.concurrency import at_once
from tests.crowd import admit
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    ReservationFactory,
    RoomFactory,
    SlotFactory,
    VaccineFactory,
)
from waiting_room.models import Admission

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("every_invariant_holds"),
]


def test_both_sit_at_the_same_time_where_it_has_two_places(family):
    slot = SlotFactory(capacity=2)
    beside(slot, 10)

    own, hers = family.hold(slot)

    assert (own.person, hers.person) == (family.son, family.mother)
    assert own.slot_id == hers.slot_id == slot.pk
    assert own.held_until == hers.held_until
    assert own.key != hers.key


@pytest.mark.parametrize(("minutes", "found"), [(60, True), (-60, True), (61, False)])
def test_else_within_an_hour_at_the_same_clinic(family, minutes, found):
    slot = SlotFactory(capacity=1)
    other = beside(slot, minutes)
    beside(slot, 0, clinic=ClinicFactory())

    if found:
        assert [row.slot_id for row in family.hold(slot)] == [slot.pk, other.pk]
        return
    with pytest.raises(NoPlaceBeside):
        family.hold(slot)
    assert not Reservation.objects.exists()
    assert sum(taken()) == 0


def test_a_time_that_is_full_or_nobody_may_have_holds_for_neither(family):
    full = ReservationFactory(slot=SlotFactory(capacity=1)).slot
    beside(full, 10)
    with pytest.raises(SlotFull):
        family.hold(full)
    Admission.objects.filter(pk=family.admissions[1].pk).update(
        ended_at="2026-01-01T00:00Z", ending="left"
    )
    slot = SlotFactory()
    with pytest.raises(NotCalled):
        family.hold(slot)

    assert family.statuses() == ["", ""]
    assert Slot.objects.get(pk=slot.pk).booked == 0


def test_the_vaccine_of_each_ones_own_cohort_is_found_beside():
    mine, hers = VaccineFactory(), VaccineFactory()
    rooms = [RoomFactory(), RoomFactory()]
    for room, vaccine in zip(rooms, (mine, hers), strict=True):
        room.cohort.vaccines = [vaccine.code]
        room.cohort.save()
    family = Family(*(AdmissionFactory(room=room) for room in rooms))
    slot = SlotFactory(vaccine=mine)
    other = beside(slot, 20, vaccine=hers)

    assert [row.slot_id for row in family.hold(slot)] == [slot.pk, other.pk]


def test_pressing_again_is_the_same_and_another_time_exchanges_both(family, clock):
    now = clock.freeze()
    slot, later = SlotFactory(), SlotFactory()
    first = family.hold(slot)

    again = family.hold(slot)
    clock.forward(minutes=2)
    exchanged = family.hold(later)

    assert [row.pk for row in again] == [row.pk for row in first]
    assert {row.held_until for row in exchanged} == {now + HOLD_LIFETIME}
    assert taken() == [0, 2]


def test_a_hold_of_one_alone_is_exchanged_for_both(family):
    slot, later = SlotFactory(), SlotFactory()
    hold_slot(person_id=family.mother.pk, slot_id=slot.pk, admission_id=family.admissions[1].pk)

    family.hold(later)

    assert taken() == [0, 2]
    assert family.statuses() == ["held", "held"]


def test_both_are_booked_with_a_message_each_in_their_own_language(family):
    Person.objects.filter(pk=family.mother.pk).update(language="vi")

    booked = family.confirm(family.hold(SlotFactory()))
    again = family.confirm(booked)

    assert family.statuses() == ["confirmed", "confirmed"]
    assert [row.pk for row in again] == [row.pk for row in booked]
    assert Reservation.objects.get(person=family.mother).language == "vi"
    to = Message.objects.filter(kind="confirmed").values_list("person_id", flat=True)
    assert sorted(to) == sorted([family.son.pk, family.mother.pk])


@pytest.mark.parametrize("why", ["lapsed", "given up", "ended", "forged"])
def test_what_can_not_be_confirmed_for_both_is_booked_for_neither(family, why, clock):
    clock.freeze()
    held = family.hold(SlotFactory())
    refusal: type[Refused] = HoldLapsed
    if why == "lapsed":
        clock.move_to(held[0].held_until)
    elif why == "given up":
        release_hold(person_id=family.mother.pk)
        refusal = Refused
    elif why == "ended":
        end_proxy(proxy=family.proxy, by=family.mother)
        refusal = NoLongerFor
    else:
        held[1].key = held[0].key
        refusal = NothingHeld

    with pytest.raises(refusal):
        family.confirm(held)

    assert "confirmed" not in family.statuses()
    assert not Message.objects.filter(kind="confirmed").exists()


@pytest.mark.parametrize("seats", [[5], [2, 2, 1], [1, 1, 1, 1, 1]])
def test_five_people_are_seated_within_an_hour(seats):
    family = Family(*[AdmissionFactory() for _ in range(5)])
    slot = SlotFactory(capacity=seats[0])
    for at, capacity in enumerate(seats[1:], start=1):
        beside(slot, 15 * at, capacity=capacity)

    held = family.hold(slot)
    booked = family.confirm(held)

    assert held[0].slot_id == slot.pk
    assert taken() == seats
    assert len({row.held_until for row in held}) == 1
    assert len({row.key for row in held}) == 5
    assert [row.person_id for row in booked] == family.party.ids
    assert family.statuses() == ["confirmed"] * 5


def test_whoever_has_one_possible_place_gets_it():
    """The mother comes first and may have either vaccine; her sister may have one alone."""
    any_, rare = VaccineFactory(), VaccineFactory()
    rooms = [RoomFactory(), RoomFactory(), RoomFactory()]
    for room, vaccines in zip(rooms, ([any_.code], [], [rare.code]), strict=True):
        room.cohort.vaccines = vaccines
        room.cohort.save()
    family = Family(*(AdmissionFactory(room=room) for room in rooms))
    slot = SlotFactory(vaccine=any_, capacity=1)
    near = beside(slot, 10, vaccine=rare, capacity=1)
    late = beside(slot, 50, vaccine=any_, capacity=1)

    times = family.browser.get(address("together", family))
    held = family.hold(slot)

    assert [row.slot_id for row in held] == [slot.pk, late.pk, near.pk]
    assert slot.pk in slots_on(times)


def test_parents_are_booked_by_somebody_who_is_not():
    family = Family(*[AdmissionFactory() for _ in range(3)])
    parents = replace(family.party, with_oneself=False)
    admissions = {each.ticket.person_id: each.pk for each in family.admissions[1:]}

    held = hold_together(party=parents, admissions=admissions, slot_id=SlotFactory().pk)
    confirm_together(party=parents, keys={row.person_id: row.key for row in held})

    assert family.statuses() == ["", "confirmed", "confirmed"]


# -- both doses --------------------------------------------------------------------------------


def test_second_doses_are_kept_side_by_side_too(family):
    slot, later = with_two_doses(later_seats=2)

    held = family.hold(slot)
    booked = family.confirm(held)

    assert [(row.dose, row.slot_id) for row in held] == [(1, slot.pk), (2, later.pk)] * 2
    assert len({row.key for row in held}) == 2
    assert [row.dose for row in booked] == [1, 2, 1, 2]
    assert taken() == [2, 2]


def test_other_second_doses_leave_first_ones_at_times_that_the_family_fills(family):
    slot, later = with_two_doses(later_seats=2)
    Slot.objects.filter(pk=slot.pk).update(capacity=1)
    near = beside(slot, 20, capacity=1)
    other = beside(later, 2 * 24 * 60, capacity=2)
    family.hold(slot)

    held = family.hold(slot, second_id=other.pk)

    assert [row.slot_id for row in held] == [slot.pk, other.pk, near.pk, other.pk]
    assert taken() == [1, 0, 1, 2]


def test_without_room_for_all_no_second_dose_is_kept(family):
    slot, _later = with_two_doses(later_seats=1)

    held = family.hold(slot)
    confirm = family.browser.get(address("together_confirm", family))

    assert [row.dose for row in held] == [1, 1]
    assert taken() == [2, 0]
    assert "The second doses are not kept yet." in page(confirm)
    assert address("together_second", family) in page(confirm)


# -- nobody is parted from the others by accident ----------------------------------------------


def test_a_hold_of_a_party_is_not_confirmed_alone_by_accident(family):
    own, hers = family.hold(SlotFactory())

    with pytest.raises(HeldWithOthers):
        confirm_hold(person_id=family.mother.pk, key=hers.key)
    assert family.statuses() == ["held", "held"]
    confirm_hold(person_id=family.mother.pk, key=hers.key, party=hers.party)
    confirm_hold(person_id=family.son.pk, key=own.key)

    assert family.statuses() == ["confirmed", "confirmed"]


@pytest.mark.parametrize("why", ["given up", "lapsed"])
def test_what_the_others_do_not_hold_any_more_leaves_the_rest_free(family, why, clock):
    own, hers = family.hold(SlotFactory())
    if why == "given up":
        release_hold(person_id=family.mother.pk)
    else:
        now = clock.now()
        Reservation.objects.filter(pk=hers.pk).update(held_until=now - timedelta(seconds=1))

    confirm_hold(person_id=family.son.pk, key=own.key)

    assert family.statuses()[0] == "confirmed"


def test_nobody_of_a_party_is_left_out():
    family = Family(*[AdmissionFactory() for _ in range(3)])
    held = family.hold(SlotFactory())
    pair = replace(family.party, proxies=family.party.proxies[:1])

    with pytest.raises(HeldWithOthers):
        confirm_together(party=pair, keys={row.person_id: row.key for row in held[:2]})

    assert family.statuses() == ["held"] * 3
    assert held_together(pair) == []


def test_more_time_and_giving_up_are_of_both(family, clock):
    now = clock.freeze()
    held = family.hold(SlotFactory())
    keys = {row.person_id: row.key for row in held}

    extend_together(party=family.party, keys=keys, extension=1)
    extend_together(party=family.party, keys=keys, extension=1)
    ends = set(Reservation.objects.values_list("held_until", flat=True))
    release_together(party=family.party)

    assert ends == {now + 2 * HOLD_LIFETIME}
    assert family.statuses() == ["released", "released"]
    assert taken() == [0]


# -- races -------------------------------------------------------------------------------------


def refusals(outcomes: list) -> Counter:
    unexpected = [
        one for one in outcomes if isinstance(one, Exception) and not isinstance(one, Refused)
    ]
    assert unexpected == []
    return Counter(type(one).__name__ for one in outcomes)


def halves() -> list[int]:
    """People who hold a place while the other of their family does not."""
    held = set(Reservation.objects.filter(status="held").values_list("person_id", flat=True))
    return [
        proxy.pk
        for proxy in Proxy.objects.all()
        if (proxy.person_id in held) != (proxy.by_id in held)
    ]


def families(count: int, *, size: int = 2) -> list[Family]:
    admissions = admit(RoomFactory(), size * count)
    return [Family(*admissions[at : at + size]) for at in range(0, size * count, size)]


@pytest.mark.parametrize(("size", "capacity"), [(2, 3), (4, 7)])
def test_the_last_places_go_to_one_family(size, capacity):
    all_families = families(4, size=size)
    slot = SlotFactory(capacity=capacity)

    outcomes = at_once([partial(each.hold, slot) for each in all_families])

    assert refusals(outcomes)["list"] == 1
    assert halves() == []
    assert Slot.objects.get().booked == size


def test_a_careless_hold_one_after_the_other_leaves_half_a_family():
    """The twin of the test above, without the one transaction."""
    all_families = families(3)
    slot = SlotFactory(capacity=3)
    every_first = threading.Barrier(len(all_families))

    def careless(each: Family) -> None:
        hold_slot(person_id=each.son.pk, slot_id=slot.pk, admission_id=each.admissions[0].pk)
        every_first.wait(timeout=30)
        with suppress(SlotFull):
            hold_slot(person_id=each.mother.pk, slot_id=slot.pk, admission_id=each.admissions[1].pk)

    at_once([partial(careless, each) for each in all_families])

    assert len(halves()) == 3


def test_families_that_cross_do_not_wait_for_each_other():
    """Each of the two acts for the other, and both exchange two times in opposite order."""
    one = Family()
    other = Family(*reversed(one.admissions))
    early = SlotFactory(capacity=2)
    late = beside(early, 240, capacity=2)

    for here, there in [(early, late), (late, early)] * 4:
        outcomes = at_once([partial(one.hold, here), partial(other.hold, there)])
        assert refusals(outcomes) == {"list": 2}
        assert halves() == []
    assert sum(taken()) == 2


def test_two_families_that_exchange_their_times_do_not_wait_for_each_other():
    one, other = families(2)
    early = SlotFactory(capacity=4)
    late = beside(early, 240, capacity=4)
    one.hold(early)
    other.hold(late)

    for here, there in [(late, early), (early, late)] * 4:
        outcomes = at_once([partial(one.hold, here), partial(other.hold, there)])
        assert refusals(outcomes) == {"list": 2}
    assert taken() == [2, 2]


@pytest.mark.parametrize("round_", range(3))
def test_giving_up_ending_and_confirming_at_once_leave_no_half(family, round_):
    held = family.hold(SlotFactory())
    acts = [
        partial(family.confirm, held),
        partial(release_hold, person_id=family.mother.pk),
        partial(confirm_hold, person_id=family.mother.pk, key=held[1].key, party=held[1].party),
        partial(end_proxy, proxy=family.proxy, by=family.mother),
    ]

    outcomes = at_once(acts[round_:] + acts[:round_])

    unexpected = [
        one for one in outcomes if isinstance(one, Exception) and not isinstance(one, Refused)
    ]
    assert unexpected == []
    # He is booked with her or not at all; she may book or give up her own.
    own, hers = family.statuses()
    assert own != "confirmed" or hers == "confirmed"
