"""Both doses moved together, or neither; and why only some days are possible for one alone."""

import re
from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format

from booking.exceptions import NotConfirmed, SecondNotOpen, SlotFull, TooLate, WrongVaccine
from booking.models import OutsideDose, Reservation, Slot
from booking.services.both_doses import change_both
from booking.services.confirmations import confirm_hold
from booking.services.holds import hold_slot
from booking.verifying import verify
from messaging.models import Message
from tests.booking.test_path import browser_of, heading, page, slots_on
from tests.concurrency import at_once
from tests.factories import AdmissionFactory, ClinicFactory, SlotFactory, VaccineFactory, put_into
from web.times import moment

pytestmark = pytest.mark.django_db(transaction=True)


class Series:
    """A person with both doses booked, the second 28 days after the first."""

    def __init__(self, vaccine=None, first=None, second=None):
        self.vaccine = vaccine or VaccineFactory(double=True)
        self.admission = AdmissionFactory()
        self.person = self.admission.ticket.person
        first = first or SlotFactory(vaccine=self.vaccine)
        self.clinic = first.clinic
        second = second or self.slot(days=28, since=first)
        key = hold_slot(
            person_id=self.person.pk,
            slot_id=first.pk,
            second_id=second.pk,
            admission_id=self.admission.pk,
        )
        self.first, self.second = confirm_hold(person_id=self.person.pk, key=key)
        self.begins = first.starts_at

    def slot(self, days: int, since: Slot | None = None, **values) -> Slot:
        starts_at = (since.starts_at if since else self.begins) + timedelta(days=days)
        values = {"clinic": self.clinic, "vaccine": self.vaccine, **values}
        return SlotFactory(starts_at=starts_at, **values)

    def move(self, slot: Slot) -> list[Reservation]:
        return change_both(person_id=self.person.pk, slot_id=slot.pk, by="citizen")

    @property
    def days(self) -> list[int]:
        rows = Reservation.objects.filter(person=self.person, status="confirmed").order_by("dose")
        return [(row.slot.starts_at - self.begins).days for row in rows.select_related("slot")]


def taken() -> dict[int, int]:
    return {slot.pk: slot.booked for slot in Slot.objects.all() if slot.booked}


def broken() -> list[str]:
    return [result.invariant.name for result in verify() if result.broken]


def test_the_second_goes_along_where_it_does_not_fit_any_more():
    series = Series()
    first, second = series.slot(30), series.slot(58)
    series.slot(60)

    series.move(first)

    assert series.days == [30, 58]
    assert taken() == {first.pk: 1, second.pk: 1}
    assert broken() == []
    # One message about both.
    [message] = Message.objects.filter(kind="changed")
    assert message.text.count("차") >= 2 or message.text.count("Dose") == 2


def test_the_second_stays_where_it_fits():
    series = Series()
    first = series.slot(3)
    series.slot(31)

    series.move(first)

    assert series.days == [3, 28]
    assert Message.objects.filter(kind="changed").count() == 1


def test_without_a_second_time_both_stand_as_they_were():
    series = Series()
    before = taken()
    first = series.slot(60)
    series.slot(88, capacity=1, full=True)

    with pytest.raises(SecondNotOpen):
        series.move(first)

    assert series.days == [0, 28]
    assert {pk: n for pk, n in taken().items() if pk in before} == before
    assert Slot.objects.get(pk=first.pk).booked == 0


@pytest.mark.parametrize(
    ("why", "refusal"),
    [
        ("full", SlotFull),
        ("other vaccine", WrongVaccine),
        ("late", TooLate),
        ("given", NotConfirmed),
    ],
)
def test_what_is_not_possible_changes_nothing(why, refusal, clock):
    series = Series()
    other = VaccineFactory(double=True) if why == "other vaccine" else series.vaccine
    target = series.slot(30, vaccine=other, full=why == "full")
    series.slot(58)
    if why == "late":
        clock.move_to(series.begins - timedelta(minutes=1))
    if why == "given":
        put_into(series.first, "arrived")

    with pytest.raises(refusal):
        series.move(target)

    assert Reservation.objects.get(dose=2).slot.starts_at == series.begins + timedelta(days=28)


def test_moving_to_the_same_time_again_changes_nothing():
    series = Series()
    first = series.slot(30)
    series.slot(58)

    series.move(first)
    series.move(first)

    assert series.days == [30, 58]
    assert Message.objects.filter(kind="changed").count() == 1


