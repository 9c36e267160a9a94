"""The quick way of reading a line of a roster, against the careful one."""

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dataio.csv_in import Piece, row_reader
from eligibility import roster
from tests.clock import clock

HEADER = ["person_id", "name", "birth_date", "phone", "region", "district", "groups"]
ALL = [*HEADER, "last_dose_on", "refused_line", "refused_reason"]

cells = st.text(
    st.characters(codec="utf-8", exclude_characters='",\r\n\0', exclude_categories=["Cs"]),
    max_size=12,
)
rows = st.tuples(
    st.one_of(st.from_regex(r"K[0-9]{1,3}|[0-9]{6}-?[0-9]{7}[0-9A]?", fullmatch=True), cells),
    st.one_of(st.sampled_from(["홍길동", "홍 길동", "Kim Minjun", "길"]), cells),
    st.one_of(st.dates().map(str), st.from_regex(r"(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]"), cells),
    st.one_of(st.from_regex(r"010-?[0-9]{4}-?[0-9]{4}", fullmatch=True), cells),
    st.one_of(st.sampled_from(["서울", "부산광역시", " 서울 시", "가" * 21]), cells),
    st.one_of(st.sampled_from(["강남구", "", "\u3000"]), cells),
    st.one_of(st.sampled_from(["", "nurse", "nurse;doctor;", "간호사"]), cells),
    st.one_of(st.dates().map(str), st.just(""), cells),
    st.just("7"),
    cells,
)
GOOD = ("K1", "홍길동", "1964-05-12", "010-1234-5678", "서울", "강남구", "", "", "7", "why")


@pytest.fixture(autouse=True)
def _summer():
    clock.at("12:00", on=date(2026, 7, 19))


def careful(header: list[str], text: str):
    read = row_reader(header, roster.LAYOUT)
    good = [row for line in Piece(5, text).rows() if not (row := read(*line)).problems]
    return roster._entry(good[0]) if good else None


@given(rows, st.sampled_from([HEADER, ALL, ALL[::-1]]), st.sampled_from(["\n", "\r\n", ""]))
@example(GOOD, ALL, "\n")
@example((*GOOD[:2], "2026-07-20", *GOOD[3:]), ALL, "\n")
@example((*GOOD[:2], "1964-02-29", *GOOD[3:]), ALL, "\n")
@example((*GOOD[:2], "1900-12-31", *GOOD[3:]), ALL, "\n")
@example((*GOOD[:2], "2025-06-31", *GOOD[3:]), ALL, "\n")
def test_the_quick_way_reads_a_line_as_the_careful_way_or_leaves_it(row, header, end):
    values = dict(zip(ALL, row, strict=True))
    text = ",".join(values[name] for name in header) + end

    quick = roster.plain_reader(header)(5, text)

    assert quick is None or quick == careful(header, text)


def test_the_quick_way_reads_an_ordinary_line():
    quick = roster.plain_reader(ALL)(5, ",".join(GOOD) + "\r\n")

    assert quick == (5, "K1", "홍길동", "홍길동", "1964-05-12", "+821012345678", "서울특별시",
                     "강남구", "", "")  # fmt: skip


@pytest.mark.parametrize("key", ["900101-1234567", "9001011234567", "９００１０１-1234567"])
def test_a_resident_registration_number_is_never_a_key(key):
    row = ",".join((key, *GOOD[1:7]))

    assert careful(HEADER, row) is None
    assert roster.plain_reader(HEADER)(5, row) is None


def test_a_region_that_does_not_exist_is_refused():
    row = ",".join((*GOOD[:4], "화성특별시", *GOOD[5:7]))

    assert careful(HEADER, row) is None
    assert roster.plain_reader(HEADER)(5, row) is None
