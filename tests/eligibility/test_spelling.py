import unicodedata
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eligibility import roster, spelling
from eligibility.spelling import person_name

TODAY = date(2026, 11, 22)
WIDE = {ord(str(n)): chr(0xFF10 + n) for n in range(10)}


@given(st.dates(date(1927, 1, 1), TODAY))
def test_a_birth_date_is_understood_however_it_is_written(day):
    century = str(day.year // 100)
    spellings = [
        f"{day:%Y%m%d}",
        f"{day:%y%m%d}",
        f"{day:%Y-%m-%d}",
        f"{day.year}.{day.month}.{day.day}",
        f"{day.year}. {day.month}. {day.day}.",
        f"{day.year}/{day.month}/{day.day}",
        f"{day.year}년 {day.month}월 {day.day}일",
        f"{day:%y}-{day.month}-{day.day}",
        f" {day:%Y %m %d} ",
        f"{day:%Y%m%d}".translate(WIDE),
    ]

    assert {spelling.birth_date(s, today=TODAY, century=century) for s in spellings} == {day}


@pytest.mark.parametrize(
    ("typed", "born"),
    [
        ("690512", date(1969, 5, 12)),
        ("270101", date(1927, 1, 1)),
        ("991231", date(1999, 12, 31)),
        ("680229", date(1968, 2, 29)),
    ],
)
def test_the_century_is_clear_where_the_other_lies_ahead(typed, born):
    assert spelling.birth_date(typed, today=TODAY) == born


@pytest.mark.parametrize("typed", ["260101", "120512", "000229", "01.5.12"])
def test_the_century_is_asked_where_both_fit(typed):
    with pytest.raises(spelling.Unclear):
        spelling.birth_date(typed, today=TODAY)


@pytest.mark.parametrize(
    "typed",
    ["", "1", "690", "69051", "6905123", "690230", "19690229", "1899-01-01", "2026-11-23", "abc",
     "1969-13-01", "--", "1969-05-12 x 3", "9" * 400],
)  # fmt: skip
def test_what_is_no_birth_date_is_refused(typed):
    with pytest.raises(ValueError):  # noqa: PT011 - the form writes the sentence
        spelling.birth_date(typed, today=TODAY, century="19")


def test_every_day_of_1902_to_2026_is_accepted_and_the_day_after_today_is_not():
    day = date(1902, 1, 1)
    while day <= TODAY:
        assert spelling.birth_date(f"{day:%Y%m%d}", today=TODAY) == day
        day += timedelta(days=1)
    with pytest.raises(ValueError, match="living"):
        spelling.birth_date(f"{day:%Y%m%d}", today=TODAY)


@pytest.mark.parametrize(
    "typed",
    ["010-1234-5678", "01012345678", "010 1234 5678", "010.1234.5678", "+82 10-1234-5678",
     "+821012345678", "82-10-1234-5678", "(010) 1234-5678", "０１０－１２３４－５６７８",
     "0082 10 1234 5678", "010‑1234‑5678"],
)  # fmt: skip
def test_a_mobile_number_is_understood_however_it_is_written(typed):
    assert spelling.mobile_phone(typed) == "+821012345678"


@pytest.mark.parametrize(
    "typed",
    ["", "1234", "02-123-4567", "010-123-456", "010-123-4567", "070-1234-5678", "+1 212 555 0100",
     "010-1234-56789", "012-1234-5678", "015-1234-5678", "abc", "9" * 400, "010-1234-5678 ext 9"],
)  # fmt: skip
def test_what_is_no_korean_mobile_number_is_refused(typed):
    with pytest.raises(ValueError):  # noqa: PT011
        spelling.mobile_phone(typed)


@pytest.mark.parametrize("typed", ["5495G1SK5Y", "524RM9F1M2", "6237TM5ECM", "194CNZQH4Z"])
def test_a_number_of_a_reservation_is_no_phone(typed):
    with pytest.raises(ValueError, match="not a phone number"):
        spelling.any_phone(typed)


@pytest.mark.parametrize("typed", ["011-200-1234", "016-2345-6789", "019 234 5678"])
def test_old_mobile_numbers_are_taken(typed):
    assert spelling.mobile_phone(typed).startswith("+821")


@given(st.integers(0, 99_999_999), st.sampled_from(["{:08}", "-{:08}"]))
def test_the_quick_way_of_the_roster_reads_a_phone_as_the_library_does(number, form):
    digits = f"{number:08}"
    spellings = [f"010{digits}", f"010-{digits[:4]}-{digits[4:]}", f"010{digits[:4]}-{digits[4:]}"]

    assert {roster.phone(s) for s in spellings} == {spelling.mobile_phone(spellings[0])}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("홍길동", "홍 길동"),
        ("홍길동", unicodedata.normalize("NFD", "홍길동")),
        ("Kim Minjun", "KIM MINJUN"),
        ("Ｋｉｍ Minjun", "kim minjun"),
        ("O'Brien", "OBrien"),
        ("Nguyễn Văn An", "NGUYEN VAN AN"),
        ("Kim Min-jun", "Kim Minjun"),
    ],
)
def test_spellings_of_one_name_have_one_key(one, other):
    assert spelling.name_key(one) == spelling.name_key(other)


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("Kim Minjun", "Minjun Kim", True),
        ("Kim Min Jun", "Minjun Kim", True),
        ("John Paul Smith", "John Smith", True),
        ("SMITH, JOHN PAUL", "john paul smith", True),
        ("John Smith", "John Paul", False),
        ("John", "John Smith", False),
        ("홍길동", "홍길순", False),
        ("홍길동", "김길동", False),
        ("Kim Minjun", "Kim Minji", False),
    ],
)
def test_names_agree_in_any_order_and_without_middle_names(one, other, agree):
    assert spelling.names_agree(one, other) is agree
    assert spelling.names_agree(other, one) is agree


