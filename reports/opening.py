"""Opens the sealed cells of lines: decrypts, words and writes them in their places.

In blocks of lines, and in processes of their own where there are many: one core decrypts about as
many fields as Postgres writes in a third of the time.
"""

import gc
import multiprocessing
import os
import sys
from array import array
from binascii import unhexlify
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from threading import Thread
from typing import NamedTuple

from privacy.cipher import indexer
from reports.columns import Column, age_on, opener
from reports.reading import Hidden, Query
from reports.selection import Selection

Cells = list[bytes]  # of one column, a cell for each line
END = b"\r\n"
# Between two lines of a block, which end with a line break; no text of Postgres has it.
BETWEEN = b"\0"
_AHEAD = 2  # blocks that wait for each process


class Opened(NamedTuple):
    """A block of the file: whole lines, how many, and the ids of their people."""

    text: bytes
    rows: int
    people: "array[int]"


Open = Callable[[bytes], Opened]


def cell(text: str) -> bytes:
    """A text as a cell of CSV."""
    if "," in text or '"' in text or "\n" in text or "\r" in text:
        text = '"' + text.replace('"', '""') + '"'
    return text.encode()


def cells(texts: list[str]) -> Cells:
    """Texts as cells of CSV, at once where none of them needs quotes, as nearly always."""
    block = "\0".join(texts)
    if any(sign in block for sign in ',"\n\r') or block.count("\0") != len(texts) - 1:
        return [cell(text) for text in texts]
    return block.encode().split(BETWEEN)


def plain_opener(selection: Selection) -> Open:
    """For lines without sealed cells."""
    is_narrow = len(selection.columns) == 1

    def open_block(block: bytes) -> Opened:
        return _finished(block[:-1].split(b"\n" + BETWEEN), array("q"), is_narrow=is_narrow)

    return open_block


def _finished(lines: list[bytes], people: "array[int]", *, is_narrow: bool) -> Opened:
    if is_narrow:
        # Readers skip an empty line, which is a row with one empty cell.
        lines = [line or b'""' for line in lines]
    return Opened(END.join(lines) + END, len(lines), people)


def opener_of(selection: Selection, query: Query) -> Open:
    """A function that opens the sealed cells of a block of lines."""
    hidden = query.hidden
    assert hidden is not None
    makers = [
        _maker(column, selection, hidden)
        for column in selection.columns
        if column.sealed is not None
    ]
    is_narrow, has_plain = len(selection.columns) == 1, query.plain > 0
    person, cuts = hidden.person, hidden.person + has_plain

    def open_block(block: bytes) -> Opened:
        # Hidden cells are numbers, days and bytes in hexadecimal: no comma in them. They come
        # first, as cutting from the left is twice as fast.
        split = [line.split(b",", cuts) for line in block.split(BETWEEN)]
        columns = [list(cells) for cells in zip(*split, strict=True)]
        columns[-1] = [last[:-1] for last in columns[-1]]
        opened = [make(columns) for make in makers]
        if has_plain:
            opened.insert(0, columns[person + 1])
        lines = [b",".join(row) for row in zip(*opened, strict=True)]
        return _finished(lines, array("q", map(int, columns[person])), is_narrow=is_narrow)

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
    if shown is str:
        return lambda columns: cells(values(columns))
    return lambda columns: cells([shown(text) if text else "" for text in values(columns)])


def _opened(values: Cells, open_values: Callable[[list[bytes]], list[str]]) -> list[str]:
    """The texts of cells of bytea: \\x and hexadecimal digits in COPY. Destroyed data is an empty
    cell, and ""."""
    if b"" not in values:
        return open_values([unhexlify(value[2:]) for value in values])
    texts = iter(open_values([unhexlify(value[2:]) for value in values if value]))
    return [next(texts) if value else "" for value in values]


_open_here: Open | None = None  # of a process of `in_processes`


def _start(open_block: Open) -> None:
    global _open_here
    _open_here = open_block
    Thread(target=_end_with_parent, daemon=True).start()
    # A block makes thousands of lists, none of which leads back to itself.
    gc.disable()


def _end_with_parent() -> None:
    # A killed parent ends no pool: this process would wait for blocks for ever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _open_there(block: bytes) -> Opened:
    assert _open_here is not None
    return _open_here(block)


@contextmanager
def in_processes(
    open_block: Open, processes: int
) -> Iterator[Callable[[Iterator[bytes]], Iterator[Opened]]]:
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
        pool.submit(int)
        yield lambda blocks: _in_order(pool, open_block, iter(blocks), processes)


def _in_order(
    pool: ProcessPoolExecutor, open_block: Open, blocks: Iterator[bytes], processes: int
) -> Iterator[Opened]:
    # The first block here, so that the file begins while the others are on their way.
    yield from map(open_block, islice(blocks, 1))
    waiting: deque[Future[Opened]] = deque()
    for block in blocks:
        waiting.append(pool.submit(_open_there, block))
        # Bounds memory where Postgres is faster than the processes.
        if len(waiting) > processes * _AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
