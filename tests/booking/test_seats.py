"""A free seat, and a day for the second dose, are one thing in Python and in SQL."""

from datetime import timedelta

import pytest
from django.db import connection

from booking.models import Slot
from booking.models.clinics import HAS_SEAT, has_seat, seats_left
from booking.rules import day_of
from booking.services.courses import best_seconds, interval_of
from database.functions import source_of
from tests.factories import PersonFactory, SlotFactory, VaccineFactory

LEFT = f"SELECT {seats_left()}, {has_seat()} FROM booking_slot AS slot WHERE id = %s"  # noqa: S608


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("capacity", "margin", "booked"),
    [(0, 0, 0), (1, 0, 0), (1, 0, 1), (20, 2, 19), (20, 2, 20), (20, 2, 21), (20, 2, 22)],
)
def test_a_free_seat_is_counted_alike(capacity, margin, booked):
    slot = SlotFactory(capacity=capacity, margin=margin, booked=booked)

    with connection.cursor() as cursor:
        cursor.execute(LEFT, [slot.pk])
        in_sql = cursor.fetchone()
    in_query = Slot.objects.filter(HAS_SEAT, pk=slot.pk).exists()

    assert in_sql == (slot.left, slot.left > 0)
    assert in_query == (slot.left > 0)


def test_the_fast_hold_repeats_the_rule_of_a_free_seat():
    """Once for one slot, where the row has no other name, and once for two."""
    text = source_of("booking", "booking_hold_at_once", 1)

    assert text.count(has_seat("slot").replace("slot.", "")) == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("least", "best", "most"), [(0, 0, 0), (21, 28, 42), (28, 28, 28), (0, 1, 300)]
)
def test_second_doses_lie_within_the_interval_of_the_vaccine(least, best, most):
    vaccine = VaccineFactory(double=True, min_days=least, best_days=best, max_days=most)
    first = SlotFactory(vaccine=vaccine)
    days = {least - 1, least, most, most + 1} - {-1}
    seconds = [
        SlotFactory(
            clinic=first.clinic,
            vaccine=vaccine,
            starts_at=first.starts_at + timedelta(days=day, minutes=30),
        )
        for day in days
    ]

    offered = best_seconds(PersonFactory().pk, first.pk)

    interval, on = interval_of(vaccine), day_of(first.starts_at)
    fitting = {slot.pk for slot in seconds if interval.fits(on, day_of(slot.starts_at))}
    assert set(offered) == fitting != set()
