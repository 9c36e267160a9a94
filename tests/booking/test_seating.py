"""Who sits where: the matching against trying everything."""

from collections import Counter
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from booking.rules import seat_all

SLOTS = range(4)
people = st.lists(st.lists(st.sampled_from(SLOTS), unique=True), min_size=1, max_size=5)
seats = st.fixed_dictionaries({slot: st.integers(0, 3) for slot in SLOTS})


def fits(chosen, left) -> bool:
    return all(number <= left[slot] for slot, number in Counter(chosen).items())


@given(options=people, left=seats)
def test_all_are_seated_exactly_when_it_is_possible(options, left):
    possible = any(fits(chosen, left) for chosen in product(*options))

    chosen = seat_all(options, left)

    assert (chosen is not None) == possible
    if chosen is not None:
        assert fits(chosen, left)
        assert all(slot in wanted for slot, wanted in zip(chosen, options, strict=True))


def test_each_gets_the_first_of_their_options_where_there_is_room():
    assert seat_all([[1], [1, 2], [1, 2]], {1: 2, 2: 1}) == [1, 1, 2]


def test_one_moves_on_for_another_who_has_no_choice():
    assert seat_all([[1, 2], [1]], {1: 1, 2: 1}) == [2, 1]
