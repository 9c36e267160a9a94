"""What an export is: its rows, its columns, who may take it. The exports themselves are data in
reports.definitions; pages, command, documents and schemas are made of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from django.db.models import Model, Q, QuerySet

from booking.models import Clinic
from reports.columns import Column
from reports.enums import Holds
from reports.words import Words
from staff.models import User
from staff.scoping import rows_for, sees_everything


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of a model. Paths lead from the row; "" is the row itself."""

    model: type[Model]
    # The path of the time or day that a period limits.
    period: str
    period_is_day: bool = False
    # Ends with something unique, so that the order is always the same; not for added-up rows.
    order: tuple[str, ...] = ()
    # As for staff.scoping.rows_for.
    clinic_path: str | None = None
    region_path: str | None = None
    cohort_path: str | None = None
    # To the person, for exports with people's columns.
    person_path: str = ""
    # When the row last changed, for what a recipient lacks since.
    changed: str = ""
    narrow: Q = field(default_factory=Q)
    # Instead of a path: the condition of rows that concern one of these clinics.
    at_clinics: Callable[[QuerySet[Clinic]], Q] | None = None

    @property
    def has_region(self) -> bool:
        return self.at_clinics is not None or self._region_path is not None

    @property
    def _region_path(self) -> str | None:
        return self.clinic_path if self.region_path is None else self.region_path

    def rows_for(self, user: User | None) -> QuerySet[Any]:
        """The rows that the user may see; all of them for a command or a schedule."""
        # Not the related managers', which an app may narrow.
        rows: QuerySet[Any] = self.model._default_manager.filter(self.narrow)
        if user is None:
            return rows
        if self.at_clinics is not None and not sees_everything(user):
            return rows.filter(
                self.at_clinics(rows_for(user, Clinic.objects.all(), clinic_path=""))
            )
        return rows_for(user, rows, clinic_path=self.clinic_path, region_path=self.region_path)

    def in_region(self, rows: QuerySet[Any], region: str) -> QuerySet[Any]:
        if self.at_clinics is not None:
            return rows.filter(self.at_clinics(Clinic.objects.filter(region=region)))
        path = self._region_path
        return rows.filter(**{f"{path}__region" if path else "region": region})


@dataclass(frozen=True, kw_only=True)
class Statement:
    """Rows of a SELECT, for what no model holds. It must not have parameters or a percent sign."""

    sql: str
    period: str  # a column with a time
    order: tuple[str, ...]
    # The column with a foreign key, and the rows of it that a user may see.
    scope: str
    scoped: Callable[[User], QuerySet[Any]]
    cohort: str = ""  # a column with the code of a cohort
    changed: str = ""
    has_region = False


@dataclass(frozen=True, kw_only=True)
class Export:
    """One export. `version` grows with any change of its columns (docs/exports.md)."""

    name: str
    title: Words
    about: Words  # what one row is
    version: int
    since: date  # when this version came
    source: Table | Statement
    columns: tuple[Column, ...]
    period: Words  # what the period limits

    @property
    def permission(self) -> str:
        return f"reports.export_{self.name}"

    @cached_property
    def by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @property
    def plain_columns(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.holds == Holds.NOTHING)

    @property
    def has_people(self) -> bool:
        return any(column.holds != Holds.NOTHING for column in self.columns)

    def names_people(self, names: Iterable[str]) -> bool:
        """Whether a column among these holds a name, a date of birth or a phone."""
        named = [self.by_name.get(name) for name in names]
        return any(column is not None and column.holds == Holds.NAME for column in named)

    @property
    def adds_up(self) -> bool:
        return any(column.total is not None for column in self.columns)

    @property
    def changed(self) -> str:
        """What says when a row last changed; "" where nothing does."""
        return self.source.changed

    @property
    def has_cohort(self) -> bool:
        source = self.source
        return bool(source.cohort_path if isinstance(source, Table) else source.cohort)

    def may_take(self, user: User) -> bool:
        return user.has_perm(self.permission)
