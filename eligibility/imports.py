"""Cohorts by file."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from django.db.models import Field
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bulk.exceptions import Outdated
from bulk.kinds import Change, Key, Kind, Record, Values
from bulk.removing import references
from dataio.csv_in import Column, Layout, Row
from dataio.importing import RowRefused
from dataio.values import BadValue, day, line_of_text, matching, moment, one_of, whole_number
from eligibility.enums import Order, Proof
from eligibility.facts import with_values
from eligibility.models import Cohort
from eligibility.services.changes import broken_promise
from eligibility.services.cohorts import ADDED, CHANGED, UNCHANGED, save_cohorts

code = matching(
    r"[a-z0-9][a-z0-9-]{0,39}", gettext_lazy("Use small letters a to z, digits and hyphens.")
)


def list_of(parse: Callable[[str], str]) -> Callable[[str], list[str]]:
    """A parser of `a; b; c` that parses each part by `parse` and sorts them."""

    def parse_all(text: str) -> list[str]:
        return sorted({parse(part.strip()) for part in text.split(";") if part.strip()})

    return parse_all


def yes_or_no(text: str) -> bool:
    answers = {"yes": True, "y": True, "1": True, "true": True}
    answers |= {"no": False, "n": False, "0": False, "false": False}
    try:
        return answers[text.casefold()]
    except KeyError:
        raise BadValue(_("Write yes or no.")) from None


def optional(name: str, parse: Callable[..., Any]) -> Column:
    """An optional column: absent it leaves the stored value, an empty cell sets the default."""
    field = Cohort._meta.get_field(name)
    assert isinstance(field, Field)  # no relation
    return Column(name, parse, required=False, default=field.get_default())


LAYOUT = Layout(
    "cohorts",
    [
        Column("code", code),
        Column("name_ko", line_of_text, max_length=60),
        Column("name_en", line_of_text, max_length=60),
        Column("birth_from", day),
        Column("birth_to", day),
        Column("opens_at", moment),
        Column("closes_at", moment),
        Column("order", one_of(Order)),
        optional("proof", one_of(Proof)),
        optional("priority", whole_number(-1000, 1000)),
        optional("members_only", yes_or_no),
        optional("regions", list_of(line_of_text)),
        optional("groups", list_of(code)),
        optional("excluded_groups", list_of(code)),
        optional("min_days_since_dose", whole_number(0, 3650)),
        optional("digit_hours", whole_number(1, 24)),
        optional("vaccines", list_of(code)),
    ],
)
FIELDS = [column.name for column in LAYOUT.columns if column.name != "code"]


class CohortKind(Kind):
    code = "cohorts"
    name = gettext_lazy("cohorts")
    model = Cohort
    key_fields = ("code",)
    layouts = [LAYOUT]

    def __init__(self, **run: Any):
        super().__init__(**run)
        self.cohorts: dict[str, Cohort] = {}

    def records(self, row: Row) -> list[Record]:
        values = dict(row.values)
        if values["birth_from"] > values["birth_to"]:
            raise RowRefused(_("column birth_to: this is before birth_from."))
        if values["opens_at"] >= values["closes_at"]:
            raise RowRefused(_("column closes_at: this is not after opens_at."))
        return [Record(row.line, (values.pop("code"),), values)]

    def current(self, keys: Collection[Key], *, lock: bool = False) -> dict[Key, Values]:
        cohorts = Cohort.objects.filter(code__in=[code for (code,) in keys])
        if lock:
            cohorts = cohorts.select_for_update(no_key=True).order_by("pk")
        found = {cohort.code: cohort for cohort in cohorts}
        self.cohorts.update(found)
        return {(code,): _values_of(cohort) for code, cohort in found.items()}

    def check(self, record: Record, before: Values | None) -> None:
        if before is not None and (promise := self._broken(record.key, record.values)):
            raise RowRefused(promise)

    def _broken(self, key: Key, values: Values) -> str:
        cohort = self.cohorts[key[0]]
        return broken_promise(cohort, with_values(cohort, values))

    def write(self, changes: Sequence[Change]) -> None:
        answers = save_cohorts([{"code": change.key[0], **change.after} for change in changes])
        if not set(answers) <= {ADDED, CHANGED, UNCHANGED}:
            raise Outdated

    def undoable(self, change: Change) -> str:
        assert change.before is not None
        return self._broken(change.key, change.before)

    def in_use(self, keys: Collection[Key]) -> dict[Key, str]:
        ids = {self.cohorts[key[0]].pk: key for key in keys if key[0] in self.cohorts}
        return references(Cohort, ids)

    def remove(self, keys: Collection[Key]) -> None:
        Cohort.objects.filter(code__in=[code for (code,) in keys]).delete()

    def stored(self) -> Iterator[tuple[Key, Values]]:
        for cohort in Cohort.objects.order_by("code").iterator():
            yield (cohort.code,), _values_of(cohort)


def _values_of(cohort: Cohort) -> Values:
    return {name: getattr(cohort, name) for name in FIELDS}
