"""What exports look like, for other programs and for people: Table Schema, CSVW, a page of the
documents, and the lock of columns; all made of the definitions."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from django.utils import translation

from reports.columns import Column
from reports.definitions import EXPORTS
from reports.enums import Encoding, Headers, Holds, Type
from reports.exports import Export
from reports.fhir import RESOURCES
from reports.selection import Form, Selection
from reports.words import Words
from staff.enums import Role
from staff.roles import allowed

# Every version that was ever published, with its columns: a version never changes.
LOCK = Path(__file__).with_name("columns.lock.json")
_SCHEMA = "https://specs.frictionlessdata.io/schemas/table-schema.json"
# CSVW, "Tabular Data Model", datatypes: https://www.w3.org/TR/tabular-metadata/#built-in-datatypes
_CSVW_TYPES = {
    Type.STRING: "string",
    Type.INTEGER: "integer",
    Type.NUMBER: "decimal",
    Type.BOOLEAN: "boolean",
    Type.DATE: "date",
    Type.TIME: {"base": "time", "format": "HH:mm"},
    Type.DATETIME: {"base": "dateTimeStamp", "format": "yyyy-MM-ddTHH:mm:ssXXX"},
}


def _both(column: Column) -> str:
    return f"{column.meaning.ko} / {column.meaning.en}"


class Described(Protocol):
    """What is said of a table: an export, or one of the open data."""

    @property
    def title(self) -> Words: ...
    @property
    def about(self) -> Words: ...
    @property
    def version(self) -> int: ...


def table_schema(
    export: Described, columns: Sequence[Column], headers: Headers = Headers.NAMES
) -> dict[str, Any]:
    """Frictionless Table Schema of these columns."""
    return {
        "$schema": _SCHEMA,
        "title": export.title.en,
        "description": f"{export.about.ko} / {export.about.en}",
        "version": f"{export.version}.0.0",
        "fields": [_field(column, headers) for column in columns],
        "missingValues": [""],
    }


def _field(column: Column, headers: Headers) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": column.header(headers),
        "title": f"{column.title.ko} / {column.title.en}",
        "type": column.type.value,
        "description": _both(column),
    }
    if column.type == Type.DATETIME:
        described["format"] = "%Y-%m-%dT%H:%M:%S%z"
    if column.type == Type.TIME:
        described["format"] = "%H:%M"
    constraints: dict[str, Any] = {"required": True} if column.required else {}
    if column.values:
        constraints["enum"] = column.values
    return described | ({"constraints": constraints} if constraints else {})


def csvw(selection: Selection, form: Form, url: str) -> dict[str, Any]:
    """CSVW metadata of a file at `url`, to stand beside it as `<file>-metadata.json`."""
    return csvw_of(selection.export, selection.columns, form, url)


def csvw_of(table: Described, columns: Sequence[Column], form: Form, url: str) -> dict[str, Any]:
    return {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "ko"}],
        "url": url,
        "dc:title": {"ko": table.title.ko, "en": table.title.en},
        "dc:description": {"ko": table.about.ko, "en": table.about.en},
        "schema:version": str(table.version),
        "dialect": {
            "encoding": "utf-8" if form.encoding == Encoding.EXCEL else form.encoding.value,
            "lineTerminators": ["\r\n"],
            "header": True,
        },
        "tableSchema": {"columns": [_csvw_column(column, form.headers) for column in columns]},
    }


def _csvw_column(column: Column, headers: Headers) -> dict[str, Any]:
    # A validator compares the header with the titles.
    titles: Any = {"ko": column.title.ko, "en": column.title.en}
    if headers == Headers.NAMES:
        titles = [column.name]
    return {
        "name": column.name,
        "titles": titles,
        "dc:description": {"ko": column.meaning.ko, "en": column.meaning.en},
        "datatype": _CSVW_TYPES[column.type],
        "required": column.required,
    }


def lock_entry(export: Export) -> list[list[str]]:
    """What a version fixes: the columns in order, each with its type and what it holds, and the
    values that it may have."""
    return [
        [
            column.name,
            column.type.value,
            column.holds.value,
            *column.values,
        ]
        for column in export.columns
    ]


def read_lock() -> dict[str, dict[str, list[list[str]]]]:
    locked: dict[str, dict[str, list[list[str]]]] = json.loads(LOCK.read_text(encoding="utf-8"))
    return locked


def changed_without_version() -> list[str]:
    """Names of exports whose columns are not those that the lock has for their version."""
    locked = read_lock()
    return [
        name
        for name, export in EXPORTS.items()
        if locked.get(name, {}).get(str(export.version)) != lock_entry(export)
    ]


def lock_with_new_versions() -> str:
    """The lock with the versions that it lacks; those that it has stay as they are."""
    locked = read_lock() if LOCK.exists() else {}
    for name, export in EXPORTS.items():
        locked.setdefault(name, {}).setdefault(str(export.version), lock_entry(export))
    # A column a line, so that a change shows as one.
    lines = []
    for name, versions in locked.items():
        columns = [
            f"    {json.dumps(version)}: [\n"
            + ",\n".join(f"      {json.dumps(column)}" for column in entry)
            + "\n    ]"
            for version, entry in versions.items()
        ]
        lines.append(f"  {json.dumps(name)}: {{\n" + ",\n".join(columns) + "\n  }")
    return "{\n" + ",\n".join(lines) + "\n}\n"


_TITLE = """# Exports

