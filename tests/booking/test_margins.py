"""The margin of a day: right in sum, spread over its times, within its bounds."""

from datetime import timedelta
from itertools import accumulate

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from booking.models import Clinic, Slot, Stock
from booking.rules import SlotLoad, spread_margin
from booking.services.slots import set_margins
from booking.verifying import verify
from tests.booking.test_offers import entry
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    ReservationFactory,
    SlotFactory,
    VaccineFactory,
)

capacities = st.lists(st.integers(0, 40), max_size=30)
percents = st.integers(0, 20)
stocks = st.none() | st.integers(0, 900)


@st.composite
def openings(draw) -> list[SlotLoad]:
    times = [SlotLoad(capacity) for capacity in draw(capacities)]
    return [SlotLoad(one.capacity, draw(st.integers(0, one.max_margin))) for one in times]


def gain_of(times: list[SlotLoad], percent: int, doses: int | None) -> int:
    """In whole numbers: what the day may take on top."""
    capacity = sum(one.capacity for one in times)
    gain = capacity * percent // 100
    return gain if doses is None else min(gain, doses * (100 + percent) // 100 - capacity)


@given(times=openings(), percent=percents, doses=stocks)
def test_a_day_never_takes_more_than_its_share_its_doses_and_what_is_booked(times, percent, doses):
    margins = spread_margin(times, percent / 100, doses)

    overbooked = sum(one.overbooked for one in times)
    assert sum(margins) <= max(gain_of(times, percent, doses), overbooked)
    for one, margin in zip(times, margins, strict=True):
        assert one.overbooked <= margin <= one.max_margin


@given(sizes=capacities, percent=percents, doses=stocks)
def test_nothing_is_given_early_and_nothing_is_left_that_a_time_could_take(sizes, percent, doses):
    times = [SlotLoad(size) for size in sizes]
    gain = max(0, gain_of(times, percent, doses))

    margins = spread_margin(times, percent / 100, doses)

    given_by = list(accumulate(margins))
    upto = list(accumulate(sizes))
    due_by = [gain * part // upto[-1] if part else 0 for part in upto]
    assert all(given <= due for given, due in zip(given_by, due_by, strict=True))
    for number, (one, margin) in enumerate(zip(times, margins, strict=True)):
        if margin < one.max_margin:
            later = zip(given_by[number:], due_by[number:], strict=True)
            assert any(given == due for given, due in later)


@given(size=st.integers(5, 40), count=st.integers(1, 60), percent=st.integers(0, 10))
def test_a_day_of_equal_times_gains_what_one_time_for_all_would(size, count, percent):
    margins = spread_margin([SlotLoad(size)] * count, percent / 100)

    assert sum(margins) == size * count * percent // 100
    assert max(margins) - min(margins) <= 1


@given(times=openings(), percent=percents, doses=stocks)
def test_what_is_booked_on_the_margin_changes_nothing(times, percent, doses):
    margins = spread_margin(times, percent / 100, doses)

    full = [SlotLoad(one.capacity, margin) for one, margin in zip(times, margins, strict=True)]

    assert spread_margin(full, percent / 100, doses) == margins


def clinic_with(rate: float, percent: int = 20) -> Clinic:
    return ClinicFactory(no_show_rate=rate, margin_percent=percent)


def day_of_times(clinic, sizes, **values) -> list[Slot]:
    vaccine = values.pop("vaccine", None) or VaccineFactory()
    start = timezone.localtime().replace(hour=9, minute=0, second=0, microsecond=0)
    # Written last hour first: the order of the day is not that of the ids.
    slots = [
        SlotFactory(
            clinic=clinic,
            vaccine=vaccine,
            capacity=size,
            starts_at=start + timedelta(days=2, minutes=10 * number),
        )
        for number, size in reversed(list(enumerate(sizes)))
    ]
    return slots[::-1]


def margins_of(slots) -> list[int]:
    stored = dict(Slot.objects.values_list("pk", "margin"))
    return [stored[slot.pk] for slot in slots]


@pytest.mark.django_db
def test_times_for_six_people_gain_a_tenth_over_the_day():
    """One by one each of them would gain nothing."""
    clinic = clinic_with(0.1)
    slots = day_of_times(clinic, [6] * 10)

    set_margins(clinic=clinic, day=timezone.localtime(slots[0].starts_at).date())

    assert margins_of(slots) == [0, 1, 0, 1, 1, 0, 1, 0, 1, 1]


@pytest.mark.django_db
def test_times_too_small_for_a_margin_hand_their_part_on():
    clinic = clinic_with(0.1)
    slots = day_of_times(clinic, [4, 4, 4, 4, 4, 10, 10])

    set_margins(clinic=clinic, day=timezone.localtime(slots[0].starts_at).date())

    assert margins_of(slots) == [0, 0, 0, 0, 0, 2, 2]


@pytest.mark.django_db
def test_each_vaccine_has_a_margin_of_its_own():
    clinic = clinic_with(0.1)
    one, other = VaccineFactory(), VaccineFactory()
    firsts = day_of_times(clinic, [6, 6, 6], vaccine=one)
    seconds = day_of_times(clinic, [6, 6, 6], vaccine=other)
    on = timezone.localtime(firsts[0].starts_at).date()
    Stock.objects.create(clinic=clinic, vaccine=other, on=on, doses=17)

    set_margins(clinic=clinic, day=on)

    assert sum(margins_of(firsts)) == 1
    assert sum(margins_of(seconds)) == 0  # 17 doses and a tenth are 18 people


@pytest.mark.django_db(transaction=True)
def test_a_time_is_not_pushed_below_its_bookings_and_the_day_pays_for_it():
    clinic = clinic_with(0.1)
    slots = day_of_times(clinic, [6, 6, 6, 6])
    on = timezone.localtime(slots[0].starts_at).date()
    set_margins(clinic=clinic, day=on)
    assert margins_of(slots) == [0, 1, 0, 1]
    for _ in range(7):
        ReservationFactory(slot=slots[3])

    clinic.margin_percent = 5
    set_margins(clinic=clinic, day=on)

    # One of 24 is what the day gains now, and it is booked already.
    assert margins_of(slots) == [0, 0, 0, 1]


@pytest.mark.django_db(transaction=True)
def test_what_the_margin_adds_is_offered_in_the_order_of_the_list():
    clinic = clinic_with(0.2)
    slots = day_of_times(clinic, [5])
    for _ in range(5):
        ReservationFactory(slot=slots[0])
    first, second = entry(AdmissionFactory()), entry(AdmissionFactory())

    set_margins(clinic=clinic, day=timezone.localtime(slots[0].starts_at).date())

    assert [one.offers.count() for one in (first, second)] == [1, 0]
    assert [result.invariant.name for result in verify() if result.broken] == []


@pytest.mark.django_db
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    times=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 14)), min_size=1, max_size=8),
    rate=st.floats(0, 1),
    percent=percents,
    doses=st.none() | st.integers(0, 110),
)
def test_in_the_table_too_and_setting_it_twice_changes_nothing(times, rate, percent, doses):
    clinic = clinic_with(rate, percent)
    slots = day_of_times(clinic, [size for size, _booked in times])
    for slot, (size, booked) in zip(slots, times, strict=True):
        # Taken under an earlier, larger margin.
        Slot.objects.filter(pk=slot.pk).update(
            margin=size // 5, booked=min(booked, size + size // 5)
        )
    on = timezone.localtime(slots[0].starts_at).date()
    if doses is not None:
        Stock.objects.create(clinic=clinic, vaccine=slots[0].vaccine, on=on, doses=doses)

    first = set_margins(clinic=clinic, day=on)
    again = set_margins(clinic=clinic, day=on)

    rows = list(Slot.objects.filter(clinic=clinic))
    assert first == again == {slot.pk: slot.margin for slot in rows}
    assert all(slot.booked <= slot.capacity + slot.margin for slot in rows)
    capacity, share = sum(size for size, _booked in times), min(rate, percent / 100)
    kept = sum(max(0, slot.booked - slot.capacity) for slot in rows)
    allowed = capacity * share
    if doses is not None:
        allowed = min(allowed, doses * (1 + share) - capacity)
    assert sum(slot.margin for slot in rows) <= max(kept, allowed + 1e-3)
