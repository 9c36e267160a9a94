"""Reservations as CSV: one snapshot, streamed by COPY, in constant memory.

Without personal data Postgres formats the lines itself. With it, COPY streams the encrypted
cells, which are decrypted here row by row.
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

# A cell that begins with one of these is run as a formula by spreadsheets (CSV injection).
FORMULA = "=+-@\t\r"
_BATCH = 500  # rows


class Encoding(models.TextChoices):
    EXCEL = "utf-8-sig", gettext_lazy("Excel and other programs for people (UTF-8 with BOM)")
    MACHINE = "utf-8", gettext_lazy("Machines (UTF-8 without BOM)")
    CP949 = "cp949", gettext_lazy("Old programs (CP949)")


class UnencodableText(Exception):
    """The encoding lacks a character in the rows; the message names the row."""


@dataclass(frozen=True)
class Selection:
    """The rows the user may see, filtered by day of the appointment (Asia/Seoul) and region."""

    rows: QuerySet[Reservation]
    first: date | None = None
    last: date | None = None
    region: str = ""

    def summary(self, count: int) -> dict[str, Any]:
        """The selection as kept in the record of access, with the number of rows."""
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
    """A timestamp as local time of Seoul, in a format that spreadsheets read."""

    template = "to_char(%(expressions)s AT TIME ZONE 'Asia/Seoul', 'YYYY-MM-DD HH24:MI')"
    output_field = CharField()


def _guarded(field: str) -> Case:
    """`guard` in SQL."""
    is_formula = models.Q()
    for first_character in FORMULA:
        is_formula |= models.Q(**{f"{field}__startswith": first_character})
    return Case(
        When(
            is_formula,
            then=Func(Value("'"), F(field), template="%(expressions)s", arg_joiner=" || "),
        ),
        default=F(field),
        output_field=CharField(),
    )


# Expression by column name, in the order of the file (docs/schemas/reservations.json).
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
    """Prefix a cell that a spreadsheet would run as a formula."""
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
    selection: Selection, *, people: bool, encoding: Encoding, person_ids: set[int] | None = None
) -> tuple[IO[bytes], int]:
    """An unnamed temporary file with the export, and its number of rows.

    Complete before the first byte is sent: UnencodableText or a lost database is an error page,
    not half a file, and a slow client keeps no snapshot open.
    """
    with ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile())
        count = export_to(file, selection, people=people, encoding=encoding, person_ids=person_ids)
        file.seek(0)
        stack.pop_all()  # the caller closes the file
    return file, count


def export_to(
    file: IO[bytes],
    selection: Selection,
    *,
    people: bool,
    encoding: Encoding,
    person_ids: set[int] | None = None,
) -> int:
    """Write the export to `file`; returns the number of rows. Raises UnencodableText.

    With `people`, the ids of all people in the file are added to `person_ids`.
    """
    count = -1  # the header is not counted
    start = "\ufeff" if encoding == Encoding.EXCEL else ""
    codec = "utf-8" if encoding == Encoding.EXCEL else str(encoding.value)
    for text, lines in _chunks(selection, people=people, person_ids=person_ids):
        try:
            file.write((start + text).encode(codec))
        except UnicodeEncodeError as error:
            raise UnencodableText(
                _("Row %(row)s holds a letter that CP949 does not have. Choose UTF-8.")
                % {"row": count + 1 + text[: error.start - len(start)].count("\r\n")}
            ) from None
        start = ""
        count += lines
    return count


def _chunks(
    selection: Selection, *, people: bool, person_ids: set[int] | None
) -> Iterator[tuple[str, int]]:
    """Yield (text, number of lines), the header first."""
    yield _lines([header(people=people)])
    columns = dict(COLUMNS)
    if people:
        columns |= {f"sealed_{column.field}": F(f"person__{column.field}") for column in PERSONAL}
        columns["person"] = F("person_id")
    rows = selection.queryset().order_by("slot__starts_at", "number")
    rows = rows.values_list(*columns.values())
    with snapshot(), connection.cursor() as cursor:
        sql = cursor.mogrify(*rows.query.sql_with_params())
        yield from _sealed(cursor, sql, person_ids) if people else _plain(cursor, sql)


def _plain(cursor: CursorWrapper, sql: str) -> Iterator[tuple[str, int]]:
    batch: list[bytes] = []
    with cursor.copy(f"COPY ({sql}) TO STDOUT WITH (FORMAT csv, ENCODING 'UTF8')") as copy:
        for line in copy:  # one row each, encoded in batches
            batch.append(bytes(line))
            if len(batch) == _BATCH:
                yield _text(batch), len(batch)
                batch = []
    if batch:
        yield _text(batch), len(batch)


def _text(lines: list[bytes]) -> str:
    return b"".join(lines).decode().replace("\n", "\r\n")


def _sealed(
    cursor: CursorWrapper, sql: str, person_ids: set[int] | None
) -> Iterator[tuple[str, int]]:
    fields = [
        cast("EncryptedField[Any, Any]", Person._meta.get_field(column.field))
        for column in PERSONAL
    ]
    formats = [column.shown for column in PERSONAL]
    first = len(COLUMNS)
    batch: list[list[str]] = []
    with cursor.copy(f"COPY ({sql}) TO STDOUT") as copy:
        for row in copy.rows():
            open_cells = [cell or "" for cell in row[:first]]
            if person_ids is not None:
                person_ids.add(int(row[-1]))
            for cell, field, format_cell in zip(row[first:-1], fields, formats, strict=True):
                # COPY writes bytea as \x and hexadecimal digits.
                open_cells.append(
                    format_cell(decrypt(bytes.fromhex(cell[2:]), context=field.context))
                )
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
