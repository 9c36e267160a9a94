"""Doses given elsewhere, and what they make needless."""

from datetime import date, datetime

from django.utils import timezone

from ..enums import ReservationStatus
from ..models import Jab, Reservation, Vaccine
from ..rules import day_of
from .holds import interval_of
from .notices import tell_cancelled
from .offers import leave_list, offer_freed
from .places import Moved, lock_person, lock_slots, release, whole


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
    changes nothing. Returns the record and what was cancelled.
    """
    now = now or timezone.now()
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
    jab, _new = Jab.objects.get_or_create(
        person_id=person_id,
        dose=dose,
        defaults={"vaccine": vaccine, "given_on": given_on, "place": place, "by": by},
    )
    freed = [row for row in rows if _needless(row, jab, vaccine)]
    for row in freed:
        held = row.status == ReservationStatus.HELD
        status = ReservationStatus.RELEASED if held else ReservationStatus.CANCELLED
        release(row, slots, status=status, by=by, now=now)
    for slot_id in sorted({row.slot_id for row in freed}):
        offer_freed(slots[slot_id], now=now)
    leave_list(person_id=person_id, dose=dose)
    cancelled = [row for row in freed if row.status == ReservationStatus.CANCELLED]
    if cancelled:
        tell_cancelled(sorted(cancelled, key=lambda row: row.dose))
    return jab, freed


def _needless(row: Reservation, jab: Jab, vaccine: Vaccine) -> bool:
    if row.dose <= jab.dose or jab.dose >= vaccine.doses:
        return True
    if row.slot.vaccine_id != vaccine.pk:
        return True
    return not interval_of(vaccine).fits(jab.given_on, day_of(row.slot.starts_at))
