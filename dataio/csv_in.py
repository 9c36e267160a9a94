"""Strict reading of CSV files; errors name the line and column.

The encoding is never guessed, which could turn a name into another one: a file is UTF-8 (with or
without BOM) or CP949 from its first byte to its last, or it is refused.
"""

import codecs
import csv
import io
import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from dataio.csv_out import unguarded
from dataio.values import BadValue

# Columns added to a file of refused rows; ignored when the corrected file is imported.
REFUSED_LINE, REFUSED_REASON = "refused_line", "refused_reason"
_CHUNK = 1 << 20  # bytes
MOST_COLUMNS = 100
# How .xlsx, .ods and .numbers (all zip files) and the older .xls begin.
SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
SAVE_AS_CSV = gettext_lazy(
    "This is a spreadsheet, not a CSV. Open it in Excel, choose “Save as” and the file type “CSV "
    "UTF-8 (comma delimited)”, and send that file."
)
# A national roster has about 2 GB. JSON is read into memory as a whole.
MOST_BYTES, MOST_JSON_BYTES = 4 << 30, 64 << 20


class BadFile(Exception):
    """The file as a whole can't be read; the message says where, and what to do."""


@dataclass(frozen=True)
class Column:
    """One column: its name, parser and conditions.

    `parse` raises BadValue. Values of a `personal` column never appear in messages.
    """

    name: str
    parse: Callable[[str], Any] = str
    required: bool = True
    max_length: int | None = None
    personal: bool = False
    default: Any = ""

    def value_of(self, text: str) -> Any:
        """The value of a cell; raises BadValue."""
        # Korean syllables may come decomposed (NFD, from macOS), which equal no composed ones.
        text = unguarded(unicodedata.normalize("NFC", text.strip()))
        if not text:
            if self.required:
                raise BadValue(_("This must not be empty."))
            return self.default
        if self.max_length and len(text) > self.max_length:
            raise BadValue(
                ngettext(
                    "At most %(count)s character fits here.",
                    "At most %(count)s characters fit here.",
                    self.max_length,
                )
                % {"count": self.max_length}
            )
        return self.parse(text)


@dataclass(frozen=True)
class Layout:
    """The columns of one kind of file; `choose_layout` finds it by the header."""

    name: str
    columns: Sequence[Column]
    # Whether further columns are ignored, as in lists that others publish.
    others_allowed: bool = False

    @property
    def required_names(self) -> set[str]:
        return {column.name.casefold() for column in self.columns if column.required}

    @property
    def known_names(self) -> set[str]:
        return {column.name.casefold() for column in self.columns}


@dataclass
class Row:
    """One row of a file: its line, its cells as read, and their values by column.

    A column that the file lacks is not among the values and changes nothing; an empty cell has
    the column's default and clears the field.
    """

    line: int
    cells: list[str]
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass
class Table:
    """An opened file; rows are read lazily, in constant memory."""

    encoding: str
    layout: Layout
    header: list[str]
    rows: Iterator[Row]


@dataclass(frozen=True)
class Piece:
    """The text of some complete rows, to be split into cells by another process."""

    first_line: int
    text: str

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """(line, cells) of each row; raises BadFile for unbalanced quotation marks."""
        return _csv_rows(io.StringIO(self.text, newline=""), self.first_line)


@dataclass
class Pieces:
    """An opened file, cut into pieces at the ends of rows."""

    encoding: str
    layout: Layout
    header: list[str]
    pieces: Iterator[Piece]


@contextmanager
def open_table(path: Path, layouts: Sequence[Layout]) -> Iterator[Table]:
    """Open a CSV, or a JSON list of objects for the suffix .json; raises BadFile."""
    if path.suffix.casefold() == ".json":
        header, cells = _json_rows(path)
        yield _table("utf-8", header, cells, layouts)
        return
    encoding = find_encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        lines = _csv_rows(file)
        header = next(lines, (1, []))[1]
        yield _table(encoding, header, lines, layouts)


@contextmanager
def open_pieces(path: Path, layouts: Sequence[Layout], *, size: int) -> Iterator[Pieces]:
    """Open a CSV for parsing in several processes, in pieces of about `size` lines.

    Raises BadFile.
    """
    encoding = find_encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        text = _complete_rows(file, 1)
        header = next(_csv_rows(io.StringIO(text, newline="")), (1, []))[1]
        names = [unicodedata.normalize("NFC", name.strip()) for name in header]
        layout = choose_layout(names, layouts)
        first = 1 + _count_lines(text)
        yield Pieces(encoding, layout, names, _pieces(file, first, size))


