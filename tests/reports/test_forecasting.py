"""Forecasts of when a cohort is done, and how they are scored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.forecasting import LEAST_DAYS, ORIGINS, WEEK, Range, Score, forecast, score

doses = st.lists(st.integers(0, 500), min_size=LEAST_DAYS, max_size=70)


def test_an_even_pace_ends_on_its_day():
    assert forecast([10] * 20, 100) == Range(10, 10, 10)
    assert forecast([10] * 20, 101) == Range(11, 11, 11)


def test_weekdays_keep_their_rhythm():
    week = [100, 100, 100, 100, 100, 40, 0]

    found = forecast(week * 4, 540 * 3)

    assert found == Range(21, 21, 21)


@pytest.mark.parametrize(
    ("values", "left"), [([10] * (LEAST_DAYS - 1), 100), ([0] * 30, 1), ([1] * 30, 1000), ([], 5)]
)
def test_without_days_or_pace_there_is_no_forecast(values, left):
    assert forecast(values, left) is None


def test_who_is_done_is_done_today():
    assert forecast([], 0) == Range(0, 0, 0)


@given(doses, st.integers(1, 3000))
def test_a_range_is_in_order_and_always_the_same(values, left):
    found = forecast(values, left)

    assert found == forecast(values, left)
    if found is not None:
        assert 0 < found.low <= found.middle <= found.high


@given(doses, st.integers(1, 3000), st.integers(0, 500))
def test_more_people_take_no_less_time_at_an_even_pace(values, left, more):
    pace = [max(values[0], 1)] * 28
    found, later = forecast(pace, left), forecast(pace, left + more)

    assert later is None or (found is not None and found.middle <= later.middle)


@given(doses)
def test_a_score_counts_the_weeks_that_can_be_known(values):
    found = score(values)

    assert 0 <= found.held <= found.weeks <= ORIGINS
    assert found.weeks == min(max(len(values) - WEEK - LEAST_DAYS + 1, 0), ORIGINS)


def test_a_steady_pace_keeps_every_promise_and_a_break_keeps_few():
    assert score([10] * 63) == Score(28, 28)
    assert score([10] * 40 + [50] * 23).held < 14
