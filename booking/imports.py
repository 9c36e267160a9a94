"""Writing of the import commands: clinics and slots."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from booking.exceptions import CapacityBelowBooked, HoursClosed
from booking.models import Clinic, Slot
from booking.services.reading import vaccines_by_code
from booking.services.slots import set_capacity
from database.clock import database_now
from dataio.importing import Outcome, RowRefused


def save_clinics(facts: Sequence[dict[str, Any]]) -> list[Outcome]:
    """Add or change clinics, found by `code`; fields that `facts` does not name stay.

    Clinics that are not in the file stay too, because of their reservations.
    """
    codes = [fact["code"] for fact in facts]
    clinics = {
        clinic.code: clinic
        for clinic in Clinic.objects.select_for_update(no_key=True)
        .filter(code__in=codes)
        .order_by("pk")
    }
    added: list[Clinic] = []
    changed: dict[str, Clinic] = {}
    outcomes = []
    for fact in facts:
        clinic = clinics.get(fact["code"])
        if clinic is None:
            clinic = Clinic(**fact)
            clinics[clinic.code] = clinic  # a file may name a clinic twice
            added.append(clinic)
            outcomes.append(Outcome.ADDED)
        elif _apply(clinic, fact):
            changed[clinic.code] = clinic
            outcomes.append(Outcome.CHANGED)
        else:
            outcomes.append(Outcome.UNCHANGED)
    Clinic.objects.bulk_create(added)
    fields = ["name", "region", "district", "address", "phone", "latitude", "longitude"]
    # Those changed after they were added in this batch are written by bulk_create already.
    Clinic.objects.bulk_update([clinic for clinic in changed.values() if clinic.pk], fields)
    return outcomes


def _apply(row: models.Model, fact: dict[str, Any]) -> bool:
    """Set the fields; returns whether one of them changed."""
    before = {name: getattr(row, name) for name in fact}
    for name, value in fact.items():
        setattr(row, name, value)
    return before != fact


@dataclass(frozen=True)
class SlotPlan:
    """The slots of one row of the file: one start, or several cut from opening hours."""

    line: int
    clinic: str
    vaccine: str
    times: list[datetime]
    capacity: int


class SlotImport:
    """Saves plans batch by batch and keeps the line of each slot, to refuse duplicates."""

    def __init__(self, *, by: str):
        self.by = by
        self.now = database_now()  # one instant for the whole file
        self.clinics = dict(Clinic.objects.values_list("code", "pk"))
        self.vaccines = vaccines_by_code()
        self.lines: dict[tuple[Any, ...], int] = {}

    def save(self, plans: Sequence[SlotPlan]) -> list[Outcome | RowRefused]:
        existing = self._existing_slots(plans)
        new_slots: list[Slot] = []
        outcomes: list[Outcome | RowRefused] = []
        for plan in plans:
            try:
                slots, outcome = self._add_or_change(plan, existing)
            except RowRefused as refusal:
                outcomes.append(refusal)
            else:
                new_slots += slots
                outcomes.append(outcome)
        Slot.objects.bulk_create(new_slots, batch_size=2000)
        return outcomes

    def _existing_slots(self, plans: Iterable[SlotPlan]) -> dict[tuple[Any, ...], Slot]:
        times = [time for plan in plans for time in plan.times]
        if not times:
            return {}
        clinics = {self.clinics.get(plan.clinic) for plan in plans} - {None}
        # One range for all plans of the batch; slots in between that no plan names don't matter.
        rows = Slot.objects.filter(
            clinic__in=clinics, starts_at__gte=min(times), starts_at__lte=max(times)
        )
        return {(slot.clinic_id, slot.vaccine_id, slot.starts_at): slot for slot in rows}

    def _add_or_change(
        self, plan: SlotPlan, existing: dict[tuple[Any, ...], Slot]
    ) -> tuple[list[Slot], Outcome]:
        """Change existing slots and return the new ones, which the caller inserts in bulk.

        Raises RowRefused, which leaves all slots of the row unchanged.
        """
        clinic, vaccine = self._ids_of(plan)
        keys = [(clinic, vaccine, time) for time in plan.times]
        for key in keys:
            if key in self.lines:
                raise RowRefused(
                    _("asks for %(time)s, as line %(line)s does.")
                    % {"time": _local_time(key[2]), "line": self.lines[key]}
                )
        to_change = [
            existing[key]
            for key in keys
            if key in existing and existing[key].capacity != plan.capacity
        ]
        missing = [key for key in keys if key not in existing]
        for time in [slot.starts_at for slot in to_change] + [key[2] for key in missing]:
            if time <= self.now:
                raise _refused("starts_at", _("%s is over.") % _local_time(time))
        self._set_capacities(to_change, plan.capacity)
        self.lines.update(dict.fromkeys(keys, plan.line))
        added = [
            Slot(clinic_id=clinic, vaccine_id=vaccine, starts_at=time, capacity=plan.capacity)
            for _clinic, _vaccine, time in missing
        ]
        if to_change or (added and len(added) < len(keys)):
            return added, Outcome.CHANGED
        return added, Outcome.ADDED if added else Outcome.UNCHANGED

    def _ids_of(self, plan: SlotPlan) -> tuple[int, int]:
        for column, value, ids_by_code in [
            ("clinic", plan.clinic, self.clinics),
            ("vaccine", plan.vaccine, self.vaccines),
        ]:
            if value not in ids_by_code:
                raise _refused(column, _("there is none with the code “%s”.") % value)
        return self.clinics[plan.clinic], self.vaccines[plan.vaccine]

    @transaction.atomic
    def _set_capacities(self, slots: list[Slot], capacity: int) -> None:
        """Change all slots of a row or none; raises RowRefused.

        In order of ids, the lock order of slots.
        """
        for slot in sorted(slots, key=lambda slot: slot.pk):
            try:
                set_capacity(slot=slot, capacity=capacity, by=self.by)
            except CapacityBelowBooked:
                slot.refresh_from_db(fields=["booked"])
                raise _refused(
                    "capacity",
                    _("at %(time)s %(booked)s places are booked already.")
                    % {"time": _local_time(slot.starts_at), "booked": slot.booked},
                ) from None
            except HoursClosed as refusal:
                raise _refused("capacity", str(refusal)) from None


def _refused(column: str, problem: str) -> RowRefused:
    return RowRefused(_("column %(column)s: %(problem)s") % {"column": column, "problem": problem})


def _local_time(time: datetime) -> str:
    return f"{timezone.localtime(time):%Y-%m-%d %H:%M}"