@given(st.text(max_size=30))
def test_a_name_key_does_not_change_when_made_again(text):
    key = spelling.name_key(text)

    assert spelling.name_key(key) == key


@given(st.text(alphabet=st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1))
def test_the_quick_way_of_a_hangul_name_is_the_slow_way(name):
    assert spelling.name_key(name + " ") == spelling.name_key(name)


@pytest.mark.parametrize("typed", ["640512-1234567", "6405121234567", "640512 2234567"])
def test_a_resident_number_is_recognised(typed):
    assert spelling.resident_number_typed(typed) == "640512"


@pytest.mark.parametrize("typed", ["640512", "19640512", "1964-05-12", "640512-123"])
def test_a_birth_date_is_not_taken_for_a_resident_number(typed):
    assert spelling.resident_number_typed(typed) is None


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (" 김  하나 ", "김 하나"),
        ("남궁민수", "남궁민수"),
        ("쟝·폴", "쟝·폴"),
        ("쟝ㆍ폴", "쟝·폴"),
        ("Nguyễn Thị Ánh", "Nguyễn Thị Ánh"),
        ("O’Brien", "O'Brien"),
        ("Jean-Luc Picard", "Jean-Luc Picard"),
        ("สมชาย ใจดี", "สมชาย ใจดี"),
        ("Оюунчимэг", "Оюунчимэг"),
        ("王小明", "王小明"),
        ("さくら・ひめ", "さくら·ひめ"),
        ("राधिका", "राधिका"),
        ("محمد علي", "محمد علي"),
    ],
)
def test_names_of_people_are_names(typed, name):
    assert person_name(typed) == name


@pytest.mark.parametrize(
    "typed",
    [
        "[질병청] 접종취소됨 확인 http://evil.kr/a 010-1234-5678 클릭",
        "evil.kr",
        "김하나1",
        "김하나①",
        "김(하나)",
        "김\u202e하나",
        "김\u200b하나",
        "\u3164",
        "\u3164김",
        "-",
        "·김",
        "",
        "김@하나",
        "가" * 61,
    ],
)
def test_what_may_read_as_an_address_or_a_number_is_no_name(typed):
    with pytest.raises(ValueError, match="not a name"):
        person_name(typed)
