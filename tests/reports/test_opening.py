"""Blocks opened in processes come back whole and in their order."""

import os
from array import array

import pytest

from reports.opening import in_processes


def upper(lines: list[bytes]) -> tuple[list[bytes], array]:
    return [line.upper() for line in lines], array("q", [os.getpid()] * len(lines))


def fails(lines: list[bytes]) -> tuple[list[bytes], array]:
    if b"bad" in lines:
        raise ValueError("bad")
    return upper(lines)


def test_blocks_come_back_whole_and_in_order():
    blocks = [[f'a{number},"two\nlines"'.encode(), b"", b"c"] for number in range(30)]

    with in_processes(upper, 2) as opened:
        results = list(opened(blocks))

    assert [lines for lines, _ in results] == [[line.upper() for line in each] for each in blocks]
    first, *others = [set(ids) for _, ids in results]
    # The file begins here, while processes open the rest.
    assert first == {os.getpid()}
    assert not any(first & ids for ids in others)


def test_what_one_can_not_open_ends_the_file():
    with in_processes(fails, 2) as opened, pytest.raises(ValueError, match="bad"):
        list(opened([[b"a"], [b"b"], [b"bad"], [b"c"]]))
