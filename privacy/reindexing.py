"""Computes blind indexes anew under the first index key, while people go on booking.

An index holds the number of its key, so the state of the work is in the rows: it may be broken off
and run again. Each app registers its columns in `parts`.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, cast

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, F, Field, Func, IntegerField, Max, Model, Q, QuerySet, Value
from psycopg import sql

from database.clock import database_now
from privacy.cipher import UnreadableData, index_key_number
from web.hooks import Hook

BATCH = 500
# In the place of a key's number: random, in rows that must not be found any more.
NO_KEY = 0

Tell = Callable[[str, int], None]


@dataclass(frozen=True)
class Left:
    """Rows that are found under an older key only. `until`: when that no longer matters, or None
    if it does until they are computed anew; `rows`: some of those that can't be."""

    name: str
    count: int
    until: datetime | None = None
    rows: tuple[Any, ...] = ()


class Part(Protocol):
    """Blind indexes that are computed anew, or end, together."""

    @property
    def name(self) -> str: ...

    def reindex(self, tell: Tell) -> int:
        """Returns the number of rows written; `tell` is called with the name and that number."""

    def left(self) -> Left: ...

    def problems(self) -> Iterator[str]:
        """Why rows would not be found under settings.INDEX_KEYS. Quick, whatever the number of
        rows: each start of the web server asks."""


class KeyNumber(Func):
    """The number of the key of an index, in SQL; NULL for none."""

    function = "get_byte"
    output_field = IntegerField()

    def __init__(self, column: str, **extra: Any) -> None:
        super().__init__(F(column), Value(0), **extra)


def under_older_keys(rows: QuerySet[Any], columns: Sequence[str]) -> QuerySet[Any]:
    """Those with an index in one of these columns that is not under the first key."""
    fresh = [NO_KEY, index_key_number()]
    numbers = {f"key_of_{column}": KeyNumber(column) for column in columns}
    older = Q()
    for name in numbers:
        older |= Q(**{f"{name}__isnull": False}) & ~Q(**{f"{name}__in": fresh})
    found: QuerySet[Any] = rows.alias(**numbers).filter(older)
    return found


def under_other_keys(column: str, numbers: Collection[int]) -> Q:
    """Rows whose index is under none of these keys. As ranges, for which Postgres needs the
    column's b-tree only: of millions of rows it reads the few that are found."""
    other, first = Q(pk__in=[]), 0
    for number in sorted({NO_KEY, *numbers}):
        if first < number:
            other |= Q(**{f"{column}__gte": bytes([first]), f"{column}__lt": bytes([number])})
        first = number + 1
    return other | Q(**{f"{column}__gte": bytes([first])}) if first < 256 else other


