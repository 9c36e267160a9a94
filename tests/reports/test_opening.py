"""Blocks opened in processes come back whole and in their order."""

import multiprocessing
import os
import signal
from array import array
from pathlib import Path

import pytest

from reports.opening import BETWEEN, END, Opened, cell, cells, in_processes
from tests.waiting import until


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


def pool_of_a_process_to_kill(pids) -> None:
    with in_processes(upper, 2) as opened:
        pids.send([block.people[0] for block in opened(iter([b"a\n"] * 9))])
        signal.pause()


def test_processes_end_with_the_one_that_began_them():
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=pool_of_a_process_to_kill, args=(there,))
    process.start()
    children = set(here.recv()) - {process.pid}

    process.kill()
    process.join()

    assert children
    until(lambda: not any(map(is_running, children)), "a process stayed")


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # ended, and nobody asks how


@pytest.mark.parametrize(
    "texts", [["김", "", "나"], ["a,b", "c"], ['"'], ["a\nb", "\r"], ["a\0b", "c"], [""]]
)
def test_a_block_of_cells_is_that_of_each_cell(texts):
    assert cells(texts) == [cell(text) for text in texts]
