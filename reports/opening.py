"""Opens the sealed cells of lines: decrypts, words and writes them in their places.

In blocks of lines, and in processes of their own where there are many: one core decrypts about as
many fields as Postgres writes in a third of the time.
"""

import multiprocessing
import sys
from array import array
from binascii import unhexlify
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager

from privacy.cipher import indexer
from reports.columns import Column, age_on, opener
from reports.reading import Hidden, Query
from reports.selection import Selection

Cells = list[bytes]  # of one column, a cell for each line
# Lines of a block with their sealed cells in the clear, and the ids of their people.
Opened = tuple[list[bytes], "array[int]"]
Open = Callable[[list[bytes]], Opened]
_AHEAD = 2  # blocks that wait for each process


def cell(text: str) -> bytes:
    """A text as a cell of CSV."""
    if any(letter in text for letter in ',"\r\n'):
        text = '"' + text.replace('"', '""') + '"'
    return text.encode()


def opener_of(selection: Selection, query: Query) -> Open:
    """A function that opens the sealed cells of a block of lines."""
    hidden = query.hidden
    assert hidden is not None
    makers = [
        _maker(column, selection, hidden)
        for column in selection.columns
        if column.sealed is not None
    ]
    count = hidden.person + 1
    has_plain = query.plain > 0

    def open_block(lines: list[bytes]) -> Opened:
        # Hidden cells are numbers, days and bytes in hexadecimal: no comma in them.
        split = (
            [line.rsplit(b",", count) for line in lines]
            if has_plain
            else [[b"", *line.split(b",")] for line in lines]
        )
        plain, *columns = (list(cells) for cells in zip(*split, strict=True))
        opened = [make(columns) for make in makers]
        people = array("q", map(int, columns[hidden.person]))
        rows = zip(plain, *opened, strict=True) if has_plain else zip(*opened, strict=True)
        return [b",".join(row) for row in rows], people

    return open_block


def _maker(column: Column, selection: Selection, hidden: Hidden) -> Callable[[list[Cells]], Cells]:
    """A function that makes the cells of a column of the hidden ones."""
    sealed = column.sealed
    assert sealed is not None
    if not sealed.field:
        # A keyed hash under a key of this recipient (privacy.cipher): others can't be joined.
        key_of = indexer(context=f"reports.person_key:{selection.recipient}".encode())
        return lambda columns: [
            key_of(person.decode()).hex().encode() for person in columns[hidden.person]
        ]
    position, open_value, shown = hidden.fields[sealed.field], opener(sealed.field), sealed.shown

    def values(columns: list[Cells]) -> list[str]:
        # COPY writes bytea as \x and hexadecimal digits; destroyed data is an empty cell.
        return [open_value(unhexlify(value[2:])) if value else "" for value in columns[position]]

    if sealed.on:
        day = hidden.days[sealed.on]
        return lambda columns: [
            age_on(born, on.decode()).encode() if born and on else b""
            for born, on in zip(values(columns), columns[day], strict=True)
        ]
    return lambda columns: [cell(shown(text)) if text else b"" for text in values(columns)]


_open_here: Open | None = None  # of a process of `opened_in_processes`


def _start(open_block: Open) -> None:
    global _open_here
    _open_here = open_block


def _open_there(lines: list[bytes]) -> Opened:
    assert _open_here is not None
    return _open_here(lines)


@contextmanager
def in_processes(open_block: Open, processes: int) -> Iterator[Callable[..., Iterator[Opened]]]:
    """A function from blocks of lines to opened blocks, in their order.

    With one process here; with more by fork, for commands and workers, which have no threads.
    """
    if processes < 2 or sys.platform != "linux":
        yield lambda blocks: map(open_block, blocks)
        return
    with ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("fork"),
        # Handed on by the fork itself, without pickling.
        initializer=_start,
        initargs=(open_block,),
    ) as pool:
        yield lambda blocks: _in_order(pool, blocks, processes)


def _in_order(
    pool: ProcessPoolExecutor, blocks: Iterable[list[bytes]], processes: int
) -> Iterator[Opened]:
    waiting: deque[Future[Opened]] = deque()
    for block in blocks:
        waiting.append(pool.submit(_open_there, block))
        # Bounds memory where Postgres is faster than the processes.
        if len(waiting) > processes * _AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
