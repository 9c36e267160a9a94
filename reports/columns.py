"""Columns of exports: name, meaning, type, and the SQL or the sealed field behind them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.db import models
from django.db.models import Field, Func

from dataio.csv_out import FORMULA
from eligibility.models import Person
from eligibility.spelling import shown_phone
from privacy.cipher import block_decryptor
from privacy.fields import EncryptedField
from reports.enums import Headers, Holds, Type, Zone
from reports.words import Words

_FORMULAS = tuple(FORMULA)
_FORMULA_SQL = FORMULA.replace("\t", "\\t").replace("\r", "\\r").replace("\n", "\\n")
# `guard` in SQL. Empty texts become NULL, so that COPY writes both as an empty cell.
GUARDED = (
    "CASE WHEN {0} = '' THEN NULL "
    f"WHEN strpos(E'{_FORMULA_SQL}', left({{0}}, 1)) > 0 THEN '''' || {{0}} ELSE {{0}} END"
)
_SECONDS = 'YYYY-MM-DD"T"HH24:MI:SS'
# Seoul has had +09:00 without summer time since 1988.
MOMENT = {
    Zone.SEOUL: f"to_char({{0}} AT TIME ZONE 'Asia/Seoul', '{_SECONDS}\"+09:00\"')",
    Zone.UTC: f"to_char({{0}} AT TIME ZONE 'UTC', '{_SECONDS}\"Z\"')",
}
# In files with keys of people: by the second rows of two recipients would be joined.
DAY_OF_MOMENT = {
    Zone.SEOUL: "to_char({0} AT TIME ZONE 'Asia/Seoul', 'YYYY-MM-DD\"T00:00:00+09:00\"')",
    Zone.UTC: "to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T00:00:00Z\"')",
}
SEOUL_DAY = "({0} AT TIME ZONE 'Asia/Seoul')::date"


def guard(text: str) -> str:
    """Prefix a cell that a spreadsheet would run as a formula."""
    return f"'{text}" if text.startswith(_FORMULAS) else text


class Sql(Func):
    """SQL over columns of a row: `{0}` is the first of them."""

    def __init__(self, sql: str, *sources: Any, output_field: Field[Any, Any]) -> None:
        super().__init__(*sources, output_field=output_field)
        self.sql = sql

    def as_sql(
        self,
        compiler: Any,
        connection: Any,
        function: str | None = None,
        template: str | None = None,
        arg_joiner: str | None = None,
        **extra_context: Any,
    ) -> Any:
        parts = []
        for source in self.source_expressions:
            sql, params = compiler.compile(source)
            if params:  # a column that stands twice in `sql` would need them twice
                raise ValueError(f"{source!r} has parameters.")
            parts.append(sql)
        return self.sql.format(*parts), []


Choices = type[models.TextChoices]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of an export.

    `source` is a path from the row, or a column of a `Statement`; `sql` is applied to it first, and
    `{1}` in it is the first path of `also`. `total` is an aggregate: columns that are left out of a
    file are added up.
    """

    name: str
    title: Words
    type: Type
    source: str = ""
    also: tuple[str, ...] = ()
    total: models.Aggregate | None = None
    sql: str = "{0}"
    note: Words | None = None
    choices: Choices | None = None
    required: bool = False
    safe: bool = False  # a code of ours, which can't begin a formula
    # A number by which rows of two files are joined: never beside keys of people.
    joins: bool = False
    shared: bool = False  # a time that many rows have, as that of a slot
    holds: Holds = Holds.NOTHING
    sealed: "Sealed | None" = None

    @property
    def values(self) -> list[str]:
        """What may stand in a cell, where that is limited; an empty cell is no value."""
        return [value for value in self.choices.values if value] if self.choices else []

    @property
    def meaning(self) -> Words:
        return self.note or self.title

    def header(self, headers: Headers) -> str:
        """What stands in the first line of the file."""
        if headers == Headers.NAMES:
            return self.name
        title: str = getattr(self.title, headers.value)
        return title

    def wrap(self, zone: Zone, *, by_day: bool = False) -> str:
        """SQL of the cell around `{0}`, the source; with `by_day` moments are their day's midnight,
        but for those that many rows share."""
        outer = {
            Type.DATETIME: (DAY_OF_MOMENT if by_day and not self.shared else MOMENT)[zone],
            Type.TIME: "to_char({0}, 'HH24:MI')",
            Type.BOOLEAN: "({0})::text",
        }.get(self.type, "{0}")
        if self.type == Type.STRING and not self.safe:
            outer = GUARDED
        return outer.replace("{0}", self.sql)


