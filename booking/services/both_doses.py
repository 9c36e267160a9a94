"""Moving the appointments for both doses together: both, or none."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from booking.enums import ReservationStatus
from booking.exceptions import (
    BookedForVisit,
    NotConfirmed,
    SecondNotOpen,
    SlotFull,
    WrongVaccine,
)
from booking.models import Reservation, Slot
from booking.rules import day_of
from booking.services.changes import check_in_time
from booking.services.courses import best_seconds, interval_of
from booking.services.notices import notify_changed
from booking.services.offers import offer_freed
from booking.services.seats import (
    RowsChanged,
    give_back,
    lapse_holds,
    lock_person,
    lock_slots,
    retried_transaction,
    take_seat,
)


def both_confirmed(reservations: Iterable[Reservation]) -> list[Reservation]:
    """The two confirmed appointments at clinics, by dose; [] where there are not both."""
    rows = [
        row
        for row in reservations
        if row.status == ReservationStatus.CONFIRMED and not row.slot.home_id
    ]
    rows.sort(key=lambda row: row.dose)
    return rows if [row.dose for row in rows] == [1, 2] else []


@retried_transaction
def change_both(*, person_id: int, slot_id: int, by: str) -> list[Reservation]:
    """Move the first dose to a slot. The second stays if it still fits, else it goes along to the
    best slot at the clinic of the first.

    Returns both by dose. Raises TooLate, NotConfirmed, BookedForVisit, SlotFull, SlotOver,
    SlotClosed, WrongVaccine or SecondNotOpen, all of which leave both appointments.
    """
    now = lock_person(person_id)
    confirmed = Reservation.objects.filter(
        person=person_id, dose__in=[1, 2], status=ReservationStatus.CONFIRMED
    )
    before = dict(confirmed.values_list("pk", "slot_id"))
    seconds = best_seconds(None, slot_id)
    # Lock order: person, slots by id, reservations by id (docs/booking.md).
    slots = lock_slots([slot_id, *before.values(), *seconds])
    rows = list(confirmed.with_slot().select_related("person").order_by("pk").locked())
    if {row.pk: row.slot_id for row in rows} != before:
        raise RowsChanged
    first, second = _checked(rows, by, now)
    if first.slot_id == slot_id:
        return [first, second]
    target = slots.get(slot_id)
    if target is None:
        raise SlotFull(slot_id=slot_id)
    if target.vaccine_id != first.slot.vaccine_id:
        raise WrongVaccine
    for pk in {slot_id, *seconds} & slots.keys():
        if lapse_holds({pk: slots[pk]}, now=now):
            offer_freed(slots[pk], now=now)
    _move({first: target, second: _second_slot(target, second, seconds, slots)}, slots, by, now)
    return [first, second]


def _checked(rows: list[Reservation], by: str, now: datetime) -> list[Reservation]:
    by_dose = {row.dose: row for row in rows}
    if by_dose.keys() != {1, 2}:
        raise NotConfirmed
    for row in rows:
        check_in_time(row, by, now)
        if row.slot.home_id:
            raise BookedForVisit
    return [by_dose[1], by_dose[2]]


def _second_slot(
    first: Slot, second: Reservation, seconds: list[int], slots: dict[int, Slot]
) -> Slot:
    """Where the second dose goes with a first one at this slot: nowhere, if its own slot fits."""
    if interval_of(first.vaccine).fits(day_of(first.starts_at), day_of(second.slot.starts_at)):
        return slots[second.slot_id]
    free = (slots[pk] for pk in seconds if pk in slots and slots[pk].left > 0)
    slot = next(free, None)
    if slot is None:
        raise SecondNotOpen
    return slot


def _move(targets: dict[Reservation, Slot], slots: dict[int, Slot], by: str, now: datetime) -> None:
    moved = {row: slot for row, slot in targets.items() if row.slot_id != slot.pk}
    # The new seats first: a refusal leaves the old ones.
    for slot in moved.values():
        take_seat(slot, now=now)
    old = [row.slot_id for row in moved]
    give_back(Counter(old), slots)
    for row, slot in moved.items():
        row.slot, row.by, row.changed_at = slot, by, now
        row.save(update_fields=["slot", "by", "changed_at"])
    for slot_id in sorted(set(old)):
        offer_freed(slots[slot_id], now=now)
    notify_changed(*sorted(moved, key=lambda row: row.dose))
