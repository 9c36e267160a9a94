"""What the import commands write: clinics, and the slots people book."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from booking.exceptions import CapacityBelowBooked
from booking.models import Clinic, Slot, Vaccine
from booking.services import set_capacity
from database.clock import database_now
from dataio.importing import Outcome, Refused


def save_clinics(facts: Sequence[dict[str, Any]]) -> list[Outcome]:
    """Add or change clinics, found by `code`; what `facts` does not name stays as it is.

    A clinic that a list no longer names stays: its reservations do too.
    """
    codes = [fact["code"] for fact in facts]
    known = {
        clinic.code: clinic
        for clinic in Clinic.objects.select_for_update(no_key=True)
        .filter(code__in=codes)
        .order_by("pk")
    }
    added: list[Clinic] = []
    changed: dict[str, Clinic] = {}
    outcomes = []
    for fact in facts:
        clinic = known.get(fact["code"])
        if clinic is None:
            clinic = Clinic(**fact)
            known[clinic.code] = clinic
            added.append(clinic)
            outcomes.append(Outcome.ADDED)
        elif _take_over(clinic, fact):
            changed[clinic.code] = clinic
            outcomes.append(Outcome.CHANGED)
        else:
            outcomes.append(Outcome.UNCHANGED)
    Clinic.objects.bulk_create(added)
    fields = ["name", "region", "district", "address", "phone", "latitude", "longitude"]
    Clinic.objects.bulk_update([clinic for clinic in changed.values() if clinic.pk], fields)
    return outcomes


def _take_over(row: models.Model, fact: dict[str, Any]) -> bool:
    before = {name: getattr(row, name) for name in fact}
    for name, value in fact.items():
        setattr(row, name, value)
    return before != fact


@dataclass(frozen=True)
class SlotPlan:
    """What one row of a slots file asks for: one time, or several cut from opening hours."""

    line: int
    clinic: str
    vaccine: str
    times: list[datetime]
    capacity: int


class SlotImport:
    """Saves plans batch by batch and remembers which line asked for which slot."""

    def __init__(self, *, by: str):
        self.by = by
        self.now = database_now()
        self.clinics = dict(Clinic.objects.values_list("code", "pk"))
        self.vaccines = dict(Vaccine.objects.values_list("code", "pk"))
        self.lines: dict[tuple[Any, ...], int] = {}

    def save(self, plans: Sequence[SlotPlan]) -> list[Outcome | Refused]:
        known = self._known(plans)
        fresh: list[Slot] = []
        outcomes: list[Outcome | Refused] = []
        for plan in plans:
            try:
                added, outcome = self._one(plan, known)
            except Refused as refusal:
                outcomes.append(refusal)
            else:
                fresh += added
                outcomes.append(outcome)
        Slot.objects.bulk_create(fresh, batch_size=2000)
        return outcomes

    def _known(self, plans: Iterable[SlotPlan]) -> dict[tuple[Any, ...], Slot]:
        times = [time for plan in plans for time in plan.times]
        if not times:
            return {}
        clinics = {self.clinics.get(plan.clinic) for plan in plans} - {None}
        rows = Slot.objects.filter(
            clinic__in=clinics, starts_at__gte=min(times), starts_at__lte=max(times)
        )
        return {(slot.clinic_id, slot.vaccine_id, slot.starts_at): slot for slot in rows}

    def _one(
        self, plan: SlotPlan, known: dict[tuple[Any, ...], Slot]
    ) -> tuple[list[Slot], Outcome]:
        """The slots to add; those to change are changed. Refused leaves all of the row undone."""
        clinic, vaccine = self._found(plan)
        keys = [(clinic, vaccine, time) for time in plan.times]
        for key in keys:
            if key in self.lines:
                raise Refused(
                    _("asks for %(time)s, as line %(line)s does.")
                    % {"time": _shown(key[2]), "line": self.lines[key]}
                )
        unlike = [
            known[key] for key in keys if key in known and known[key].capacity != plan.capacity
        ]
        missing = [key for key in keys if key not in known]
        for time in [slot.starts_at for slot in unlike] + [key[2] for key in missing]:
            if time <= self.now:
                raise _refused("starts_at", _("%s is over.") % _shown(time))
        self._set_capacities(unlike, plan.capacity)
        self.lines.update(dict.fromkeys(keys, plan.line))
        added = [
            Slot(clinic_id=clinic, vaccine_id=vaccine, starts_at=time, capacity=plan.capacity)
            for _clinic, _vaccine, time in missing
        ]
        if unlike or (added and len(added) < len(keys)):
            return added, Outcome.CHANGED
        return added, Outcome.ADDED if added else Outcome.UNCHANGED

    def _found(self, plan: SlotPlan) -> tuple[int, int]:
        for column, value, known in [
            ("clinic", plan.clinic, self.clinics),
            ("vaccine", plan.vaccine, self.vaccines),
        ]:
            if value not in known:
                raise _refused(column, _("there is none with the code “%s”.") % value)
        return self.clinics[plan.clinic], self.vaccines[plan.vaccine]

    @transaction.atomic
    def _set_capacities(self, slots: list[Slot], capacity: int) -> None:
        """All slots of a row or none: each is locked, and the first refusal undoes the rest."""
        for slot in sorted(slots, key=lambda slot: slot.pk):
            try:
                set_capacity(slot=slot, capacity=capacity, by=self.by)
            except CapacityBelowBooked:
                slot.refresh_from_db(fields=["booked"])
                raise _refused(
                    "capacity",
                    _("at %(time)s %(booked)s places are booked already.")
                    % {"time": _shown(slot.starts_at), "booked": slot.booked},
                ) from None


def _refused(column: str, problem: str) -> Refused:
    return Refused(_("column %(column)s: %(problem)s") % {"column": column, "problem": problem})


def _shown(time: datetime) -> str:
    return f"{timezone.localtime(time):%Y-%m-%d %H:%M}"
