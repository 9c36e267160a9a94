"""What is published of small numbers: nothing that names fewer than five people."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import DatabaseError, transaction
from hypothesis import example, given
from hypothesis import strategies as st

from reports.models import PublishedTable
from reports.publishing import NotPublishable, publish
from reports.suppression import LEAST, suppress, total

ROWS, COLUMNS = "RST", "xyz"
CELLS = [row + column for row in ROWS for column in COLUMNS]
LINES = [[cell for cell in CELLS if name in cell] for name in ROWS + COLUMNS] + [CELLS]
counts = st.fixed_dictionaries({cell: st.integers(0, 12) for cell in CELLS})
# True counts of some days: people are added, and some records are taken back.
changes = st.fixed_dictionaries({cell: st.integers(-2, 9) for cell in CELLS})


@st.composite
def true_days(draw):
    days = [draw(counts)]
    for change in draw(st.lists(changes, max_size=4)):
        days.append({cell: max(days[-1][cell] + change[cell], 0) for cell in CELLS})
    return days


def published(days):
    """Each day's file: its cells, and the total of each line."""
    files, before = [], None
    for day in days:
        before = suppress(day, before=before)
        files.append((before, [total(before[cell] for cell in line) for line in LINES]))
    return files


def with_true_totals(days):
    """The careless twin: small cells are hidden, and totals are those of all cells."""
    return [
        (
            {cell: count if count >= LEAST else None for cell, count in day.items()},
            [sum(day[cell] for cell in line) for line in LINES],
        )
        for day in days
    ]


def recovered(files):
    """Small numbers that a reader works out: (day, cell, number of people).

    From a total and the other cells of its line, again and again; and from one cell of two days.
    """
    found, known = set(), []
    for number, (cells, totals) in enumerate(files):
        solved = {cell: count for cell, count in cells.items() if count is not None}
        for _ in CELLS:
            for line, sum_of_line in zip(LINES, totals, strict=True):
                unknown = [cell for cell in line if cell not in solved]
                if len(unknown) == 1 and sum_of_line is not None:
                    others = sum(solved[cell] for cell in line if cell in solved)
                    solved[unknown[0]] = sum_of_line - others
        known.append(solved)
        found |= {(number, cell, count) for cell, count in solved.items() if 0 < count < LEAST}
    for number, (earlier, later) in enumerate(pairwise(known)):
        for cell in earlier.keys() & later.keys():
            if 0 < abs(later[cell] - earlier[cell]) < LEAST:
                found.add((number + 1, cell, abs(later[cell] - earlier[cell])))
    return found


@given(true_days())
def test_no_small_number_is_worked_out_from_totals_or_the_day_before(days):
    assert recovered(published(days)) == set()


def test_a_careless_twin_is_seen_through():
    day = dict.fromkeys(CELLS, 10) | {"Rx": 3}
    next_day = day | {"Ty": 12}

    assert recovered(with_true_totals([day, next_day])) == {
        (0, "Rx", 3),
        (1, "Rx", 3),
        (1, "Ty", 2),
    }


NOBODY = dict.fromkeys(CELLS, 0)


@given(true_days(), st.sampled_from(CELLS))
@example([NOBODY | {"Rx": 5}, NOBODY | {"Rx": 4}, NOBODY], "Rx")
@example([NOBODY | {"Rx": 8}, NOBODY | {"Rx": 4}], "Rx")
@example([NOBODY | {"Rx": 7}, NOBODY | {"Rx": 2}], "Rx")
def test_each_cell_could_have_been_five_different_numbers(days, cell):
    """Who knows all other cells of all days still can't tell one cell's last number."""
    files = published(days)
    last = files[-1][0]
    shown = last[cell]
    # From a published number the true one may be away by less than five to either side.
    possible = range(LEAST) if shown is None else range(max(shown - LEAST + 1, 0), shown + LEAST)
    before = files[-2][0] if len(files) > 1 else None
    alike = [
        count
        for count in possible
        if suppress(days[-1] | {cell: count}, before=before)[cell] == shown
    ]

    assert days[-1][cell] in alike
    if shown is None or (before and before[cell] == shown):
        assert len(alike) >= LEAST


@given(true_days())
def test_what_is_published_is_near_the_truth(days):
    for true, (cells, totals) in zip(days, published(days), strict=True):
        for cell, count in cells.items():
            assert abs(true[cell] - (count or 0)) < LEAST
        for line, shown in zip(LINES, totals, strict=True):
            visible = [cells[cell] for cell in line if cells[cell] is not None]
            assert shown == (sum(visible) if visible else None)


@pytest.mark.parametrize(
    ("count", "before", "shown"),
    [
        (0, None, None),
        (4, None, None),
        (5, None, 5),
        (9, 5, 5),
        (10, 5, 10),
        (6, 10, 10),
        (5, 10, 5),
        (3, 10, None),
        (3, 5, None),
        (4, 8, None),
        (0, 5, None),
    ],
)
def test_a_cell_moves_in_steps_of_five(count, before, shown):
    assert suppress({"a": count}, before={"a": before}) == {"a": shown}


@pytest.mark.django_db
def test_a_day_is_published_once_and_stays(clock):
    clock.at("09:00")
    yesterday = clock.now().date() - timedelta(days=1)

    first = publish("doses", yesterday, lambda: {"a": 7, "b": 3})
    again = publish("doses", yesterday, lambda: {"a": 8, "b": 5})
    clock.forward(days=1)
    later = publish("doses", yesterday + timedelta(days=1), lambda: {"a": 9, "b": 5})

    assert first == again == {"a": 7, "b": None}
    assert later == {"a": 7, "b": 5}
    assert publish("other", yesterday, lambda: {"a": 9}) == {"a": 9}
    with pytest.raises(DatabaseError), transaction.atomic():
        PublishedTable.objects.update(cells={})


@pytest.mark.django_db
@pytest.mark.parametrize("ahead", [-2, 0, 1])
def test_only_a_completed_day_after_the_last_is_published(clock, ahead):
    clock.at("00:10")
    today = clock.now().date()
    publish("doses", today - timedelta(days=1), dict)

    with pytest.raises(NotPublishable):
        publish("doses", today + timedelta(days=ahead), dict)
