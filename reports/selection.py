"""What of an export is taken and how it is written, checked here for pages and commands alike."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from dataio.districts import region_of
from eligibility.models import Cohort
from reports.columns import Column
from reports.enums import Encoding, Headers, Holds, Packing, Zone
from reports.exceptions import BadSelection
from reports.exports import Export
from staff.models import User

SHORTEST_REASON = 5  # letters
YEARS = range(2000, 2200)  # of days: a day after the last one is always a day too


@dataclass(frozen=True, kw_only=True)
class Form:
    """How the file is written."""

    encoding: Encoding = Encoding.MACHINE
    zone: Zone = Zone.SEOUL
    headers: Headers = Headers.NAMES
    packing: Packing = Packing.CSV

    @property
    def for_packing(self) -> "Form":
        """The form of the CSV that is packed: Parquet has columns and instants of its own, FHIR
        the names of columns."""
        if self.packing == Packing.NDJSON:
            return Form(zone=self.zone)
        return Form(zone=Zone.UTC) if self.packing == Packing.PARQUET else self


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Rows and columns of one file. `user` limits the rows; None is the portal itself."""

    export: Export
    user: User | None = None
    first: date | None = None  # both days belong to the period, in Seoul
    last: date | None = None
    region: str = ""
    cohort: str = ""
    since: datetime | None = None  # rows that changed since then
    columns: tuple[Column, ...]
    recipient: str = ""  # whose keys of people are written

    @cached_property
    def holds(self) -> Holds:
        """The most that a column of the file holds about a person."""
        kinds = {column.holds for column in self.columns}
        return next(kind for kind in reversed(list(Holds)) if kind in kinds or kind == "nothing")

    def summary(self, count: int) -> dict[str, Any]:
        """The selection as kept in the record of access, with the number of rows."""
        return {
            "export": f"{self.export.name} v{self.export.version}",
            "first": str(self.first or "–"),
            "last": str(self.last or "–"),
            "region": self.region or "–",
            "cohort": self.cohort or "–",
            "since": self.since.isoformat() if self.since else "–",
            "columns": [column.name for column in self.columns],
            "recipient": self.recipient or "–",
            "count": count,
        }


def select(
    export: Export,
    *,
    user: User | None = None,
    first: date | None = None,
    last: date | None = None,
    region: str = "",
    cohort: str = "",
    since: datetime | None = None,
    columns: Iterable[str] = (),
    people: bool = False,
    recipient: str = "",
) -> Selection:
    """The checked selection; raises BadSelection.

    Without `columns` those that hold nothing about people, with `recipient` also the key and age of
    each person, with `people` also names, dates of birth and phones.
    """
    for option, day in [("first", first), ("last", last)]:
        if day is not None and day.year not in YEARS:
            raise BadSelection(option, _("Choose a day between the years 2000 and 2199."))
    if first and last and first > last:
        raise BadSelection("last", _("The period ends before it begins."))
    if since and since.year not in YEARS:
        raise BadSelection("since", _("Choose a day between the years 2000 and 2199."))
    if since and not export.changed:
        raise BadSelection("since", _("This export does not know when its rows changed."))
    selection = Selection(
        export=export,
        user=user,
        first=first,
        last=last,
        region=_region(export, region),
        cohort=_cohort(export, cohort),
        since=since,
        columns=_columns(export, list(columns), people=people, recipient=recipient),
        recipient=recipient,
    )
    if any(column.name == "person_key" for column in selection.columns) and not recipient:
        raise BadSelection("recipient", _("Name the recipient of the keys of people."))
    return selection


def check_reason(selection: Selection, reason: str) -> None:
    """Raise BadSelection if data about people is taken without saying what for."""
    if selection.holds != Holds.NOTHING and len(reason.strip()) < SHORTEST_REASON:
        raise BadSelection("reason", _("Say what the personal data is for."))


def _columns(
    export: Export, names: list[str], *, people: bool, recipient: str
) -> tuple[Column, ...]:
    if (people or recipient) and not export.has_people:
        raise BadSelection(
            "people" if people else "recipient", _("This export has no columns about people.")
        )
    unknown = [name for name in names if name not in export.by_name]
    if unknown:
        raise BadSelection(
            "columns",
            _("There is no column “%(name)s”. The columns are: %(names)s")
            % {"name": unknown[0], "names": ", ".join(export.by_name)},
        )
    if people and recipient:
        # Such a file would be the list that tells whose each key is.
        raise BadSelection("recipient", _("Keys and names of people are not taken in one file."))
    wanted = {Holds.NOTHING}
    wanted |= {Holds.PSEUDONYM} if recipient else set()
    wanted |= {Holds.NAME} if people else set()
    if not names:
        return tuple(
            column
            for column in export.columns
            if column.holds in wanted and not (recipient and column.joins)
        )
    # In the order of the definition, so that a file's columns do not depend on how they are asked.
    chosen = tuple(column for column in export.columns if column.name in names)
    if any(column.holds == Holds.NAME for column in chosen) and not people:
        raise BadSelection(
            "columns", _("Names, dates of birth and phone numbers are to be asked for as such.")
        )
    joining = [column.name for column in chosen if column.joins and recipient]
    if joining:
        raise BadSelection(
            "columns",
            _("“%s” joins files of different recipients: not beside the keys of people.")
            % joining[0],
        )
    return chosen


def _region(export: Export, text: str) -> str:
    if not text:
        return ""
    if not export.source.has_region:
        raise BadSelection("region", _("This export has no regions."))
    region = region_of(text)
    if region is None:
        raise BadSelection("region", _("There is no region “%s”.") % text)
    return region


def _cohort(export: Export, code: str) -> str:
    if not code:
        return ""
    if not export.has_cohort:
        raise BadSelection("cohort", _("This export has no cohorts."))
    # Postgres takes no NUL, not even to compare with.
    if "\0" in code or not Cohort.objects.filter(code=code).exists():
        raise BadSelection("cohort", _("There is no cohort “%s”.") % code)
    return code