Made by `manage.py describe_exports`; a test compares. The definitions are in
`reports/definitions/`. A file holds the rows that its taker may see, in a fixed order, all read at
one instant; how files are taken is in [data-formats.md](data-formats.md).

Columns about a person come last and only when they are asked for: *key* columns with a recipient,
*name* columns as such, never both in one file. Beside keys there is no *joining* number, which
other recipients' files have too, times but those of slots are their day's midnight, and the rows
stand in an order of this recipient's own. A changed column is a new version:
`reports/columns.lock.json` keeps all that ever were.
"""


def page() -> str:
    """docs/exports.md."""
    with translation.override("en"):
        parts = [_TITLE, _overview(EXPORTS.values())]
        parts += [_section(export) for export in EXPORTS.values()]
    return "\n".join(parts)


def _overview(exports: Iterable[Export]) -> str:
    rows = [
        f"| [`{export.name}`](#{export.name}) | {export.title.ko} / {export.title.en} "
        f"| {', '.join(takers(export))} | {_holds(export)} |"
        for export in exports
    ]
    head = "| export | 제목 / title | who may take it | people |\n|---|---|---|---|"
    return "\n".join([head, *rows, ""])


def takers(export: Export) -> list[str]:
    return [role.value for role in Role if allowed(role, export.permission)]


def _holds(export: Export) -> str:
    return "by key or name" if export.has_people else "–"


def _section(export: Export) -> str:
    period = f"Period: {export.period.ko} / {export.period.en}."
    filters = [
        name
        for name, has in [("region", export.source.has_region), ("cohort", export.has_cohort)]
        if has
    ]
    more = f" Filters: {', '.join(filters)}." if filters else ""
    more += f" Also as FHIR `{RESOURCES[export.name]}`." if export.name in RESOURCES else ""
    lines = [
        f"## {export.name}",
        "",
        f"{export.title.ko} / {export.title.en}, version {export.version} since {export.since}.",
        f"{export.about.ko} / {export.about.en}.",
        f"{period}{more}",
        "",
        "| column | 제목 / title | type | 뜻 / meaning |",
        "|---|---|---|---|",
        *(_row(column) for column in export.columns),
        "",
    ]
    return "\n".join(lines)


def _row(column: Column) -> str:
    note = f"{column.note.ko} / {column.note.en}" if column.note else ""
    if column.values:
        note = ", ".join(filter(None, [note, *(f"`{value}`" for value in column.values)]))
    kind = str(column.type.label)
    kind += {Holds.PSEUDONYM: ", *key*", Holds.NAME: ", *name*"}.get(column.holds, "")
    kind += ", *joining*" if column.joins else ""
    return f"| `{column.name}` | {column.title.ko} / {column.title.en} | {kind} | {note} |"
