"""Weekly opening hours by file; slots change when they are made from the hours."""

from collections.abc import Collection, Iterator, Sequence
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.imports.slots import AtClinics
from booking.models import OpeningHours, Slot
from booking.models.clinics import MOST_CAPACITY
from booking.models.opening_hours import LONGEST_SLOT, SHORTEST_SLOT, WEEKDAYS
from booking.rules import FIRST_START
from booking.schedules import cut
from bulk.kinds import Change, Key, Record, Values, refused
from bulk.values import shown
from database.clock import known_today
from dataio.csv_in import Column, Layout, Row
from dataio.importing import RowRefused
from dataio.values import BadValue, clock, line_of_text, whole_number

_DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_NUMBERS = {day: number for number, day in enumerate(_DAYS)} | {
    day: number for number, day in enumerate("월화수목금토일")
}


def weekday(text: str) -> int:
    """mon to sun, or 월 to 일; raises BadValue."""
    number = _NUMBERS.get(text.casefold().removesuffix("요일"))
    if number is None:
        raise BadValue(_("Write a weekday as mon, tue, wed, thu, fri, sat or sun."))
    return number


LAYOUT = Layout(
    "opening_hours",
    [
        Column("clinic", line_of_text, max_length=20),
        Column("weekday", weekday),
        Column("vaccine", line_of_text, max_length=20),
        Column("opens", clock),
        Column("closes", clock),
        Column("lunch_from", clock, required=False, default=None),
        Column("lunch_to", clock, required=False, default=None),
        Column("minutes", whole_number(SHORTEST_SLOT, LONGEST_SLOT)),
        Column("capacity", whole_number(1, MOST_CAPACITY)),
    ],
)
FIELDS = ["opens", "closes", "lunch_from", "lunch_to", "minutes", "capacity"]


class HoursKind(AtClinics):
    code = "hours"
    name = gettext_lazy("opening hours")
    model = OpeningHours
    rights: ClassVar = Slot
    key_fields = ("clinic", "weekday", "vaccine")
    layouts = [LAYOUT]

    def records(self, row: Row) -> list[Record]:
        values = dict(row.values)
        clinic, day, vaccine = (values.pop(name) for name in self.key_fields)
        self.check_codes(clinic, vaccine)
        if values["opens"] < FIRST_START:
            raise refused("opens", _("Appointments begin at 06:00 or later."))
        if not list(cut(known_today(), values["opens"], values["closes"], values["minutes"])):
            raise RowRefused(_("no slot of this length fits between opening and closing."))
        return [Record(row.line, (clinic, day, vaccine), values)]

    def _rows(self, keys: Collection[Key]) -> QuerySet[OpeningHours]:
        clinics = {self.clinics.get(clinic) for clinic, _day, _vaccine in keys} - {None}
        return OpeningHours.objects.filter(clinic__in=clinics)

    def _key_of(self, hours: OpeningHours) -> Key:
        vaccine = self.vaccine_codes[hours.vaccine_id]
        return self.clinic_codes[hours.clinic_id], hours.weekday, vaccine

    def current(self, keys: Collection[Key], *, lock: bool = False) -> dict[Key, Values]:
        rows = self._rows(keys)
        if lock:
            rows = rows.select_for_update(no_key=True).order_by("pk")
        return {
            key: {name: getattr(hours, name) for name in FIELDS}
            for hours in rows
            if (key := self._key_of(hours)) in keys
        }

    def check(self, record: Record, before: Values | None) -> None:
        """Lunch within the hours, also one that the file has no column for."""
        lunch = {"lunch_from": None, "lunch_to": None}
        hours = self._made(record.key, {**lunch, **(before or {}), **record.values})
        try:
            hours.validate_constraints(exclude=["clinic", "vaccine", "weekday"])
        except ValidationError as error:
            raise RowRefused(" ".join(error.messages)) from None

    def _made(self, key: Key, values: Values) -> OpeningHours:
        clinic, day, vaccine = key
        return OpeningHours(
            clinic_id=self.clinics[clinic],
            weekday=day,
            vaccine_id=self.vaccines[vaccine],
            **values,
        )

    def write(self, changes: Sequence[Change]) -> None:
        OpeningHours.objects.bulk_create(
            self._made(change.key, change.after) for change in changes if change.before is None
        )
        after = {change.key: change.after for change in changes if change.before is not None}
        rows = [hours for hours in self._rows(after) if self._key_of(hours) in after]
        for hours in rows:
            for name, value in after[self._key_of(hours)].items():
                setattr(hours, name, value)
        OpeningHours.objects.bulk_update(rows, FIELDS)

    def in_use(self, keys: Collection[Key]) -> dict[Key, str]:
        return {}

    def remove(self, keys: Collection[Key]) -> None:
        ids = [hours.pk for hours in self._rows(keys) if self._key_of(hours) in keys]
        OpeningHours.objects.filter(pk__in=ids).delete()

    def stored(self) -> Iterator[tuple[Key, Values]]:
        rows = OpeningHours.objects.filter(clinic__in=self.clinic_codes)
        for hours in rows.order_by("clinic__code", "weekday", "vaccine__code").iterator():
            clinic, day, vaccine = self._key_of(hours)
            values = {name: getattr(hours, name) for name in FIELDS}
            yield (clinic, _DAYS[day], vaccine), values

    @classmethod
    def named(cls, key: Key) -> str:
        clinic, day, vaccine = key
        return " · ".join(map(shown, [clinic, str(dict(WEEKDAYS)[day]), vaccine]))
