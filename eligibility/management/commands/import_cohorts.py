from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import Field
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dataio.csv_in import Column, Layout, Row
from dataio.importing import ImportCommand, Outcome, RowRefused
from dataio.values import BadValue, day, line_of_text, matching, moment, one_of, whole_number
from eligibility.enums import Order, Proof
from eligibility.models import Cohort
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


class Command(ImportCommand):
    help = gettext_lazy("Add or change cohorts from a CSV")
    layouts = [LAYOUT]

    def key(self, row: Row) -> str:
        return str(row.values["code"])

    def check_row(self, row: Row) -> None:
        values = row.values
        if values["birth_from"] > values["birth_to"]:
            raise RowRefused(_("column birth_to: this is before birth_from."))
        if values["opens_at"] >= values["closes_at"]:
            raise RowRefused(_("column closes_at: this is not after opens_at."))

    def write(self, rows: Sequence[Row]) -> Sequence[Outcome | RowRefused]:
        return [
            Outcome(answer) if answer in (ADDED, CHANGED, UNCHANGED) else RowRefused(answer)
            for answer in save_cohorts([row.values for row in rows])
        ]
