"""Two people side by side at one clinic: held and confirmed both, or neither."""

import re
import threading
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from functools import partial

import pytest
from django.urls import reverse

from booking.exceptions import (
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
    Pair,
    confirm_together,
    extend_together,
    hold_together,
    release_together,
)
from eligibility.models import Person, Proxy
from eligibility.services.family import end_proxy
from messaging.models import Message
from tests.booking.test_path import heading, page, slots_on
from tests.concurrency import at_once
from tests.crowd import admit
from tests.eligibility.signing_in import FamilyClient, sign_in
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    PersonFactory,
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


class Family:
    """A son and his mother, both inside, for whom he may act; and his browser."""

    def __init__(self, own=None, hers=None) -> None:
        self.own, self.hers = own or AdmissionFactory(), hers or AdmissionFactory()
        self.son, self.mother = self.own.ticket.person, self.hers.ticket.person
        self.proxy = Proxy.objects.create(person=self.mother, by=self.son)
        self.browser = FamilyClient(headers={"accept-language": "en"})
        sign_in(self.browser, self.son)

    @property
    def pair(self) -> Pair:
        return Pair(self.proxy, self.own.pk, self.hers.pk)

    def hold(self, slot: Slot) -> list[Reservation]:
        return hold_together(pair=self.pair, slot_id=slot.pk)

    def confirm(self, held: list[Reservation]) -> list[Reservation]:
        return confirm_together(proxy=self.proxy, keys={row.person_id: row.key for row in held})

    def statuses(self) -> list[str]:
        """Of the last reservation of each, the son's first."""
        rows = Reservation.objects.order_by("pk")
        last = {row.person_id: row.status for row in rows}
        return [last.get(self.son.pk, ""), last.get(self.mother.pk, "")]


@pytest.fixture
def family() -> Family:
    return Family()


def address(name: str, family: Family) -> str:
    return reverse(name, args=[family.proxy.pk])


def taken() -> list[int]:
    return list(Slot.objects.order_by("pk").values_list("booked", flat=True))


def beside(slot: Slot, minutes: int, **values) -> Slot:
    starts_at = slot.starts_at + timedelta(minutes=minutes)
    values = {"clinic": slot.clinic, "vaccine": slot.vaccine, **values}
    return SlotFactory(starts_at=starts_at, **values)


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
    Admission.objects.filter(pk=family.hers.pk).update(ended_at="2026-01-01T00:00Z", ending="left")
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
    hold_slot(person_id=family.mother.pk, slot_id=slot.pk, admission_id=family.hers.pk)

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


def test_more_time_and_giving_up_are_of_both(family, clock):
    now = clock.freeze()
    held = family.hold(SlotFactory())
    keys = {row.person_id: row.key for row in held}

    extend_together(proxy=family.proxy, keys=keys, extension=1)
    extend_together(proxy=family.proxy, keys=keys, extension=1)
    ends = set(Reservation.objects.values_list("held_until", flat=True))
    release_together(proxy=family.proxy)

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


def families(count: int) -> list[Family]:
    admissions = admit(RoomFactory(), 2 * count)
    return [Family(*admissions[at : at + 2]) for at in range(0, 2 * count, 2)]


def test_the_last_two_places_go_to_one_family():
    all_families = families(4)
    slot = SlotFactory(capacity=3)

    outcomes = at_once([partial(each.hold, slot) for each in all_families])

    assert refusals(outcomes)["list"] == 1
    assert halves() == []
    assert Slot.objects.get().booked == 2


def test_a_careless_hold_one_after_the_other_leaves_half_a_family():
    """The twin of the test above, without the one transaction."""
    all_families = families(3)
    slot = SlotFactory(capacity=3)
    every_first = threading.Barrier(len(all_families))

    def careless(each: Family) -> None:
        hold_slot(person_id=each.son.pk, slot_id=slot.pk, admission_id=each.own.pk)
        every_first.wait(timeout=30)
        with suppress(SlotFull):
            hold_slot(person_id=each.mother.pk, slot_id=slot.pk, admission_id=each.hers.pk)

    at_once([partial(careless, each) for each in all_families])

    assert len(halves()) == 3


