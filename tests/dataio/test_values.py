from datetime import UTC, date, datetime, time

import pytest

from dataio.values import BadValue, clock, day, decimal, line_of_text, moment, one_of, whole_number
from eligibility.enums import Order


@pytest.mark.parametrize(
    "text",
    ["1962-03-01", "19620301", "1962.3.1", "1962. 3. 1.", "1962/03/01", "１９６２－０３－０１"],
)
def test_day_takes_the_ways_people_write_it(text):
    assert day(text) == date(1962, 3, 1)


@pytest.mark.parametrize("text", ["1962-02-30", "62-03-01", "1962-W09-4", "1962-03/01", "196231"])
def test_day_refuses_what_is_no_day_without_repeating_it(text):
    with pytest.raises(BadValue) as refusal:
        day(text)

    assert text not in str(refusal.value)


@pytest.mark.parametrize("text", ["09:30", "0930", "9:30", "09:30:00"])
def test_clock_takes_a_time_of_day(text):
    assert clock(text) == time(9, 30)


@pytest.mark.parametrize("text", ["24:00", "09:60", "930", "아홉시"])
def test_clock_refuses_what_is_no_time(text):
    with pytest.raises(BadValue):
        clock(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-07-19T20:00", datetime(2026, 7, 19, 11, tzinfo=UTC)),
        ("2026-07-19 20:00", datetime(2026, 7, 19, 11, tzinfo=UTC)),
        ("2026-07-19T20:00Z", datetime(2026, 7, 19, 20, tzinfo=UTC)),
        ("2026-07-19T20:00+05:00", datetime(2026, 7, 19, 15, tzinfo=UTC)),
    ],
)
def test_moment_is_in_seoul_where_no_zone_is_given(text, expected):
    assert moment(text) == expected


def test_numbers_keep_to_their_range():
    assert whole_number(1, 500)("５００") == 500
    assert decimal(32, 40)("37.5665") == 37.5665
    for parse, text in [
        (whole_number(1, 500), "0"),
        (whole_number(1, 500), "1.5"),
        (whole_number(1, 500), "1e2"),
        (decimal(32, 40), "127.02"),
        (decimal(32, 40), "nan"),
    ]:
        with pytest.raises(BadValue):
            parse(text)


def test_one_of_names_the_choices():
    assert one_of(Order)("DRAW") is Order.DRAW
    with pytest.raises(BadValue, match="draw, fifo"):
        one_of(Order)("lottery")


def test_line_of_text_refuses_control_characters():
    assert line_of_text("서울  내과\t의원") == "서울 내과 의원"
    with pytest.raises(BadValue):
        line_of_text("서울\n내과")
