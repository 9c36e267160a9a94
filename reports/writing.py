"""Exports as CSV: one snapshot, streamed by COPY, in constant memory, complete or not at all.

Postgres writes the cells that hold nothing about people. Sealed cells come before them, are cut off
the line and written in the clear in their place (reports.opening).
"""

import csv
import hashlib
import io
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from typing import IO, cast

from django.db import connection, transaction

from database.clock import database_now
from reports.columns import guard
from reports.enums import Encoding
from reports.opening import BETWEEN, END, Opened, cell, in_processes, opener_of, plain_opener
from reports.people import People
from reports.reading import Query, query_of, rows_counted, rows_expected
from reports.selection import Form, Selection

BLOCK = 1000  # rows; more leave the caches of a core
# Fewer are opened before processes for it have started.
ROWS_FOR_PROCESSES = 20_000
MOST_LISTED = 1000  # replaced letters


@dataclass(frozen=True)
class Replaced:
    """A letter that the encoding does not have: where it was and what stands there instead."""

    row: int  # from 1, without the header
    column: str
    letter: str
    by: str


@dataclass
class Written:
    """What a file holds."""

    rows: int = 0
    people: People = field(default_factory=People)
    replaced: list[Replaced] = field(default_factory=list)  # the first MOST_LISTED
    replaced_count: int = 0
    as_of: datetime | None = None  # by the database's clock, within the snapshot
    counted: int | None = None


class Hashing:
    """A file that knows the SHA-256 and the length of what was written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._digest, self.size = file, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    @property
    def as_file(self) -> IO[bytes]:
        return cast("IO[bytes]", self)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def write_csv(
    file: IO[bytes],
    selection: Selection,
    form: Form,
    written: Written | None = None,
    *,
    progress: Callable[[int], None] | None = None,
    processes: int = 1,
    count: bool = False,
) -> Written:
    """Write the selection to `file` as it is at one instant.

    `written` grows as it goes on, for a caller that must know how far a broken file came.
    `progress` gets the number of rows when the snapshot begins and after each block, and ends the
    writing by raising. Sealed cells are opened in `processes`. With `count` the rows are counted
    too, in the same snapshot.
    """
    written = Written() if written is None else written
    encode = _encoder(form.encoding, [column.name for column in selection.columns], written)
    start = "\ufeff".encode() if form.encoding == Encoding.EXCEL else b""
    header = [column.header(form.headers) for column in selection.columns]
    file.write(start + encode(_line(header) + END))
    query = query_of(selection, form.zone)
    look = partial(_look, selection, written, count, progress)
    for block in _blocks(selection, query, processes, look):
        file.write(encode(block.text))
        written.people.update(block.people)
        written.rows += block.rows
        if progress is not None:
            progress(written.rows)
    return written


def _look(
    selection: Selection, written: Written, count: bool, progress: Callable[[int], None] | None
) -> None:
    """Note of which instant the snapshot is, and how many rows it has."""
    if progress is not None:
        progress(0)
    written.as_of = database_now()
    written.counted = rows_counted(selection) if count else None


def _blocks(
    selection: Selection, query: Query, processes: int, look: Callable[[], None]
) -> Iterator[Opened]:
    """Blocks of the finished file."""
    if query.hidden is None:
        with snapshot():
            look()
            yield from map(plain_opener(selection), _copied(query.sql))
        return
    if processes > 1 and rows_expected(query) < ROWS_FOR_PROCESSES:
        processes = 1
    # The processes begin before the snapshot does, so that none of them inherits its COPY.
    with in_processes(opener_of(selection, query), processes) as opened, snapshot():
        look()
        yield from opened(_copied(query.sql))


def _copied(sql: str) -> Iterator[bytes]:
    """The lines of COPY in blocks. Postgres sends one row in each message, so that line breaks
    inside a cell stay as they are."""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({sql}) TO STDOUT WITH (FORMAT csv, ENCODING 'UTF8')") as copy,
    ):
        lines = map(bytes, copy)
        while block := BETWEEN.join(islice(lines, BLOCK)):
            yield block


def _line(cells: Sequence[str]) -> bytes:
    return b",".join(cell(text) for text in cells)


def _encoder(
    encoding: Encoding, names: Sequence[str], written: Written
) -> Callable[[bytes], bytes]:
    """A function from UTF-8 to the file's encoding; what does not fit is replaced and listed."""
    if encoding != Encoding.CP949:
        return bytes

    def encode(lines: bytes) -> bytes:
        text = lines.decode()
        try:
            return text.encode("cp949")
        except UnicodeEncodeError:
            return _replaced(text, names, written).encode("cp949")

    return encode


def _replaced(text: str, names: Sequence[str], written: Written) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    for number, cells in enumerate(csv.reader(io.StringIO(text, newline="")), written.rows + 1):
        writer.writerow(
            _fitting(text, number, name, written) for text, name in zip(cells, names, strict=True)
        )
    return buffer.getvalue()


def _fitting(text: str, row: int, column: str, written: Written) -> str:
    try:
        text.encode("cp949")
    except UnicodeEncodeError:
        letters = []
        # Composed first: a Hangul syllable typed as three letters (NFD) is one in CP949.
        for letter in unicodedata.normalize("NFC", text):
            fitting = _nearest(letter)
            letters.append(fitting)
            if fitting != letter:
                written.replaced_count += 1
                if len(written.replaced) < MOST_LISTED:
                    written.replaced.append(Replaced(row, column, letter, fitting))
        # A small “﹦” became “=”.
        return guard("".join(letters))
    return text


def _nearest(letter: str) -> str:
    """The letter, or without its marks what CP949 has (é → e), or a question mark."""
    for text in (letter, _without_marks(letter)):
        try:
            text.encode("cp949")
        except UnicodeEncodeError:
            continue
        return text or "?"
    return "?"


def _without_marks(letter: str) -> str:
    parts = unicodedata.normalize("NFKD", letter)
    return "".join(part for part in parts if not unicodedata.combining(part))


@contextmanager
def snapshot() -> Iterator[None]:
    """A read-only transaction with one snapshot.

    Inside a transaction that has already begun (in tests) that one is used unchanged: Postgres
    allows SET TRANSACTION only before the first statement.
    """
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