def test_families_that_cross_do_not_wait_for_each_other():
    """Each of the two acts for the other, and both exchange two times in opposite order."""
    one = Family()
    other = Family(one.hers, one.own)
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
        partial(confirm_hold, person_id=family.mother.pk, key=held[1].key),
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


# -- pages -------------------------------------------------------------------------------------


def test_from_the_family_page_to_both_receipts(family):
    family.mother.name = "김영희"
    family.mother.save()
    slot = SlotFactory(capacity=2)
    browser = family.browser

    listed = browser.get(reverse("family"))
    times = browser.get(address("together", family))
    confirm = browser.post(address("together", family), {"slot": slot.pk}, follow=True)
    keys = dict(re.findall(r'name="(own|theirs)" value="([0-9a-f-]{36})"', page(confirm)))
    booked = browser.post(address("together_confirm", family), keys, follow=True)

    assert address("together", family) in page(listed)
    assert heading(times) == "Choose a time for you and 김영희"
    assert slots_on(times) == [slot.pk]
    assert heading(confirm) == "Confirm the time of both"
    assert f"<h2>{family.son.name}</h2>" in page(confirm)
    assert "<h2>김영희</h2>" in page(confirm)
    assert heading(booked) == "Both of you are booked"
    own = Reservation.objects.get(person=family.son)
    assert reverse("reservation", args=[own.number]) in page(booked)
    assert reverse("family_act", args=[family.proxy.pk]) in page(booked)
    assert family.statuses() == ["confirmed", "confirmed"]


def test_only_times_with_a_place_for_both_are_shown(family):
    alone = SlotFactory(capacity=1)
    two = beside(alone, 180, capacity=2)
    near = beside(alone, 240 + 30, capacity=1)
    far = beside(alone, 600, capacity=1)

    times = family.browser.get(address("together", family))

    assert slots_on(times) == [two.pk]
    near.starts_at = two.starts_at + timedelta(minutes=60)
    assert far.pk not in slots_on(times)


def test_who_is_not_inside_reads_where_both_stand(family):
    Admission.objects.filter(pk=family.hers.pk).update(ended_at="2026-01-01T00:00Z", ending="left")

    shown = family.browser.get(address("together", family))
    posted = family.browser.post(address("together", family), {"slot": SlotFactory().pk})

    for response in (shown, posted):
        assert heading(response) == "Book both of us side by side"
        assert f"<dt>{family.mother.name}</dt>" in page(response)
    assert not Reservation.objects.exists()


def test_a_page_of_both_says_what_is_left_when_one_was_given_up(family):
    slot = SlotFactory()
    held = family.hold(slot)
    release_hold(person_id=family.mother.pk)

    keys = {"own": held[0].key, "theirs": held[1].key}
    refused = family.browser.post(address("together_confirm", family), keys)

    assert refused.status_code == 409
    left = [person for person, _row in refused.context["left"]]
    assert left == [family.son]
    assert f"{family.son.name}:" in page(refused)
    assert family.statuses() == ["held", "released"]


def test_more_time_and_giving_up_by_the_page(family):
    held = family.hold(SlotFactory())
    keys = {"own": held[0].key, "theirs": held[1].key}

    family.browser.post(address("together_extend", family), keys | {"extension": 1})
    extended = set(Reservation.objects.values_list("extensions", flat=True))
    given_up = family.browser.post(address("together_release", family))

    assert extended == {1}
    assert given_up.url == address("together", family)
    assert family.statuses() == ["released", "released"]


@pytest.mark.parametrize("name", ["together", "together_confirm", "together_extend"])
def test_nobody_else_opens_it(family, name):
    stranger = FamilyClient()
    sign_in(stranger, PersonFactory())
    hers = FamilyClient()
    sign_in(hers, family.mother)
    acting = FamilyClient()
    sign_in(acting, family.mother, by_id=family.son.pk)
    nobody = FamilyClient()
    ended = Family()
    end_proxy(proxy=ended.proxy, by=ended.son)

    assert stranger.get(address(name, family)).status_code == 404
    assert hers.get(address(name, family)).status_code == 404
    assert acting.get(address(name, family)).url == reverse("eligibility")
    assert nobody.get(address(name, family)).url.startswith(reverse("identity"))
    assert ended.browser.get(address(name, ended)).status_code == 404
