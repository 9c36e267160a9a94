"""Parts of the day and "any hour" mean one thing everywhere."""

from datetime import time

import pytest

from booking.rules import ANY_HOUR, hours_of, is_any_hour, part_of


@pytest.mark.parametrize(
    ("at", "part"),
    [
        (time(0), "morning"),
        (time(11, 59), "morning"),
        (time(12), "afternoon"),
        (time(17, 59), "afternoon"),
        (time(18), "evening"),
        (time(23, 59), "evening"),
    ],
)
def test_each_time_lies_in_its_part_of_the_day(at, part):
    start, end = hours_of(part)

    assert part_of(at) == part
    assert start <= at < end


@pytest.mark.parametrize(
    ("start", "end", "any_hour"),
    [
        (*ANY_HOUR, True),
        (time(0), time(23, 59), True),
        (*hours_of("no part"), True),
        (time(0), time(23, 30), False),
        (time(0, 30), time(23, 59), False),
        (time(12), time(18), False),
    ],
)
def test_any_hour_leaves_out_no_appointment(start, end, any_hour):
    assert is_any_hour(start, end) is any_hour
