"""Cells and small tables of CSV files that spreadsheets open."""

import codecs
import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

# A cell that begins with one of these is run as a formula by spreadsheets (CSV injection, OWASP);
# East Asian editions read the full-width signs alike.
FORMULA = "=+-@\t\r\n＝＋－＠"


def guarded(text: str) -> str:
    """The text of a cell that no spreadsheet runs as a formula."""
    # Apostrophes before it count too, so that `unguarded` gives back what there was.
    return f"'{text}" if text.lstrip("'").startswith(tuple(FORMULA)) else text


def unguarded(text: str) -> str:
    """The text before `guarded`: our files may come back as they went out."""
    is_guarded = text.startswith("'") and text.lstrip("'").startswith(tuple(FORMULA))
    return text[1:] if is_guarded else text


def csv_line(cells: Sequence[Any]) -> str:
    """One line of CSV, quoted where needed."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue()


def csv_table(rows: Iterable[Sequence[Any]]) -> bytes:
    """A small table as UTF-8 with BOM, by which spreadsheets know it."""
    return codecs.BOM_UTF8 + "".join(map(csv_line, rows)).encode()
