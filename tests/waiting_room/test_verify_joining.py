"""Nobody joined before the plan let people join: how the offline verifier judges it."""

from datetime import timedelta

import pytest

from tests.waiting_room.test_verify_line import (
    JOINS_FROM,
    LATER,
    OPENS,
    Book,
    report_on,
    shown,
    troubles,
)
from waiting_room import public_log

# Entry 1 joins a second after JOINS_FROM, entry 2 after two, and so on.


def joins(after, at=0):
    """A plan of joining from `after` seconds on, recorded `at` seconds; both after JOINS_FROM."""
    planned = public_log.microseconds(JOINS_FROM + timedelta(seconds=after))
    book, moment = Book(order="fifo"), JOINS_FROM + timedelta(seconds=at)
    return "plan", book.plan(OPENS, joins_from=planned), moment


def gathered(*pages):
    """The troubles of a line that gathers; each page: up to which entry, what is done, when."""
    book = Book(order="fifo", planned=False)
    for upto, act, at in pages:
        book.page(upto, *([act] if act else []), at=JOINS_FROM + timedelta(seconds=at))
    return troubles(book.csv())


def early(entry, begin):
    at, from_then = (shown(JOINS_FROM + timedelta(seconds=after)) for after in (entry, begin))
    return f"Entry {entry} joined at {at}; by the plan nobody could join before {from_then}."


GATHERED = {
    "a second too early is in time": ([(0, joins(2), 0), (3, None, 5)], []),
    "more is not": ([(0, joins(4), 0), (3, None, 5)], [early(1, 4), early(2, 4)]),
    "the first plan counts from the beginning": ([(3, joins(4), 5), (4, None, 6)], []),
    "moved earlier, and recorded within five minutes": (
        [(0, joins(3600), 0), (3, None, 5), (3, joins(0, at=301), 301)], [],
    ),
    "moved earlier, and recorded later": (
        [(0, joins(3600), 0), (3, None, 5), (3, joins(0, at=302), 302)], [early(1, 3600)],
    ),
    "moved earlier than it could count": (
        [(0, joins(3600), 0), (3, None, 5), (3, joins(3, at=6), 6)], [early(1, 3)],
    ),
    "moved later": (
        [(0, joins(0), 0), (9, joins(60, at=10), 10), (12, None, 13)],
        [early(11, 60), early(12, 60)],
    ),
    "moved earlier, to make good who stands on a later page": (
        [(0, joins(3600), 0), (0, joins(0, at=400), 400), (3, None, 401)],
        [early(entry, 3600) for entry in (1, 2, 3)],
    ),
    "moved back again": (
        [(0, joins(0), 0), (4, joins(60, at=5), 5), (4, joins(0, at=6), 6), (9, None, 10)], [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", GATHERED)
def test_nobody_joins_before_the_plan_lets_people_join(how):
    pages, found = GATHERED[how]

    assert gathered(*pages) == found


def test_a_plan_that_does_not_say_from_when_people_join_shows_nothing_of_it():
    not_shown = "NOT SHOWN: that nobody joined early. The plan does not say from when people could."
    silent = ("plan", Book(order="fifo").plan(OPENS, joins_from=None))
    book = Book(order="fifo", planned=False).page(0, silent).page(3)
    later = Book(order="fifo").page(0, silent).page(3)

    assert not_shown in report_on(book.csv()).notes
    assert report_on(later.csv()).notes == report_on(later.csv()).troubles == []


def test_a_change_of_the_begin_of_joining_is_said():
    book = Book(order="fifo").page(0, joins(0))
    book.page(0, ("plan", book.plan(OPENS, joins_from=public_log.microseconds(LATER))))

    assert report_on(book.csv()).notes == [
        f"On {shown(OPENS)} the begin of joining was set anew, to {shown(LATER)}."
    ]
