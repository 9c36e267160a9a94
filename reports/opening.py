"""Opens the sealed cells of lines: decrypts, words and writes them in their places.

In blocks of lines, and in processes of their own where there are many: one core decrypts about as
many fields as Postgres writes in a third of the time.
"""

import multiprocessing
import sys
from array import array
from binascii import unhexlify
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice

from privacy.cipher import indexer
from reports.columns import Column, age_on, opener
from reports.reading import Hidden, Query
from reports.selection import Selection

Cells = list[bytes]  # of one column, a cell for each line
# Lines of a block with their sealed cells in the clear, and the ids of their people.
Opened = tuple[list[bytes], "array[int]"]
Open = Callable[[list[bytes]], Opened]
_AHEAD = 2  # blocks that wait for each process
_BETWEEN = b"\0"  # lines on their way to a process and back; no text of Postgres has it


def cell(text: str) -> bytes:
    """A text as a cell of CSV."""
    if "," in text or '"' in text or "\n" in text or "\r" in text:
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
    position, open_values, shown = hidden.fields[sealed.field], opener(sealed.field), sealed.shown

    def values(columns: list[Cells]) -> list[str]:
        return _opened(columns[position], open_values)

    if sealed.on:
        day = hidden.days[sealed.on]
        return lambda columns: [
            age_on(born, on.decode()).encode() if born and on else b""
            for born, on in zip(values(columns), columns[day], strict=True)
        ]
    return lambda columns: [cell(shown(text)) if text else b"" for text in values(columns)]


def _opened(cells: Cells, open_values: Callable[[list[bytes]], list[str]]) -> list[str]:
    """The texts of cells of bytea: \\x and hexadecimal digits in COPY. Destroyed data is an empty
    cell, and ""."""
    if b"" not in cells:
        return open_values([unhexlify(value[2:]) for value in cells])
    texts = iter(open_values([unhexlify(value[2:]) for value in cells if value]))
    return [next(texts) if value else "" for value in cells]


_open_here: Open | None = None  # of a process of `opened_in_processes`


def _start(open_block: Open) -> None:
    global _open_here
    _open_here = open_block


def _open_there(block: bytes) -> tuple[bytes, "array[int]"]:
    assert _open_here is not None
    lines, people = _open_here(block.split(_BETWEEN))
    return _BETWEEN.join(lines), people


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
        # With the first task all are forked: now, before the caller's connection has a COPY.
        pool.submit(int).result()
        yield lambda blocks: _in_order(pool, open_block, iter(blocks), processes)


def _in_order(
    pool: ProcessPoolExecutor, open_block: Open, blocks: Iterator[list[bytes]], processes: int
) -> Iterator[Opened]:
    # The first block here, so that the file begins while the others are on their way.
    yield from map(open_block, islice(blocks, 1))
    waiting: deque[Future[tuple[bytes, array[int]]]] = deque()
    for block in blocks:
        waiting.append(pool.submit(_open_there, _BETWEEN.join(block)))
        # Bounds memory where Postgres is faster than the processes.
        if len(waiting) > processes * _AHEAD:
            yield _result(waiting.popleft())
    while waiting:
        yield _result(waiting.popleft())


def _result(opened: "Future[tuple[bytes, array[int]]]") -> Opened:
    lines, people = opened.result()
    return lines.split(_BETWEEN), people
