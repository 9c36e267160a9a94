"""The SQL of a selection. Sealed cells and what they need come first, then those that Postgres can
write."""

import json
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BinaryField, CharField, F, Model, QuerySet
from django.utils import timezone

from privacy.cipher import blind_index
from reports.columns import Column, Sql
from reports.enums import Zone
from reports.exports import Statement, Table
from reports.selection import Selection
from staff.scoping import sees_everything

# Aliases of columns begin with it, as a model may have a field of the column's name.
_ALIAS = "c_"
# Destroyed data of a person is an empty cell, and no date of 1900.
_UNLESS_FORGOTTEN = "CASE WHEN {1} IS NULL THEN {0} END"


@dataclass(frozen=True)
class Hidden:
    """Positions of the cells that the sealed columns are made of."""

    fields: dict[str, int]  # encrypted field of the person → position
    days: dict[str, int]  # path of a day → position
    person: int


@dataclass(frozen=True)
class Query:
    """A SELECT without parameters. `hidden` says what its first cells are, None if there are none;
    the file's `plain` ones follow."""

    sql: str
    plain: int
    hidden: Hidden | None = None


def query_of(selection: Selection, zone: Zone) -> Query:
    source = selection.export.source
    if isinstance(source, Statement):
        return _of_statement(selection, source, zone)
    return _of_table(selection, source, zone)


def _of_table(selection: Selection, source: Table, zone: Zone) -> Query:
    rows = _chosen(selection, source)
    if selection.export.adds_up:
        rows, plain, hidden = _added_up(selection, rows, zone), len(selection.columns), None
    else:
        by_day = bool(selection.recipient)
        cells = [
            _cell(column, zone, by_day=by_day)
            for column in selection.columns
            if column.sealed is None
        ]
        plain = len(cells)
        more, hidden = _hidden_cells(selection, source)
        rows = rows.order_by(*_order(selection, source)).values_list(*more, *cells)
    try:
        statement = rows.query.sql_with_params()
    except EmptyResultSet:
        # Django knows that there are none, as for a user without a workplace.
        return Query("SELECT WHERE false", plain, hidden)
    with connection.cursor() as cursor:
        return Query(cursor.mogrify(*statement), plain, hidden)


def _chosen(selection: Selection, source: Table) -> QuerySet[Any]:
    rows = source.rows_for(selection.user)
    days = source.period_is_day
    if selection.first:
        start = selection.first if days else midnight(selection.first)
        rows = rows.filter(**{f"{source.period}__gte": start})
    if selection.last:
        after = selection.last + timedelta(days=1)
        rows = rows.filter(**{f"{source.period}__lt": after if days else midnight(after)})
    if selection.since:
        rows = rows.filter(**{f"{source.changed}__gte": selection.since})
    if selection.region:
        rows = source.in_region(rows, selection.region)
    if selection.cohort:
        rows = rows.filter(**{f"{source.cohort_path}__code": selection.cohort})
    return rows


def midnight(on: date) -> datetime:
    return timezone.make_aware(datetime.combine(on, time.min))


def _order(selection: Selection, source: Table) -> list[Any]:
    """The export's order; with keys of people an order of the recipient's own, as the rows of two
    files that follow each other alike would be joined by their number."""
    if not selection.recipient:
        return list(source.order)
    secret = blind_index("order", context=f"reports.order:{selection.recipient}".encode()).hex()
    shuffled = f"sha256(convert_to('{secret}' || {{0}}::text, 'UTF8'))"
    return [Sql(shuffled, F("pk"), output_field=BinaryField())]


def _cell(column: Column, zone: Zone, *, by_day: bool = False) -> Sql:
    paths = [F(path) for path in (column.source, *column.also)]
    return Sql(column.wrap(zone, by_day=by_day), *paths, output_field=CharField())


def _hidden_cells(selection: Selection, source: Table) -> tuple[list[Any], Hidden | None]:
    sealed = [column.sealed for column in selection.columns if column.sealed is not None]
    if not sealed:
        return [], None
    person = source.person_path
    fields = sorted({cell.field for cell in sealed if cell.field})
    days = {cell.on: cell.on_sql for cell in sealed if cell.on}
    cells: list[Any] = [
        Sql(
            _UNLESS_FORGOTTEN,
            F(f"{person}__{name}"),
            F(f"{person}__forgotten_at"),
            output_field=CharField(),
        )
        for name in fields
    ]
    cells += [Sql(sql, F(path), output_field=CharField()) for path, sql in days.items()]
    positions = {path: len(fields) + number for number, path in enumerate(days)}
    hidden = Hidden(
        fields={name: number for number, name in enumerate(fields)},
        days=positions,
        person=len(cells),
    )
    # `F` of a foreign key is its column: no join.
    return [*cells, F(person)], hidden


def _added_up(selection: Selection, rows: QuerySet[Any], zone: Zone) -> QuerySet[Any]:
    """One row for each combination of the columns that are no totals."""
    groups = {
        _ALIAS + column.name: _cell(column, zone)
        for column in selection.columns
        if column.total is None
    }
    totals = {_ALIAS + column.name: column.total for column in selection.columns if column.total}
    added_up: QuerySet[Any] = rows.order_by().values(**groups).annotate(**totals)
    return added_up.order_by(*groups).values_list(
        *(_ALIAS + column.name for column in selection.columns)
    )


def _of_statement(selection: Selection, source: Statement, zone: Zone) -> Query:
    cells = [column.wrap(zone).replace("{0}", f"t.{column.source}") for column in selection.columns]
    conditions: list[str] = ["true"]
    values: list[Any] = []
    if selection.first:
        conditions.append(f"t.{source.period} >= %s")
        values.append(midnight(selection.first))
    if selection.last:
        conditions.append(f"t.{source.period} < %s")
        values.append(midnight(selection.last + timedelta(days=1)))
    if selection.since:
        conditions.append(f"t.{source.changed} >= %s")
        values.append(selection.since)
    if selection.cohort:
        conditions.append(f"t.{source.cohort} = %s")
        values.append(selection.cohort)
    if selection.user is not None and not sees_everything(selection.user):
        allowed: QuerySet[Model] = source.scoped(selection.user)
        conditions.append(f"t.{source.scope} = ANY(%s)")
        values.append(list(allowed.values_list("pk", flat=True)))
    order = ", ".join(f"t.{name}" for name in source.order)
    # Names of columns come from the definitions, values are parameters.
    sql = (
        f"SELECT {', '.join(cells)} FROM ({source.sql}) AS t"  # noqa: S608
        f" WHERE {' AND '.join(conditions)} ORDER BY {order}"
    )
    with connection.cursor() as cursor:
        return Query(cursor.mogrify(sql, values), len(cells))


def rows_counted(selection: Selection) -> int:
    """How many rows the file is to have, counted without what the file's statement joins."""
    source = selection.export.source
    if isinstance(source, Table) and not selection.export.adds_up:
        return _chosen(selection, source).order_by().count()
    query = query_of(selection, Zone.UTC)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({query.sql}) AS file")  # noqa: S608
        count: int = cursor.fetchone()[0]
    return count


def rows_expected(query: Query) -> int:
    """About how many rows Postgres reads for it, by its planner."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {query.sql}")
        plan = cursor.fetchone()[0]
    return _most_rows((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])


def _most_rows(node: dict[str, Any]) -> int:
    return max([int(node["Plan Rows"]), *(_most_rows(part) for part in node.get("Plans", []))])