@dataclass
class IndexedTable:
    """The indexes of a model whose rows hold all that they are computed from."""

    model: type[Model]
    columns: tuple[str, ...]
    # The new values of some rows, in their order and that of `columns`; None if one lacks its text.
    compute: Callable[[list[Any]], list[tuple[Any, ...] | None]]
    # An advisory lock, of what must not run at the same time.
    lock: int | None = None
    # Whether a row's index is the one under the key whose number it has.
    is_genuine: Callable[[Any], bool] = lambda row: True

    @property
    def name(self) -> str:
        return self.model._meta.label

    def reindex(self, tell: Tell) -> int:
        total = 0

        def add_to_total(count: int) -> None:
            tell(self.name, total + count)

        # Rows that are locked at the moment are passed over: another pass comes back for them.
        while written := self._pass(add_to_total):
            total += written
        return total

    def left(self) -> Left:
        rows = self._older()
        return Left(self.name, rows.count(), rows=tuple(rows.values_list("pk", flat=True)[:5]))

    def problems(self) -> Iterator[str]:
        """By the first column, which has a b-tree in tables of many rows."""
        rows, column = self.model._default_manager.all(), self.columns[0]
        numbers = [number for number, _key in settings.INDEX_KEYS]
        lost = rows.filter(under_other_keys(column, numbers)).values_list(column, flat=True)
        for index in lost[:1]:
            yield (
                f"Rows of {self.name} are found under index key {bytes(index)[0]}, which "
                f"JARI_INDEX_KEYS lacks. Add it behind the others; if it is lost, `manage.py "
                f"reindex` writes these rows anew."
            )
        for number in numbers:
            others = [other for other in range(256) if other != number]
            try:
                [row] = rows.filter(under_other_keys(column, others)).order_by(column)[:1] or [None]
            except UnreadableData as error:
                yield f"Rows of {self.name} can't be read: {error}"
                continue
            if row and not self.is_genuine(row):
                yield (
                    f"Key {number} of JARI_INDEX_KEYS is not the one that rows of {self.name} were "
                    f"written with."
                )

    def _older(self) -> QuerySet[Any]:
        return under_older_keys(self.model._default_manager.order_by("pk"), self.columns)

    def _pass(self, tell: Callable[[int], None]) -> int:
        written, after = 0, None
        while True:
            with transaction.atomic():
                if self.lock is not None:
                    _wait_for(self.lock)
                rows = self._chosen(after)
                if not rows:
                    return written
                values = self.compute(rows)
                found = [(row.pk, new) for row, new in zip(rows, values, strict=True) if new]
                written += self._write(found)
            after = rows[-1].pk
            tell(written)

    def _chosen(self, after: Any) -> list[Any]:
        rows = self._older() if after is None else self._older().filter(pk__gt=after)
        # A full lock, as an indexed column of a unique constraint changes. Skipping what others
        # hold, this waits for nobody while it holds rows, so no deadlock is possible.
        return list(rows.select_for_update(of=("self",), skip_locked=True)[:BATCH])

    def _write(self, rows: list[tuple[Any, tuple[Any, ...]]]) -> int:
        try:
            with transaction.atomic():
                return self._update(rows)
        except IntegrityError:
            # Two rows of one unique value: all the others are written, these are left to people.
            return sum(map(self._write_alone, rows)) if len(rows) > 1 else 0

    def _write_alone(self, row: tuple[Any, tuple[Any, ...]]) -> int:
        return self._write([row])

    def _update(self, rows: list[tuple[Any, tuple[Any, ...]]]) -> int:
        if not rows:
            return 0
        meta = self.model._meta
        assert meta.pk is not None
        fields = [
            meta.pk,
            *(cast("Field[Any, Any]", meta.get_field(name)) for name in self.columns),
        ]
        types = [sql.SQL(str(field.rel_db_type(connection))) for field in fields]
        names = {
            "table": sql.Identifier(meta.db_table),
            "key": sql.Identifier(str(meta.pk.column)),
            "sets": sql.SQL(", ").join(
                sql.SQL("{0} = fresh.{0}").format(sql.Identifier(column)) for column in self.columns
            ),
            "arrays": sql.SQL(", ").join(sql.SQL("%s::{}[]").format(name) for name in types),
            "columns": sql.SQL(", ").join(map(sql.Identifier, ["pk", *self.columns])),
        }
        keys, values = zip(*rows, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL(
                    "UPDATE {table} SET {sets} FROM unnest({arrays}) AS fresh ({columns})"
                    " WHERE {table}.{key} = fresh.pk"
                ).format(**names),
                [list(keys), *map(list, zip(*values, strict=True))],
            )
            count: int = cursor.rowcount
        return count


@dataclass
class ExpiringRows:
    """Rows that nobody looks up by their index any more after a while."""

    name: str
    # Those under an older key.
    older: Callable[[], QuerySet[Any]]
    at: str  # the time column from which `period` counts
    period: timedelta

    def reindex(self, tell: Tell) -> int:
        return 0

    def left(self) -> Left:
        since = database_now() - self.period
        rows = self.older().filter(**{f"{self.at}__gt": since})
        found = rows.order_by().aggregate(count=Count("pk"), last=Max(self.at))
        return Left(self.name, found["count"], found["last"] and found["last"] + self.period)

    def problems(self) -> Iterator[str]:
        yield from ()


parts: Hook[Callable[[], Part]] = Hook()


def reindex(tell: Tell = lambda name, count: None) -> int:
    """Compute every index anew that is not under the first key; the number of rows written."""
    return sum(part().reindex(tell) for part in parts)


def left() -> Iterator[Left]:
    """What still needs an older key, part by part; parts without any are left out."""
    for part in parts:
        rows = part().left()
        if rows.count:
            yield rows


def key_problems() -> Iterator[str]:
    """Why the portal must not run with settings.INDEX_KEYS: it would not find rows that exist."""
    for part in parts:
        yield from part().problems()


def _wait_for(lock: int) -> None:
    with connection.cursor() as cursor:
        # An import holds it for minutes, longer than pages wait for a lock.
        cursor.execute("SET LOCAL lock_timeout TO 0")
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock])
        cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
