"""Reservations as CSV: one snapshot, streamed by COPY, so that a million rows need no memory.

Without personal data Postgres writes the lines itself. With it, names, birth dates and phones
are encrypted in the rows, and are decrypted here one by one on their way through.
"""

import csv
import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import IO, Any, cast

from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Case, CharField, F, Func, QuerySet, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.models import Reservation
from eligibility.models import Person
from eligibility.spelling import shown_phone
from privacy.cipher import decrypt
from privacy.fields import EncryptedField

# A cell that begins so is a formula to a spreadsheet, whoever typed it.
FORMULA = "=+-@\t\r"
_BATCH = 500  # rows


class Encoding(models.TextChoices):
    EXCEL = "utf-8-sig", gettext_lazy("Excel and other programs for people (UTF-8 with BOM)")
    MACHINE = "utf-8", gettext_lazy("Machines (UTF-8 without BOM)")
    CP949 = "cp949", gettext_lazy("Old programs (CP949)")


class CantBeWritten(Exception):
    """The encoding has no letter for something in the rows; nothing was written."""


@dataclass(frozen=True)
class Selection:
    """Which reservations: rows the asker may see, by day of the appointment (Asia/Seoul)."""

    rows: QuerySet[Reservation]
    first: date | None = None
    last: date | None = None
    region: str = ""

    def in_short(self, count: int) -> dict[str, Any]:
        """What is kept of it with the record of access."""
        first, last = self.first or "", self.last or ""
        return {
            "first": str(first) or "–",
            "last": str(last) or "–",
            "region": self.region or "–",
            "count": count,
        }

    def queryset(self) -> QuerySet[Reservation]:
        rows = self.rows
        if self.first:
            rows = rows.filter(slot__starts_at__gte=_midnight(self.first))
        if self.last:
            rows = rows.filter(slot__starts_at__lt=_midnight(self.last + timedelta(days=1)))
        if self.region:
            rows = rows.filter(slot__clinic__region=self.region)
        return rows


def _midnight(on: date) -> datetime:
    return timezone.make_aware(datetime.combine(on, time.min))


class _Local(Func):
    """A time as it stands on the clock in Seoul, to be read by people and spreadsheets."""

    template = "to_char(%(expressions)s AT TIME ZONE 'Asia/Seoul', 'YYYY-MM-DD HH24:MI')"
    output_field = CharField()


def _guarded(field: str) -> Case:
    starts = models.Q()
    for sign in FORMULA:
        starts |= models.Q(**{f"{field}__startswith": sign})
    return Case(
        When(
            starts, then=Func(Value("'"), F(field), template="%(expressions)s", arg_joiner=" || ")
        ),
        default=F(field),
        output_field=CharField(),
    )


# Name in the file → where it comes from. docs/schemas/reservations.json describes the file.
COLUMNS: dict[str, Any] = {
    "number": F("number"),
    "status": F("status"),
    "dose": F("dose"),
    "vaccine": _guarded("slot__vaccine__code"),
    "starts_at": _Local("slot__starts_at"),
    "clinic": _guarded("slot__clinic__code"),
    "clinic_name": _guarded("slot__clinic__name"),
    "region": _guarded("slot__clinic__region"),
    "district": _guarded("slot__clinic__district"),
    "booked_at": _Local("confirmed_at"),
    "changed_at": _Local("changed_at"),
}


def guard(text: str) -> str:
    return f"'{text}" if text.startswith(tuple(FORMULA)) else text


@dataclass(frozen=True)
class _Personal:
    name: str
    field: str
    shown: Callable[[str], str]


PERSONAL = [
    _Personal("name", "name", guard),
    _Personal("birth_date", "birth_date", str),
    _Personal("phone", "phone", shown_phone),
]


def header(*, people: bool) -> list[str]:
    return [*COLUMNS, *(column.name for column in PERSONAL if people)]


