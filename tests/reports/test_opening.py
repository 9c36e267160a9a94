"""Blocks opened in processes come back whole and in their order."""

import os
from array import array

import pytest

from reports.opening import BETWEEN, END, Opened, cell, cells, in_processes


def upper(block: bytes) -> Opened:
    lines = block[:-1].split(b"\n" + BETWEEN)
    return Opened(END.join(lines).upper() + END, len(lines), array("q", [os.getpid()] * len(lines)))


def fails(block: bytes) -> Opened:
    if b"bad" in block:
        raise ValueError("bad")
    return upper(block)


def test_blocks_come_back_whole_and_in_order():
    blocks = [f'a{number},"two\nlines"\n\0\n\0c\n'.encode() for number in range(30)]

    with in_processes(upper, 2) as opened:
        results = list(opened(iter(blocks)))

    assert [block.text for block in results] == [
        f'A{number},"TWO\nLINES"\r\n\r\nC\r\n'.encode() for number in range(30)
    ]
    assert [block.rows for block in results] == [3] * 30
    first, *others = [set(block.people) for block in results]
    # The file begins here, while processes open the rest.
    assert first == {os.getpid()}
    assert not any(first & ids for ids in others)


def test_what_one_can_not_open_ends_the_file():
    with in_processes(fails, 2) as opened, pytest.raises(ValueError, match="bad"):
        list(opened(iter([b"a\n", b"b\n", b"bad\n", b"c\n"])))


@pytest.mark.parametrize(
    "texts", [["김", "", "나"], ["a,b", "c"], ['"'], ["a\nb", "\r"], ["a\0b", "c"], [""]]
)
def test_a_block_of_cells_is_that_of_each_cell(texts):
    assert cells(texts) == [cell(text) for text in texts]