def _pieces(file: TextIO, first: int, size: int) -> Iterator[Piece]:
    while text := _complete_rows(file, size):
        yield Piece(first, text)
        first += _count_lines(text)


def _complete_rows(file: TextIO, size: int) -> str:
    """The next `size` lines, and more until no quoted cell is cut in two."""
    text = "".join(islice(file, size))
    if '"' in text:
        # Inside a quoted cell the number of quotation marks so far is odd; escaped ones ("")
        # count twice.
        odd = text.count('"') % 2
        more = []
        while odd and (line := next(file, "")):
            more.append(line)
            odd ^= line.count('"') % 2
        text += "".join(more)
    return text


def _count_lines(text: str) -> int:
    return sum(1 for _line in io.StringIO(text, newline=""))


def row_reader(header: Sequence[str], layout: Layout) -> Callable[[int, list[str]], Row]:
    """A function that makes a Row from a line of a file with this header."""
    positions = {name.casefold(): position for position, name in enumerate(header)}
    columns = [
        (column, positions[column.name.casefold()])
        for column in layout.columns
        if column.name.casefold() in positions
    ]
    width = len(header)
    return lambda line, cells: _row(line, cells, width, columns)


def absent_columns(header: Sequence[str], layout: Layout) -> frozenset[str]:
    """The columns of the layout that this header lacks."""
    names = {name.casefold() for name in header}
    return frozenset(
        column.name for column in layout.columns if column.name.casefold() not in names
    )


def find_encoding(path: Path, *, most: int = MOST_BYTES) -> str:
    """`utf-8`, `utf-8-sig` or `cp949`, checked to the last byte; raises BadFile."""
    try:
        _check_size(path, most)
        with path.open("rb") as file:
            return _encoding_of(file)
    except OSError as error:
        raise BadFile(_("The file can't be opened: %s.") % (error.strerror or error)) from error


def decoded(content: bytes) -> str:
    """The text of a small file that is in memory; raises BadFile."""
    return content.decode(_encoding_of(io.BytesIO(content)))


def _encoding_of(file: BinaryIO) -> str:
    start = file.read(4)
    if not start:
        raise BadFile(_("The file is empty."))
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise BadFile(_("This is UTF-16. Save the file as “CSV UTF-8” and try again."))
    if start in SPREADSHEETS:
        raise BadFile(str(SAVE_AS_CSV))
    # UTF-8 first: CP949 decodes some UTF-8 without an error, the reverse is practically excluded.
    wrong_line = _first_undecodable_line(file, "utf-8")
    if wrong_line is None:
        return "utf-8-sig" if start.startswith(codecs.BOM_UTF8) else "utf-8"
    if _first_undecodable_line(file, "cp949") is None:
        return "cp949"
    raise BadFile(
        _("Line %(line)s is neither UTF-8 nor CP949. Save the file as “CSV UTF-8” and try again.")
        % {"line": wrong_line}
    )


def _check_size(path: Path, most: int) -> None:
    size = path.stat().st_size
    if size > most:
        raise BadFile(
            _("The file has %(size)s MB; at most %(most)s MB can be read. Cut it into several.")
            % {"size": f"{size >> 20:,}", "most": f"{most >> 20:,}"}
        )


def _first_undecodable_line(file: BinaryIO, encoding: str) -> int | None:
    """The first line that can't be decoded; None if all can.

    Raises BadFile for a NUL byte, which Postgres does not store in text.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    line = 1
    file.seek(0)
    while True:
        chunk = file.read(_CHUNK)
        if b"\0" in chunk:
            line += chunk[: chunk.index(b"\0")].count(b"\n")
            raise BadFile(
                _("Line %(line)s contains a NUL byte: the file is damaged, or not a CSV.")
                % {"line": line}
            )
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            return line + error.object[: error.start].count(b"\n")
        if not chunk:
            return None
        line += chunk.count(b"\n")


def _csv_rows(file: TextIO, first: int = 1) -> Iterator[tuple[int, list[str]]]:
    """(first line, cells) of each row that is not empty; raises BadFile."""
    reader = csv.reader(file, strict=True)
    while True:
        line = reader.line_num + first
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadFile(
                _("Line %(line)s: the quotation marks do not match up. Nothing was read after it.")
                % {"line": line}
            ) from error
        if any(cell.strip() for cell in cells):
            yield line, cells


def _json_rows(path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Header and rows of a list of objects, also of `{"data": […]}` as data.go.kr answers."""
    encoding = find_encoding(path, most=MOST_JSON_BYTES)
    try:
        content = json.loads(path.read_text(encoding=encoding))
    except json.JSONDecodeError as error:
        raise BadFile(
            _("Line %(line)s: this is not well-formed JSON.") % {"line": error.lineno}
        ) from error
    except RecursionError as error:
        raise BadFile(_("The JSON must be a list of objects.")) from error
    if isinstance(content, dict):
        content = content.get("data")
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        raise BadFile(_("The JSON must be a list of objects."))
    if not content:
        raise BadFile(_("The file is empty."))
    header = list(dict.fromkeys(name for item in content for name in item))
    rows = (
        (number, [_json_cell(item.get(name)) for name in header])
        for number, item in enumerate(content, start=1)
    )
    return header, rows