@dataclass(frozen=True)
class Sealed:
    """A cell that is made here: of the person's encrypted field `field`, or of their id without
    one. An empty value is an empty cell, others are as `shown` words them. For an age, `on` is the
    path of its day, and `on_sql` makes the day of what is there."""

    field: str
    shown: Callable[[str], str]
    on: str = ""
    on_sql: str = "{0}"


def opener(name: str) -> Callable[[Sequence[bytes]], list[str]]:
    """A function that decrypts values of a field of the person, a block at a time."""
    field = cast("EncryptedField[Any, Any]", Person._meta.get_field(name))
    return block_decryptor(context=field.context)


def age_on(birth_date: str, day: str) -> str:
    """Whole years on `day`; both are ISO 8601."""
    # Of such texts the later in the year is the greater.
    return str(int(day[:4]) - int(birth_date[:4]) - (day[5:] < birth_date[5:]))


def text(name: str, ko: str, en: str, source: str, **more: Any) -> Column:
    return Column(name=name, title=Words(ko, en), type=Type.STRING, source=source, **more)


def code(
    name: str,
    ko: str,
    en: str,
    source: str,
    choices: Choices | None = None,
    **more: Any,
) -> Column:
    """A code of ours, with its possible values if they are few."""
    return text(name, ko, en, source, choices=choices, safe=True, **more)


def number(name: str, ko: str, en: str, source: str, **more: Any) -> Column:
    return Column(name=name, title=Words(ko, en), type=Type.INTEGER, source=source, **more)


def moment(name: str, ko: str, en: str, source: str, **more: Any) -> Column:
    return Column(name=name, title=Words(ko, en), type=Type.DATETIME, source=source, **more)


def day(name: str, ko: str, en: str, source: str, **more: Any) -> Column:
    return Column(name=name, title=Words(ko, en), type=Type.DATE, source=source, **more)


def day_of(name: str, ko: str, en: str, source: str, **more: Any) -> Column:
    """The day in Seoul of a moment."""
    return day(name, ko, en, source, sql=SEOUL_DAY, **more)


def flag(name: str, ko: str, en: str, source: str, **more: Any) -> Column:
    return Column(name=name, title=Words(ko, en), type=Type.BOOLEAN, source=source, **more)


def total(name: str, ko: str, en: str, aggregate: models.Aggregate, **more: Any) -> Column:
    more = {"type": Type.INTEGER, **more}
    return Column(name=name, title=Words(ko, en), total=aggregate, required=True, **more)


def people(on: str, *, on_sql: str = SEOUL_DAY) -> tuple[Column, ...]:
    """The columns about a person, for exports with one person in each row; the age is that on the
    day of `on`."""
    return (
        Column(
            name="person_key",
            title=Words("신청인 키", "person key"),
            note=Words(
                "받는 곳마다 다른 키. 같은 사람은 같은 키이고, 다른 곳의 키와는 이을 수 없음",
                "a key of this recipient alone: equal for one person, and not to be joined with "
                "the keys of other recipients",
            ),
            type=Type.STRING,
            holds=Holds.PSEUDONYM,
            sealed=Sealed("", str),
        ),
        Column(
            name="age",
            title=Words("나이(만)", "age"),
            note=Words("그날의 만 나이", "whole years on the day of the row"),
            type=Type.INTEGER,
            holds=Holds.PSEUDONYM,
            sealed=Sealed("birth_date", str, on, on_sql),
        ),
        _named("name", "이름", "name", guard),
        _named("birth_date", "생년월일", "date of birth", str, type=Type.DATE),
        _named("phone", "휴대전화", "mobile phone", shown_phone),
    )


def _named(name: str, ko: str, en: str, shown: Callable[[str], str], **more: Any) -> Column:
    more = {"type": Type.STRING, **more}
    return Column(
        name=name,
        title=Words(ko, en),
        note=Words(f"{ko}. 파기된 뒤에는 빈칸", f"{en}; empty once it was destroyed"),
        holds=Holds.NAME,
        sealed=Sealed(name, shown),
        **more,
    )
