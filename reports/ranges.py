"""A part of a file for a reader who goes on where a transfer broke off (RFC 9110, section 14)."""

import re
from typing import IO

_ONE = re.compile(r"bytes=(\d*)-(\d*)")
_LONGEST = 19  # digits, so that a number stays a number of 64 bits


class Unsatisfiable(Exception):
    """The file has no such bytes."""


def part_asked_for(header: str, size: int) -> tuple[int, int] | None:
    """(first, last) byte of the one range in a Range header; None for the whole file, which also
    answers what is no range of bytes or are several. Raises Unsatisfiable."""
    asked = _ONE.fullmatch(header.strip())
    if asked is None or not any(asked.groups()) or max(map(len, asked.groups())) > _LONGEST:
        return None
    first, last = asked.groups()
    if not first:  # the last so many bytes
        length = min(int(last), size)
        if not length:
            raise Unsatisfiable
        return size - length, size - 1
    start, end = int(first), min(int(last) if last else size - 1, size - 1)
    if last and int(last) < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return start, end


class Part:
    """The bytes `first` to `last` of a file, to be read once."""

    def __init__(self, file: IO[bytes], first: int, last: int) -> None:
        file.seek(first)
        self._file, self._left = file, last - first + 1

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()