def _json_cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _table(
    encoding: str,
    header: list[str],
    lines: Iterator[tuple[int, list[str]]],
    layouts: Sequence[Layout],
) -> Table:
    names = [unicodedata.normalize("NFC", name.strip()) for name in header]
    layout = choose_layout(names, layouts)
    read = row_reader(names, layout)
    rows = (read(line, cells) for line, cells in lines)
    return Table(encoding=encoding, layout=layout, header=names, rows=rows)


def choose_layout(names: list[str], layouts: Sequence[Layout]) -> Layout:
    """The layout of this header; raises BadFile for missing, unknown or repeated columns."""
    if not names:
        raise BadFile(_("The file is empty."))
    if len(names) > MOST_COLUMNS:
        raise BadFile(
            _("The first line has %(found)s columns; at most %(most)s can be read.")
            % {"found": len(names), "most": MOST_COLUMNS}
        )
    # Excel separates by the locale's list separator.
    if len(names) == 1 and any(mark in names[0] for mark in "\t;|"):
        raise BadFile(_("The first line has no commas. Separate the columns by commas."))
    if "" in names:
        raise BadFile(
            _("Column %(number)s has no name in the first line.") % {"number": names.index("") + 1}
        )
    folded = [name.casefold() for name in names]
    counts = Counter(folded)
    repeated = sorted({name for name in names if counts[name.casefold()] > 1})
    if repeated:
        raise BadFile(_("These columns stand there twice: %s.") % ", ".join(repeated))

    # A layout whose required columns are all there, then the one that shares most columns: the
    # message about a wrong header refers to the most likely layout.
    layout = max(
        layouts,
        key=lambda layout: (
            layout.required_names <= set(folded),
            len(layout.known_names & set(folded)),
        ),
    )
    missing = [column.name for column in layout.columns if column.name.casefold() not in folded]
    missing = [name for name in missing if name.casefold() in layout.required_names]
    if missing:
        raise BadFile(
            _("The first line lacks these columns: %(missing)s. It has: %(found)s.")
            % {"missing": ", ".join(missing), "found": _shortened(names)}
        )
    if not layout.others_allowed:
        accepted = layout.known_names | {REFUSED_LINE, REFUSED_REASON}
        unknown = [name for name in names if name.casefold() not in accepted]
        if unknown:
            raise BadFile(
                _("These columns are not known: %(unknown)s. Known are: %(known)s.")
                % {
                    "unknown": _shortened(unknown),
                    "known": ", ".join(column.name for column in layout.columns),
                }
            )
    return layout


def _shortened(names: list[str]) -> str:
    """Column names for a message; of a file without a header these are data, shown as "…"."""
    names_shown = [name if name.isascii() and name.isidentifier() else "…" for name in names[:20]]
    return ", ".join(names_shown)


def _row(
    line: int,
    cells: list[str],
    width: int,
    columns: list[tuple[Column, int]],
) -> Row:
    row = Row(line=line, cells=cells)
    if len(cells) != width:
        # No cell belongs to a certain column, so none is parsed.
        row.problems.append(
            _("%(cells)s cells where the first line has %(width)s; quote texts that hold a comma.")
            % {"cells": len(cells), "width": width}
        )
        return row
    for column, position in columns:
        try:
            row.values[column.name] = column.value_of(cells[position])
        except BadValue as problem:
            row.problems.append(problem_at(column, cells[position], str(problem)))
    return row


def problem_at(column: Column, text: str, message: str) -> str:
    """A message about one cell; it quotes the text unless the column is personal."""
    quoted = "" if column.personal or not text.strip() else f" (“{text.strip()[:40]}”)"
    return _("column %(column)s: %(problem)s") % {
        "column": column.name,
        "problem": f"{message}{quoted}",
    }
