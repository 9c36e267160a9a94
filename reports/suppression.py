"""Small numbers of people in what is public: nothing published tells of fewer than five people,
neither by itself nor by what it differs in from another number or file.

1. A count below `LEAST` is not published: its cell is None, "fewer than five", as for none at all.
2. A published count stays until it is `LEAST` or more away from the true one, up or down: two files
   of different days differ by nobody or by at least five people in each cell. Once the true one is
   below `LEAST` the cell is hidden at once: with five published before and the true one anywhere
   from one to four, it would otherwise stay, and to hide it would say that there is nobody.
3. Totals of rows, columns and the whole are sums of the published cells (`total`), not of the true
   ones: a hidden cell is no remainder of its row. They are short of the truth by less than five for
   each cell, which the page of the file says.
4. What is public about the same people comes from one table: a second one, cut another way, would
   have other gaps, and the difference of their totals would tell of them.

Every published number is a sum of steps of five people or more, and so is every difference. This is
small cell adjustment with additive totals, as Hundepool and others describe it for tables of
frequencies (Statistical Disclosure Control, Wiley 2012, chapter 5), carried on over time, where the
usual hiding of a second cell in each row and column does not protect: the day after shows both.

`reports.publishing.publish` keeps what was published, which rule 2 needs.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

LEAST = 5  # people

Cell = TypeVar("Cell", bound=Hashable)


def suppress(
    counts: Mapping[Cell, int],
    *,
    before: Mapping[Cell, int | None] | None = None,
) -> dict[Cell, int | None]:
    """The counts as they may be published, after `before` was; None is "fewer than `LEAST`".

    The cells do not overlap: each person is counted in one of them. A cell that `counts` lacks has
    nobody.
    """
    before = before or {}
    cells = dict.fromkeys([*before, *counts])
    return {cell: _step(counts.get(cell, 0), before.get(cell)) for cell in cells}


def _step(count: int, published: int | None) -> int | None:
    if count < LEAST:
        return None
    if published is None or abs(count - published) >= LEAST:
        return count
    return published


def total(cells: Iterable[int | None]) -> int | None:
    """The sum of published cells; None if none of them is published."""
    shown = [cell for cell in cells if cell is not None]
    return sum(shown) if shown else None
