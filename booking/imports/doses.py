"""Doses given elsewhere, by file, as the authority gets them from other registers."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from booking.exceptions import DoseOnRecord, RecordWithdrawn
from booking.models import OutsideDose, Vaccine
from booking.services.outside_doses import (
    correct_outside_dose,
    record_outside_dose,
    withdraw_outside_dose,
)
from booking.services.seats import wait_for_holds
from bulk.exceptions import Outdated
from bulk.kinds import Change, Key, Kind, Record, Values, refused
from database.clock import known_today
from dataio.csv_in import Column, Layout, Row
from dataio.values import day, line_of_text, whole_number
from eligibility.models import Person
from eligibility.roster import person_key
from staff.enums import AT_A_CLINIC
from staff.models import User
from staff.scoping import rows_for

MOST_DOSES = 9
LAYOUT = Layout(
    "doses",
    [
        Column("person_id", person_key, personal=True),
        Column("dose", whole_number(1, MOST_DOSES)),
        Column("vaccine", line_of_text, max_length=20),
        Column("given_on", day, personal=True),
        Column("place", line_of_text, required=False, max_length=100, personal=True),
    ],
)


class DoseKind(Kind):
    code = "doses"
    name = gettext_lazy("doses given elsewhere")
    model = OutsideDose
    key_fields = ("person_id", "dose")
    layouts = [LAYOUT]
    holds_people = True
    # Each may cancel appointments under the locks of their slots: no long queue behind a file.
    most_rows = 1000

    def __init__(self, *, by: str, user: User | None = None):
        super().__init__(by=by, user=user)
        self.vaccines = {vaccine.code: vaccine for vaccine in Vaccine.objects.all()}
        self.people: dict[str, tuple[int, date]] = {}  # id and birth date by roster key
        self.doses: dict[Key, OutsideDose] = {}

    @classmethod
    def allows(cls, user: Any) -> bool:
        # Staff of a clinic record the dose of a person who stands before them, on its own page.
        return super().allows(user) and user.role not in AT_A_CLINIC

    def records(self, row: Row) -> list[Record]:
        values = dict(row.values)
        key = values.pop("person_id"), values.pop("dose")
        vaccine = self.vaccines.get(values["vaccine"])
        if vaccine is None:
            raise refused("vaccine", _("there is none with the code “%s”.") % values["vaccine"])
        if key[1] > vaccine.doses:
            text = ngettext(
                "This vaccine is given in %(n)s dose.",
                "This vaccine is given in %(n)s doses.",
                vaccine.doses,
            )
            raise refused("dose", text % {"n": vaccine.doses})
        if values["given_on"] > known_today():
            raise refused("given_on", _("This day has not come yet."))
        return [Record(row.line, key, values)]

    def _people(self) -> Any:
        people = Person.objects.exclude(roster_key=None)
        return people if self.user is None else rows_for(self.user, people, region_path="")

    def current(self, keys: Collection[Key], *, lock: bool = False) -> dict[Key, Values]:
        people = self._people().filter(roster_key__in={person for person, _dose in keys})
        if lock:
            people = people.select_for_update(no_key=True, of=("self",)).order_by("pk")
        keys_by_id = {person.pk: person.roster_key for person in people}
        self.people |= {person.roster_key: (person.pk, person.birth_date) for person in people}
        doses = OutsideDose.objects.filter(person__in=keys_by_id).select_related("vaccine")
        found = {
            key: dose for dose in doses if (key := (keys_by_id[dose.person_id], dose.dose)) in keys
        }
        self.doses.update(found)
        return {key: _values_of(dose) for key, dose in found.items()}

    def check(self, record: Record, before: Values | None) -> None:
        person = self.people.get(record.key[0])
        if person is None:
            raise refused("person_id", _("nobody on the roster has this key."))
        if record.values["given_on"] < person[1]:
            raise refused("given_on", _("This day lies before the person was born."))

    def write(self, changes: Sequence[Change]) -> None:
        # All at first, in one order: the services take them before their row locks.
        for person_id in sorted({self.people[change.key[0]][0] for change in changes}):
            wait_for_holds(person_id)
        for change in changes:
            try:
                self._write(change)
            except (DoseOnRecord, RecordWithdrawn) as refusal:
                raise Outdated from refusal

    def _write(self, change: Change) -> None:
        person, dose = change.key
        if change.before is None:
            values = self._named(change.after)
            record, _cancelled = record_outside_dose(
                person_id=self.people[person][0], dose=dose, by=self.by, **values
            )
            # A record made meanwhile stays as it is, and is not this file's.
            if _values_of(record) != {"place": "", **change.after}:
                raise Outdated
            return
        before = self.doses[change.key]
        values = self._named({**_values_of(before), **change.after})
        correct_outside_dose(outside_dose=before, dose=dose, by=self.by, **values)

    def _named(self, values: Values) -> dict[str, Any]:
        return {**values, "vaccine": self.vaccines[values["vaccine"]]}

    def in_use(self, keys: Collection[Key]) -> dict[Key, str]:
        return {}

    def remove(self, keys: Collection[Key]) -> None:
        for key in keys:
            withdraw_outside_dose(outside_dose=self.doses[key], by=self.by)

    def stored(self) -> Iterator[tuple[Key, Values]]:
        doses = OutsideDose.objects.filter(person__in=self._people())
        doses = doses.select_related("person", "vaccine").order_by("person__roster_key", "dose")
        for dose in doses.iterator():
            yield (dose.person.roster_key, dose.dose), _values_of(dose)

    def people_of(self, keys: Collection[Key]) -> list[int]:
        people = self._people().filter(roster_key__in={person for person, *_rest in keys})
        return list(people.values_list("pk", flat=True))


def _values_of(dose: OutsideDose) -> Values:
    return {"vaccine": dose.vaccine.code, "given_on": dose.given_on, "place": dose.place}
