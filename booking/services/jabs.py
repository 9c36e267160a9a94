"""Doses given elsewhere, and what they make needless."""

from datetime import date, datetime

from django.utils import timezone

from ..enums import ReservationStatus
from ..exceptions import JabKnown
from ..models import Jab, Reservation, Slot, Vaccine
from ..rules import day_of
from .holds import interval_of
from .notices import tell_cancelled
from .offers import leave_list, offer_freed
from .places import Moved, end, lock_person, lock_slots, wait_for_holds, whole


@whole
def record_jab(
    *,
    person_id: int,
    vaccine: Vaccine,
    dose: int,
    given_on: date,
    by: str,
    place: str = "",
    now: datetime | None = None,
) -> tuple[Jab, list[Reservation]]:
    """Write down a dose given elsewhere, and free what the person no longer needs.

    That is every appointment for this dose or one before it; with the last dose of a series
    all of them; and a second dose of another vaccine, or out of the interval. Repeating it
    changes nothing. Returns the record and what was freed.
    """
    now = now or timezone.now()
    rows, slots = _to_come(person_id)
    jab, _new = Jab.objects.get_or_create(
        person_id=person_id,
        dose=dose,
        defaults={"vaccine": vaccine, "given_on": given_on, "place": place, "by": by},
    )
    freed = [row for row in rows if _needless(row, jab, vaccine)]
    _free(freed, slots, by=by, now=now)
    leave_list(person_id=person_id, dose=dose, by=by)
    return jab, freed


@whole
def correct_jab(
    *,
    jab: Jab,
    vaccine: Vaccine,
    dose: int,
    given_on: date,
    by: str,
    place: str = "",
    now: datetime | None = None,
) -> tuple[Jab, list[Reservation]]:
    """Put a record right, and free what the person no longer needs by it; as `record_jab`.

    Raises JabKnown if the person has another record of this dose. What the mistake had freed
    does not come back by itself.
    """
    now = now or timezone.now()
    rows, slots = _to_come(jab.person_id)
    jab = Jab.objects.select_for_update().get(pk=jab.pk)
    if Jab.objects.filter(person=jab.person_id, dose=dose).exclude(pk=jab.pk).exists():
        raise JabKnown
    jab.vaccine, jab.dose, jab.given_on, jab.place, jab.by = vaccine, dose, given_on, place, by
    jab.save(update_fields=["vaccine", "dose", "given_on", "place", "by"])
    freed = [row for row in rows if _needless(row, jab, vaccine)]
    _free(freed, slots, by=by, now=now)
    leave_list(person_id=jab.person_id, dose=dose, by=by)
    return jab, freed


@whole
def withdraw_jab(*, jab: Jab, by: str, now: datetime | None = None) -> list[Reservation]:
    """Take a mistaken record back; the appointments that rested on it go too, and are returned.

    A second dose can't stand without a first. The history keeps what was on record.
    """
    now = now or timezone.now()
    rows, slots = _to_come(jab.person_id)
    Jab.objects.filter(pk=jab.pk).update(by=by)  # its last state says who took it back
    Jab.objects.filter(pk=jab.pk).delete()
    resting = [row for row in rows if row.dose == jab.dose + 1]
    _free(resting, slots, by=by, now=now)
    leave_list(person_id=jab.person_id, dose=jab.dose + 1, by=by)
    return resting


def _to_come(person_id: int) -> tuple[list[Reservation], dict[int, Slot]]:
    """What this person holds or has booked, and the slots of it, all locked."""
    wait_for_holds(person_id)
    lock_person(person_id)
    mine = Reservation.objects.filter(
        person=person_id, status__in=[ReservationStatus.HELD, ReservationStatus.CONFIRMED]
    )
    slots = lock_slots(mine.values_list("slot_id", flat=True))
    rows = list(
        mine.select_related("person", "slot__clinic", "slot__vaccine").order_by("pk").locked()
    )
    if any(row.slot_id not in slots for row in rows):
        raise Moved
    return rows, slots


def _free(rows: list[Reservation], slots: dict[int, Slot], *, by: str, now: datetime) -> None:
    """End these, pass their places on, and tell the person about appointments among them."""
    for row in rows:
        end(row, slots, by=by, now=now)
    for slot_id in sorted({row.slot_id for row in rows}):
        offer_freed(slots[slot_id], now=now)
    cancelled = [row for row in rows if row.status == ReservationStatus.CANCELLED]
    if cancelled:
        tell_cancelled(sorted(cancelled, key=lambda row: row.dose))


def _needless(row: Reservation, jab: Jab, vaccine: Vaccine) -> bool:
    if row.dose <= jab.dose or jab.dose >= vaccine.doses:
        return True
    if row.slot.vaccine_id != vaccine.pk:
        return True
    return not interval_of(vaccine).fits(jab.given_on, day_of(row.slot.starts_at))
