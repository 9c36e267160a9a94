"""The pages of a family that books side by side."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import localdate

from booking.models import Reservation
from booking.services.holds import release_hold
from eligibility.services.family import end_proxy
from tests.booking.family import Family, address, beside, taken, with_two_doses
from tests.booking.test_path import heading, page, slots_on
from tests.eligibility.signing_in import FamilyClient, sign_in
from tests.factories import (
    AdmissionFactory,
    PersonFactory,
    SlotFactory,
)
from waiting_room.models import Admission

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("every_invariant_holds"),
]


def test_other_second_doses_are_chosen_together(family):
    slot, later = with_two_doses(later_seats=2)
    other = beside(later, 2 * 24 * 60, capacity=2)
    full = beside(later, 3 * 24 * 60, capacity=1)
    family.hold(slot)
    choose = address("together_second", family)

    shown = family.browser.get(choose, {"date": f"{localdate(other.starts_at)}"})
    refused = family.browser.post(choose, {"second": full.pk})
    chosen = family.browser.post(choose, {"second": other.pk}, follow=True)

    assert re.findall(r'name="second" value="(\d+)"', page(shown)) == [str(other.pk)]
    assert refused.status_code == 409
    assert heading(chosen) == "Confirm your times side by side"
    doses = Reservation.objects.filter(status="held").order_by("dose", "pk")
    assert [row.slot_id for row in doses] == [slot.pk, slot.pk, other.pk, other.pk]
    assert taken() == [2, 0, 2, 0]


@pytest.mark.parametrize("who", ["son", "mother"])
def test_the_page_of_a_single_hold_says_with_whom_it_is_kept(family, who):
    held = dict(zip(("son", "mother"), family.hold(SlotFactory()), strict=True))[who]
    browser = FamilyClient(headers={"accept-language": "en"})
    sign_in(browser, getattr(family, who))

    shown = browser.get(reverse("confirm"))
    refused = browser.post(reverse("confirm"), {"key": held.key})
    before = family.statuses()
    alone = browser.post(reverse("confirm"), {"key": held.key, "alone": held.party})

    assert "This time is kept together with places of your family." in page(shown)
    assert "Book this one alone" in page(shown)
    assert f'name="alone" value="{held.party}"' in page(shown)
    assert (address("together_confirm", family) in page(shown)) == (who == "son")
    assert refused.status_code == 409
    assert before == ["held", "held"]
    assert alone.status_code == 302
    assert sorted(family.statuses()) == ["confirmed", "held"]


def test_a_hold_of_nobody_else_has_no_such_words(inside):
    slot = SlotFactory()

    shown = inside.post(reverse("hold"), {"slot": slot.pk})

    assert "Book this one alone" not in page(shown)
    assert 'name="alone"' not in page(shown)


def test_from_the_family_page_to_both_receipts(family):
    family.mother.name = "김영희"
    family.mother.save()
    slot = SlotFactory(capacity=2)
    browser = family.browser

    listed = browser.get(reverse("family"))
    times = browser.get(address("together", family))
    confirm = browser.post(address("together", family), {"slot": slot.pk}, follow=True)
    keys = {"key": re.findall(r'name="key" value="([0-9a-f-]{36})"', page(confirm))}
    booked = browser.post(address("together_confirm", family), keys, follow=True)
    again = browser.get(address("together", family))

    assert reverse("together", args=[family.proxy.pk]) in page(listed)
    assert heading(times) == "Choose a time for all of you"
    assert slots_on(times) == [slot.pk]
    assert heading(confirm) == "Confirm your times side by side"
    assert f"<h2>{family.son.name}</h2>" in page(confirm)
    assert "<h2>김영희</h2>" in page(confirm)
    assert heading(booked) == heading(again) == "All of you are booked"
    assert "As soon as all of you are inside" not in page(again)
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


def test_a_day_with_too_few_places_for_all_is_not_offered(family):
    alone = SlotFactory(capacity=1)
    two = beside(alone, 24 * 60, capacity=2)

    times = family.browser.get(address("together", family))

    assert slots_on(times) == [two.pk]
    assert f"date={localdate(alone.starts_at)}" not in page(times)
    assert f"date={localdate(two.starts_at)}" in page(times)


def test_who_is_not_inside_reads_where_both_stand(family):
    Admission.objects.filter(pk=family.admissions[1].pk).update(
        ended_at="2026-01-01T00:00Z", ending="left"
    )

    shown = family.browser.get(address("together", family))
    posted = family.browser.post(address("together", family), {"slot": SlotFactory().pk})

    for response in (shown, posted):
        assert heading(response) == "Book side by side"
        assert f"<dt>{family.mother.name}</dt>" in page(response)
    assert not Reservation.objects.exists()


def test_a_page_of_both_says_what_is_left_when_one_was_given_up(family):
    slot = SlotFactory()
    held = family.hold(slot)
    release_hold(person_id=family.mother.pk)

    keys = {"key": [row.key for row in held]}
    refused = family.browser.post(address("together_confirm", family), keys)

    assert refused.status_code == 409
    left = [person for person, _row in refused.context["left"]]
    assert left == [family.son]
    assert f"{family.son.name}:" in page(refused)
    assert family.statuses() == ["held", "released"]


def test_more_time_and_giving_up_by_the_page(family):
    held = family.hold(SlotFactory())
    keys = {"key": [row.key for row in held]}

    family.browser.post(address("together_extend", family), keys | {"extension": 1})
    extended = set(Reservation.objects.values_list("extensions", flat=True))
    given_up = family.browser.post(address("together_release", family))

    assert extended == {1}
    assert given_up.url == address("together", family)
    assert family.statuses() == ["released", "released"]


def test_the_people_are_chosen_on_the_page_of_the_family():
    family = Family(*[AdmissionFactory() for _ in range(3)])
    first, second = family.party.proxies
    who = reverse("together_people")
    browser = family.browser

    listed = browser.get(reverse("family"))
    all_of_them = browser.get(who, {"with": ["me", first.pk, second.pk]})
    parents = browser.get(who, {"with": [first.pk, second.pk]})
    of_one = browser.get(who, {"with": [second.pk]}, follow=True)
    nobody = browser.get(who, {"with": ["me", "../", "x-1"]})

    assert f'action="{who}"' in page(listed)
    assert all_of_them.url == reverse("together", args=[f"me-{first.pk}-{second.pk}"])
    assert parents.url == reverse("together", args=[f"{first.pk}-{second.pk}"])
    assert family.son.name in page(of_one)
    assert nobody.url == reverse("family")


@pytest.mark.parametrize("party", ["me", "me-me-{0}", "{0}-{0}", "{0}-x", "{0}-99999999", "-"])
def test_a_party_that_can_not_be_is_not_found(family, party):
    named = party.format(family.proxy.pk)

    answer = family.browser.get(reverse("together", args=[named]))

    assert answer.status_code == 404


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
