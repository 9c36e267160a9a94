import functools
import operator
from itertools import combinations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.models import Offer
from eligibility.models import ProxyRequest
from waiting_room.models import Ticket
from waiting_room.services import joining
from web import codes
from web.codes import ALPHABET, UnreadableCode, WrongCheckLetter, WrongLength, WrongLetter

KEY = bytes(range(32))
TICKET = UUID("0191f0e2-7b1c-7c3a-9c1d-1f2e3d4c5b6a")


def with_check(letters: str) -> str:
    number = 0
    for letter in letters:
        number = number << 5 | ALPHABET.index(letter)
    return codes._with_check(number, len(letters))


bare_codes = st.text(ALPHABET, min_size=11, max_size=11).map(with_check)


def test_resume_code_is_the_same_every_time_and_reads_back():
    code = codes.resume_code(TICKET, KEY)

    assert code == codes.resume_code(TICKET, KEY)
    assert [len(part) for part in code.split("-")] == [4, 4, 4]
    assert codes.parse(code) == code


def test_resume_code_differs_by_ticket_and_by_key():
    made = {codes.resume_code(UUID(int=n), KEY) for n in range(1000)}
    made.add(codes.resume_code(TICKET, bytes(32)))

    assert len(made) == 1001


def test_every_single_wrong_letter_is_caught():
    code = codes.read(codes.resume_code(TICKET, KEY), 12)
    for place, right in enumerate(code):
        for wrong in set(ALPHABET) - {right}:
            with pytest.raises(WrongCheckLetter):
                codes.read(code[:place] + wrong + code[place + 1 :], 12)


@given(code=bare_codes)
def test_every_swap_of_two_letters_is_caught(code):
    for first, second in combinations(range(12), 2):
        swapped = list(code)
        swapped[first], swapped[second] = code[second], code[first]
        if "".join(swapped) != code:
            with pytest.raises(WrongCheckLetter):
                codes.read("".join(swapped), 12)


@given(code=bare_codes, sign=st.sampled_from(ALPHABET), other=st.sampled_from(ALPHABET))
def test_every_doubled_letter_mistyped_is_caught(code, sign, other):
    twin = sign + sign + code[2:11]
    right, wrong = with_check(twin), other + other + twin[2:]
    if sign != other:
        with pytest.raises(WrongCheckLetter):
            codes.read(wrong + right[-1], 12)


@given(code=bare_codes)
def test_a_code_is_read_however_it_was_typed(code):
    grouped = codes.group(code)
    full_width = "".join(chr(ord(sign) + 0xFEE0) for sign in grouped)

    for typed in [
        code.lower(),
        f"  {grouped.lower()} \n",
        grouped.replace("-", " "),
        grouped.replace("-", " – "),
        full_width,
        "\u200b".join(grouped),
        code.replace("0", "O").replace("1", "l").replace("V", "u"),
        code.replace("0", "o").replace("1", "I"),
    ]:
        assert codes.read(typed, 12) == code


@pytest.mark.parametrize("text", ["", "-", "ABCD", "ABCD-EFGH-JKMN-P", "ㅁㅠㅊ"])
def test_a_code_of_another_length_is_refused_as_such(text):
    with pytest.raises(WrongLength, match="has 12 letters"):
        codes.parse(text)


@pytest.mark.parametrize("text", ["ABCD-EFGH-JKM가", "ABCD+EFGHJKM", "½BCDEFGHJK", "ẞABCDEFGHJK"])
def test_a_strange_letter_is_refused_as_such(text):
    with pytest.raises(UnreadableCode) as refusal:
        codes.parse(text)
    assert type(refusal.value) in (WrongLetter, WrongLength)


@given(text=st.text())
def test_reading_any_text_gives_a_code_or_a_refusal(text):
    try:
        code = codes.parse(text)
    except UnreadableCode:
        return
    assert codes.parse(code) == code


@given(ticket=st.uuids())
def test_lookup_index_fits_a_bigint_and_ignores_how_it_was_typed(ticket):
    code = codes.resume_code(ticket, KEY)
    index = codes.lookup_index(code, KEY)

    assert 0 <= index < 2**63
    assert index == codes.lookup_index(code.lower().replace("-", ""), KEY)
    assert index != codes.lookup_index(code, bytes(32))


def test_random_numbers_are_of_the_length_asked_for_and_check():
    numbers = {codes.random_number(10) for _ in range(2000)}

    assert len(numbers) == 2000
    assert all(len(number) == 10 and codes.read(number, 10) == number for number in numbers)


def test_a_short_key_is_refused():
    with pytest.raises(ValueError, match="at least 16 bytes"):
        codes.resume_code(TICKET, b"short")


@pytest.mark.parametrize(
    "made",
    [
        lambda: UUID(bytes=joining._new_ids(2)[1]),
        lambda: Ticket().pk,
        lambda: Offer().token,
        lambda: ProxyRequest().token,
    ],
    ids=["joining", "ticket", "offer", "request"],
)
def test_ids_that_nobody_may_guess_have_128_random_bits(made):
    ids = [made().int for _ in range(200)]

    # Each bit is sometimes set and sometimes not: none is a version or a variant.
    assert functools.reduce(operator.or_, ids) == 2**128 - 1
    assert functools.reduce(operator.and_, ids) == 0