def write_export(
    selection: Selection, *, people: bool, encoding: Encoding, seen: set[int] | None = None
) -> tuple[IO[bytes], int]:
    """A nameless temporary file that holds the whole export, and how many rows it has.

    Whole before the first byte is sent: a letter that CP949 lacks, or a lost database, is a
    message and not half a file, and a slow reader holds no snapshot open.
    """
    with ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile())
        count = export_to(file, selection, people=people, encoding=encoding, seen=seen)
        file.seek(0)
        stack.pop_all()  # whoever asked closes it
    return file, count


def export_to(
    file: IO[bytes],
    selection: Selection,
    *,
    people: bool,
    encoding: Encoding,
    seen: set[int] | None = None,
) -> int:
    """Write the export to `file`; how many rows. CantBeWritten if the encoding can't hold it.

    The numbers of the people whose data went into it are added to `seen`.
    """
    count = -1  # the header is no row
    start = "\ufeff" if encoding == Encoding.EXCEL else ""
    codec = "utf-8" if encoding == Encoding.EXCEL else str(encoding.value)
    for text, lines in _chunks(selection, people=people, seen=seen):
        try:
            file.write((start + text).encode(codec))
        except UnicodeEncodeError as error:
            raise CantBeWritten(
                _("Row %(row)s holds a letter that CP949 does not have. Choose UTF-8.")
                % {"row": count + 1 + text[: error.start - len(start)].count("\r\n")}
            ) from None
        start = ""
        count += lines
    return count


def _chunks(
    selection: Selection, *, people: bool, seen: set[int] | None
) -> Iterator[tuple[str, int]]:
    """(text, number of lines), the header first."""
    yield _lines([header(people=people)])
    columns = dict(COLUMNS)
    if people:
        columns |= {f"sealed_{column.field}": F(f"person__{column.field}") for column in PERSONAL}
        columns["person"] = F("person_id")
    rows = selection.queryset().order_by("slot__starts_at", "number")
    rows = rows.values_list(*columns.values())
    with snapshot(), connection.cursor() as cursor:
        sql = cursor.mogrify(*rows.query.sql_with_params())
        yield from _sealed(cursor, sql, seen) if people else _plain(cursor, sql)


def _plain(cursor: CursorWrapper, sql: str) -> Iterator[tuple[str, int]]:
    waiting: list[bytes] = []
    with cursor.copy(f"COPY ({sql}) TO STDOUT WITH (FORMAT csv, ENCODING 'UTF8')") as copy:
        for line in copy:  # Postgres sends each row on its own
            waiting.append(bytes(line))
            if len(waiting) == _BATCH:
                yield _text(waiting), len(waiting)
                waiting = []
    if waiting:
        yield _text(waiting), len(waiting)


def _text(lines: list[bytes]) -> str:
    return b"".join(lines).decode().replace("\n", "\r\n")


def _sealed(cursor: CursorWrapper, sql: str, seen: set[int] | None) -> Iterator[tuple[str, int]]:
    fields = [
        cast("EncryptedField[Any, Any]", Person._meta.get_field(column.field))
        for column in PERSONAL
    ]
    shown = [column.shown for column in PERSONAL]
    first = len(COLUMNS)
    batch: list[list[str]] = []
    with cursor.copy(f"COPY ({sql}) TO STDOUT") as copy:
        for row in copy.rows():
            open_cells = [cell or "" for cell in row[:first]]
            if seen is not None:
                seen.add(int(row[-1]))
            for cell, field, show in zip(row[first:-1], fields, shown, strict=True):
                # COPY writes bytes as \x and hexadecimal digits.
                open_cells.append(show(decrypt(bytes.fromhex(cell[2:]), context=field.context)))
            batch.append(open_cells)
            if len(batch) == _BATCH:
                yield _lines(batch)
                batch = []
    if batch:
        yield _lines(batch)


def _lines(rows: list[list[str]]) -> tuple[str, int]:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue(), len(rows)


@contextmanager
def snapshot() -> Iterator[None]:
    """One transaction that sees the database as it was at one instant, and changes nothing.

    Inside a transaction that has already begun (a test), that one is used as it is.
    """
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
