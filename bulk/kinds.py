"""Kinds of files by which many rows are changed at once; each app registers its own.

A kind says which columns a file has, by what a row is found again, and how rows are written and
taken back. The comparison (bulk.comparing), the commands and the pages are the same for all.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django_stubs_ext import StrOrPromise

from bulk.values import shown
from database.clock import database_now
from dataio.csv_in import Layout, Row
from dataio.importing import RowRefused
from staff.models import User

# The values of `key_fields`, and those of other fields by name.
Key = tuple[Any, ...]
Values = dict[str, Any]


@dataclass(frozen=True)
class Record:
    """What a row of a file asks for: the values of the columns that the file has."""

    line: int
    key: Key
    values: Values


@dataclass(frozen=True)
class Change:
    """A record that is new (`before` is None), or its values that differ, before and after."""

    line: int
    key: Key
    before: Values | None
    after: Values

    def reversed(self) -> "Change":
        """The change that takes a change of an existing record back."""
        assert self.before is not None
        return Change(self.line, self.key, self.after, self.before)


class Kind(ABC):
    """One run over one file, by a user of staff, or by a command (`user` is None).

    All methods run in the caller's transaction.
    """

    code: ClassVar[str]
    name: ClassVar[StrOrPromise]
    model: ClassVar[type[Model]]
    # The model whose rows the user must be allowed to add and change; by default `model`.
    rights: ClassVar[type[Model] | None] = None
    key_fields: ClassVar[tuple[str, ...]]
    # The first is the layout of exports.
    layouts: ClassVar[Sequence[Layout]]
    # Whether files hold people's data: exports are recorded as access to it.
    holds_people: ClassVar[bool] = False
    # Whether a file may repeat a record with the same values.
    repeats_allowed: ClassVar[bool] = False
    most_rows: ClassVar[int] = 100_000

    def __init__(self, *, by: str, user: User | None = None):
        self.by, self.user = by, user
        self.now = database_now()  # one instant for the whole file

    @classmethod
    def allows(cls, user: Any) -> bool:
        """Whether the user may upload and download files of this kind."""
        meta = (cls.rights or cls.model)._meta
        label, name = meta.app_label, meta.model_name
        return all(user.has_perm(f"{label}.{act}_{name}") for act in ("view", "add", "change"))

    @abstractmethod
    def records(self, row: Row) -> list[Record]:
        """The records of a row whose cells are valid; raises RowRefused."""

    @abstractmethod
    def current(self, keys: Collection[Key], *, lock: bool = False) -> dict[Key, Values]:
        """The stored values by key, of records in the user's scope; locked until commit."""

    def check(  # noqa: B027 - most kinds have no rule of their own
        self, record: Record, before: Values | None
    ) -> None:
        """Check a record that is new or differs against what is stored; raises RowRefused.

        Called after `current`, which may have read what this needs.
        """

    @abstractmethod
    def write(self, changes: Sequence[Change]) -> None:
        """Write checked changes of locked records; raises Outdated."""

    @abstractmethod
    def in_use(self, keys: Collection[Key]) -> dict[Key, str]:
        """Why records that a file added can't be removed any more."""

    def undoable(self, change: Change) -> str:
        """Why a changed record can't have its values of before again; "" if it can."""
        return ""

    @abstractmethod
    def remove(self, keys: Collection[Key]) -> None:
        """Remove records that are not in use."""

    @abstractmethod
    def stored(self) -> Iterator[tuple[Key, Values]]:
        """All records in the user's scope, in the order of a downloaded file."""

    def repeated(self, record: Record, line: int) -> str:
        """Why a record that an earlier line asks for is refused."""
        return _("the same as line %(line)s.") % {"line": line}

    @classmethod
    def named(cls, key: Key) -> str:
        """A record in a preview."""
        return " · ".join(shown(value) for value in key)

    def people_of(self, keys: Collection[Key]) -> list[int]:
        """The ids of the people whose data a file of these records shows."""
        return []

    @classmethod
    def label(cls, name: str) -> str:
        field = _field(cls.model, name)
        return capfirst(str(field.verbose_name)) if field else name


KINDS: dict[str, type[Kind]] = {}


def register(kind: type[Kind]) -> None:
    KINDS[kind.code] = kind


def kinds_for(user: Any) -> list[type[Kind]]:
    return [kind for kind in KINDS.values() if kind.allows(user)]


def refused(column: str, problem: str) -> RowRefused:
    return RowRefused(_("column %(column)s: %(problem)s") % {"column": column, "problem": problem})


def _field(model: type[Model], name: str) -> Field[Any, Any] | None:
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, Field) else None


def from_json(kind: type[Kind], name: str, value: Any) -> Any:
    """A value of `bulk.values.as_json` in the type that the kind compares."""
    field = _field(kind.model, name)
    # Relations are named by the other row's code.
    return value if field is None or field.is_relation else field.to_python(value)
