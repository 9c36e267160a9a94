"""Exports as CSV: one snapshot, streamed by COPY, in constant memory, complete or not at all.

Postgres writes the cells that hold nothing about people. Sealed cells come after them, are cut off
the end of the line, decrypted here, and written in their place.
"""

import csv
import io
import unicodedata
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

from django.db import connection, transaction

from privacy.cipher import indexer
from reports.columns import Column, age_on, guard, opener
from reports.enums import Encoding, Headers
from reports.reading import Hidden, Query, query_of
from reports.selection import Form, Selection

BATCH = 500  # rows
MOST_LISTED = 1000  # replaced letters
END = b"\r\n"


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
    people: "array[int]" = field(default_factory=lambda: array("q"))  # ids, also repeated
    replaced: list[Replaced] = field(default_factory=list)  # the first MOST_LISTED
    replaced_count: int = 0


def write_csv(
    file: IO[bytes], selection: Selection, form: Form, written: Written | None = None
) -> Written:
    """Write the selection to `file` as it is at one instant.

    `written` grows as it goes on, for a caller that must know how far a broken file came.
    """
    written = Written() if written is None else written
    encode = _encoder(form.encoding, [column.name for column in selection.columns], written)
    start = "\ufeff".encode() if form.encoding == Encoding.EXCEL else b""
    file.write(start + encode(_line(_header(selection, form.headers)) + END))
    with snapshot():
        query = query_of(selection, form.zone)
        for lines in _batches(query.sql):
            if query.hidden is not None:
                lines = _opened(lines, selection, query, written)
            if len(selection.columns) == 1:
                # Readers skip an empty line, which is a row with one empty cell.
                lines = [line or b'""' for line in lines]
            file.write(encode(END.join(lines) + END))
            written.rows += len(lines)
    return written


def _header(selection: Selection, headers: Headers) -> list[str]:
    if headers == Headers.NAMES:
        return [column.name for column in selection.columns]
    return [getattr(column.title, headers.value) for column in selection.columns]


def _batches(sql: str) -> Iterator[list[bytes]]:
    """The lines of COPY without their ends. Postgres sends one row in each message, so that line
    breaks inside a cell stay as they are."""
    batch: list[bytes] = []
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({sql}) TO STDOUT WITH (FORMAT csv, ENCODING 'UTF8')") as copy,
    ):
        for line in copy:
            batch.append(bytes(line)[:-1])
            if len(batch) == BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


def _opened(
    lines: list[bytes], selection: Selection, query: Query, written: Written
) -> list[bytes]:
    """The lines with sealed cells in the clear, each at the place of its column."""
    hidden = query.hidden
    assert hidden is not None
    makers = _makers(selection, hidden)
    count = hidden.person + 1
    opened = []
    for line in lines:
        # Hidden cells are numbers, days and bytes in hexadecimal: no comma in them.
        plain, *cells = line.rsplit(b",", count) if query.plain else [b"", *line.split(b",")]
        written.people.append(int(cells[hidden.person]))
        made = [make(cells) for make in makers]
        opened.append(b",".join([plain, *made] if query.plain else made))
    return opened


def _makers(selection: Selection, hidden: Hidden) -> list[Callable[[Sequence[bytes]], bytes]]:
    """For each sealed column a function that makes its cell of the hidden ones of a row."""
    return [
        _maker(column, selection, hidden)
        for column in selection.columns
        if column.sealed is not None
    ]


def _maker(
    column: Column, selection: Selection, hidden: Hidden
) -> Callable[[Sequence[bytes]], bytes]:
    sealed = column.sealed
    assert sealed is not None
    if not sealed.field:
        # A keyed hash under a key of this recipient (privacy.cipher): others can't be joined.
        key_of = indexer(context=f"reports.person_key:{selection.recipient}".encode())
        person = hidden.person
        return lambda cells: key_of(cells[person].decode()).hex().encode()
    position, open_value, shown = hidden.fields[sealed.field], opener(sealed.field), sealed.shown

    def value(cells: Sequence[bytes]) -> str:
        cell = cells[position]
        # COPY writes bytea as \x and hexadecimal digits.
        return open_value(bytes.fromhex(cell[2:].decode())) if cell else ""

    if sealed.on:
        day = hidden.days[sealed.on]

        def age(cells: Sequence[bytes]) -> bytes:
            born, on = value(cells), cells[day].decode()
            return age_on(born, on).encode() if born and on else b""

        return age

    def cell(cells: Sequence[bytes]) -> bytes:
        text = value(cells)
        return _cell(shown(text)) if text else b""

    return cell


def _cell(text: str) -> bytes:
    if any(letter in text for letter in ',"\r\n'):
        text = '"' + text.replace('"', '""') + '"'
    return text.encode()


def _line(cells: Sequence[str]) -> bytes:
    return b",".join(_cell(text) for text in cells)


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
            _fitting(cell, number, name, written) for cell, name in zip(cells, names, strict=True)
        )
    return buffer.getvalue()


def _fitting(cell: str, row: int, column: str, written: Written) -> str:
    try:
        cell.encode("cp949")
    except UnicodeEncodeError:
        letters = []
        # Composed first: a Hangul syllable typed as three letters (NFD) is one in CP949.
        for letter in unicodedata.normalize("NFC", cell):
            fitting = _nearest(letter)
            letters.append(fitting)
            if fitting != letter:
                written.replaced_count += 1
                if len(written.replaced) < MOST_LISTED:
                    written.replaced.append(Replaced(row, column, letter, fitting))
        # A small “﹦” became “=”.
        return guard("".join(letters))
    return cell


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