def test_two_people_who_exchange_all_their_times_do_not_wait_for_each_other():
    """Four slots, each with one more seat: whoever locks them in another order than by id waits."""
    vaccine = VaccineFactory(double=True)
    one = Series(vaccine)
    early = SlotFactory(vaccine=vaccine, clinic=one.clinic, starts_at=one.begins + timedelta(40))
    late = one.slot(68)
    other = Series(vaccine, first=early, second=late)

    for _round in range(4):
        here, there = (
            Reservation.objects.get(person=each.person, dose=1).slot for each in (one, other)
        )
        outcomes = at_once([partial(one.move, there), partial(other.move, here)])
        assert [type(outcome) for outcome in outcomes] == [list, list]

    assert broken() == []
    assert one.days == [0, 28]
    assert sum(taken().values()) == 4


def test_the_last_second_time_goes_along_with_one_first():
    vaccine = VaccineFactory(double=True)
    clinic = ClinicFactory()
    first = SlotFactory(vaccine=vaccine, clinic=clinic)
    people = [Series(vaccine, first=first)]
    second = people[0].second.slot
    people += [Series(vaccine, first=first, second=second) for _ in range(3)]
    target = people[0].slot(60)
    last = people[0].slot(88, capacity=1)

    outcomes = at_once([partial(each.move, target) for each in people])

    assert Counter(type(outcome).__name__ for outcome in outcomes) == {
        "list": 1,
        "SecondNotOpen": 3,
    }
    assert Slot.objects.get(pk=last.pk).booked == 1
    assert Slot.objects.get(pk=target.pk).booked == 1
    assert broken() == []


def test_the_page_of_one_dose_says_why_and_leads_to_both():
    series = Series()
    browser = browser_of(series.admission)
    target, second = series.slot(30), series.slot(58)

    alone = browser.get(reverse("change", args=[series.first.number]))
    also = browser.get(reverse("change", args=[series.second.number]))
    both = re.search(r'href="([^"]*/change/both/)"', page(alone))[1]
    shown = browser.get(f"{both}?clinic={series.clinic.code}&date={target.starts_at:%Y-%m-%d}")
    moved = browser.post(both, {"slot": target.pk}, follow=True)

    on = date_format(timezone.localtime(second.starts_at) - timedelta(days=30), "D j M")
    today = date_format(timezone.localtime(), "D j M")
    with translation.override("en"):
        now_at = moment(series.begins)
    said = " ".join(re.sub(r"<[^<>]+>", " ", page(alone)).split())
    assert f"Your appointment of {now_at} is kept until you have a new one." in said
    assert f"Your second dose is on {on}. While it stays there, the first is" in said
    # Not from the day that the interval begins on, which is past.
    assert f"possible from {today} to" in said
    assert "Your first dose is on" in page(also)
    assert target.pk not in slots_on(alone)
    assert heading(shown) == "Choose another time for both doses"
    assert target.pk in slots_on(shown)
    assert "Move this dose alone" in page(shown)
    assert series.days == [30, 58]
    assert page(moved).count("Reservation number") == 1


def test_a_refusal_of_both_shows_the_times_again():
    series = Series()
    browser = browser_of(series.admission)
    target = series.slot(60)

    refused = browser.post(reverse("change_both", args=[series.first.number]), {"slot": target.pk})

    assert refused.status_code == 409
    assert "Both appointments stand as they were." in page(refused)
    assert series.days == [0, 28]


def test_a_dose_given_elsewhere_is_named_as_the_reason():
    vaccine = VaccineFactory(double=True)
    admission = AdmissionFactory()
    today = timezone.localdate()
    OutsideDose.objects.create(
        person=admission.ticket.person, dose=1, vaccine=vaccine, given_on=today, by="staff:1"
    )
    slot = SlotFactory(vaccine=vaccine, starts_at=timezone.now() + timedelta(days=28))
    key = hold_slot(
        person_id=admission.ticket.person_id, slot_id=slot.pk, admission_id=admission.pk
    )
    [second] = confirm_hold(person_id=admission.ticket.person_id, key=key)
    browser = browser_of(admission)

    shown = browser.get(reverse("change", args=[second.number]))
    both = browser.get(reverse("change_both", args=[second.number]))

    assert "A dose was given elsewhere: this one is possible from" in page(shown)
    assert "/change/both/" not in page(shown)
    assert both.url == reverse("change", args=[second.number])
