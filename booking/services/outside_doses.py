"""Doses given elsewhere: recording, correcting and withdrawing them.

A record cancels the appointments it makes needless; correcting or withdrawing a mistaken record
restores what it cancelled, or keeps a LostAppointment where the seat is gone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q

from booking.enums import ON_THE_LIST, EntryStatus, LostReason, ReservationStatus
from booking.exceptions import (
    DoseOnRecord,
    RecordWithdrawn,
    Refused,
    SlotClosed,
    SlotFull,
    SlotOver,
)
from booking.models import ListEntry, LostAppointment, OutsideDose, Reservation, Vaccine
from booking.rules import Booked, Course, day_of
from booking.services.courses import course_from, interval_of
from booking.services.notices import notify_cancelled, notify_restored
from booking.services.offers import end_entry, fulfil_entries, offer_freed, offer_to
from booking.services.seats import (
    RowsChanged,
    end,
    lapse_holds,
    lock_person,
    lock_slots,
    retried_transaction,
    take_seat,
    wait_for_holds,
)


@dataclass
class RecordEffects:
    """What recording, correcting or withdrawing a dose changed for its person."""

    cancelled: list[Reservation] = field(default_factory=list)  # released holds included
    restored: list[Reservation] = field(default_factory=list)
    lost: list[LostAppointment] = field(default_factory=list)  # could not be restored
    entries: list[ListEntry] = field(default_factory=list)  # waiting again, with their old rank


@retried_transaction
def record_outside_dose(
    *,
    person_id: int,
    vaccine: Vaccine,
    dose: int,
    given_on: date,
    by: str,
    place: str = "",
) -> tuple[OutsideDose, list[Reservation]]:
    """Record a dose given elsewhere and cancel the appointments it makes needless.

    Those are the appointments for this dose and the ones before it, with the last dose of a
    series all of them, and a second dose of another vaccine or outside the interval. Recording
    again changes nothing. Returns the record and the cancelled reservations.
    """
    settlement = _Settlement(person_id, by=by)
    # An existing record of this dose stays unchanged.
    outside_dose, _new = OutsideDose.objects.get_or_create(
        person_id=person_id,
        dose=dose,
        defaults={"vaccine": vaccine, "given_on": given_on, "place": place, "by": by},
    )
    return outside_dose, settlement.with_record(outside_dose).cancelled


@retried_transaction
def correct_outside_dose(
    *,
    outside_dose: OutsideDose,
    vaccine: Vaccine,
    dose: int,
    given_on: date,
    by: str,
    place: str = "",
) -> tuple[OutsideDose, RecordEffects]:
    """Correct a record: cancel what is needless by it now, restore what it had cancelled.

    Raises DoseOnRecord if the person has another record of this dose, RecordWithdrawn if the
    record was withdrawn meanwhile.
    """
    settlement = _Settlement(outside_dose.person_id, freed_by=outside_dose, by=by)
    if (
        OutsideDose.objects.filter(person=outside_dose.person_id, dose=dose)
        .exclude(pk=outside_dose.pk)
        .exists()
    ):
        raise DoseOnRecord
    record = OutsideDose.objects.select_for_update().filter(pk=outside_dose.pk).first()
    if record is None:
        raise RecordWithdrawn
    record.vaccine, record.dose, record.given_on = vaccine, dose, given_on
    record.place, record.by = place, by
    record.save(update_fields=["vaccine", "dose", "given_on", "place", "by"])
    return record, settlement.with_record(record)


@retried_transaction
def withdraw_outside_dose(*, outside_dose: OutsideDose, by: str) -> RecordEffects:
    """Withdraw a mistaken record and undo its effects.

    What it cancelled is booked again where the seat is still free, and list entries it ended
    wait again with their old rank. A second dose that rested on it is cancelled: it needs a
    first. The history keeps the record. Withdrawing again changes nothing.
    """
    settlement = _Settlement(outside_dose.person_id, freed_by=outside_dose, by=by)
    # The delete trigger copies the row to the history: `by` is who withdrew it.
    if not OutsideDose.objects.filter(pk=outside_dose.pk).update(by=by):
        return RecordEffects()
    after = settlement.without_record(outside_dose)
    OutsideDose.objects.filter(pk=outside_dose.pk).delete()
    return after


class _Settlement:
    """Settles a person's reservations and list entries with the doses on record.

    Dose by dose: reservations that are still needed stay, others end, and appointments that the
    corrected record had cancelled are restored if the dose is not booked and the seat is free.
    """

    def __init__(self, person_id: int, *, by: str, freed_by: OutsideDose | None = None):
        """Lock the person, and every slot and reservation that may change, in the lock order.

        `freed_by` is the record that is corrected or withdrawn. Raises RowsChanged.
        """
        self.person_id, self.by = person_id, by
        self.effects = RecordEffects()
        wait_for_holds(person_id)
        self.now = lock_person(person_id)
        live = Reservation.objects.live().filter(person=person_id)
        freed = (
            LostAppointment.objects.filter(outside_dose=freed_by)
            if freed_by
            else LostAppointment.objects.none()
        )
        involved = Q(pk__in=live.values("pk")) | Q(pk__in=freed.values("reservation"))
        reservations = Reservation.objects.filter(involved)
        self.slots = lock_slots(reservations.values_list("slot_id", flat=True))
        # Before the rows are read, since the person's own hold may be one that lapses.
        self.holds_lapsed = lapse_holds(self.slots, now=self.now) > 0
        rows = {
            row.pk: row
            for row in reservations.with_slot().select_related("person").order_by("pk").locked()
        }
        if any(row.slot_id not in self.slots for row in rows.values()):
            raise RowsChanged
        self.rows = [row for row in rows.values() if row.status in _TO_COME]
        self.being_given = [row for row in rows.values() if row.status in _BEING_GIVEN]
        # The newest first: only one appointment per dose can be restored.
        self.lost = sorted(freed, key=lambda lost: lost.at, reverse=True)
        for lost in self.lost:
            lost.reservation = rows[lost.reservation_id]
        self.entries = _ended_by(freed_by) if freed_by else []

    def with_record(self, outside_dose: OutsideDose) -> RecordEffects:
        return self._settle(outside_dose)

    def without_record(self, outside_dose: OutsideDose) -> RecordEffects:
        return self._settle(None, withdrawn_id=outside_dose.pk)

    def _settle(
        self, outside_dose: OutsideDose | None, *, withdrawn_id: int | None = None
    ) -> RecordEffects:
        outside_doses = OutsideDose.objects.filter(person=self.person_id).select_related("vaccine")
        remaining = (
            outside_doses if withdrawn_id is None else outside_doses.exclude(pk=withdrawn_id)
        )
        self.outside_dose, self.outside_doses = outside_dose, list(remaining)
        self.course = course_from(self.being_given, self.outside_doses)
        booked = {row.dose for row in self.rows}
        for dose in sorted(booked | {lost.reservation.dose for lost in self.lost}):
            for row in self.rows:
                if row.dose == dose and self._is_still_needed(row):
                    self._count(row)
                elif row.dose == dose:
                    self._end(row)
            for lost in self.lost:
                if lost.reservation.dose == dose:
                    self._bring_back(lost)
        self._lose_dependent_second()
        self._settle_entries()
        self._notify()
        return self.effects

    def _covering(self, dose: int) -> OutsideDose | None:
        """The record that makes this dose needless: of this dose, a later or the last one."""
        covering = (
            outside_dose
            for outside_dose in self.outside_doses
            if outside_dose.dose >= min(dose, outside_dose.vaccine.doses)
        )
        return next(covering, None)

    def _has_first(self, dose: int) -> bool:
        return dose == 1 or 1 in self.course.doses

    def _fits(self, row: Reservation) -> bool:
        slot = self.slots[row.slot_id]
        try:
            self.course.check(row.dose, day_of(slot.starts_at), interval_of(slot.vaccine))
        except Refused:
            return False
        return True

    def _is_still_needed(self, row: Reservation) -> bool:
        return self._covering(row.dose) is None and self._has_first(row.dose) and self._fits(row)

    def _count(self, row: Reservation) -> None:
        on = day_of(row.slot.starts_at)
        booked = Booked(row.dose, row.slot.vaccine_id, on)
        self.course = Course(self.course.doses | {row.dose: booked})

    def _end(self, row: Reservation) -> None:
        held = row.status == ReservationStatus.HELD
        end(row, self.slots, by=self.by, now=self.now)
        self.effects.cancelled.append(row)
        if self.outside_dose and not held:
            self._note(row, outside_dose=self.outside_dose)

    def _note(self, row: Reservation, **values: Any) -> LostAppointment:
        """Keep a LostAppointment for it, so that a withdrawal of the record can restore it."""
        new = {"at": self.now, "lost_at": None, "lost_because": "", "by": "", "entry": None}
        lost, _new = LostAppointment.objects.update_or_create(
            reservation=row, defaults={**new, **values}
        )
        lost.reservation = row
        return lost

    def _bring_back(self, lost: LostAppointment) -> None:
        row = lost.reservation
        if row.status != ReservationStatus.CANCELLED or row.changed_at != lost.at:
            lost.delete()  # changed by the person since: not this record's effect any more
        elif covering := self._covering(row.dose):
            self._keep(lost, covering)
        elif self.outside_dose and self._has_first(row.dose) and not self._fits(row):
            self._keep(lost, self.outside_dose)
        elif row.dose in self.course.doses and not self._is_held(row.dose):
            lost.delete()  # the dose is booked elsewhere
        elif because := self._why_not(row):
            self._lose(lost, because)
        else:
            row.status, row.by, row.changed_at = ReservationStatus.CONFIRMED, self.by, self.now
            row.save(update_fields=["status", "by", "changed_at"])
            lost.delete()
            self._count(row)
            self.effects.restored.append(row)

    def _keep(self, lost: LostAppointment, outside_dose: OutsideDose) -> None:
        """The appointment stays cancelled, now because of this record."""
        lost.outside_dose, lost.lost_at, lost.lost_because, lost.by = outside_dose, None, "", ""
        lost.save(update_fields=["outside_dose", "lost_at", "lost_because", "by"])

    def _is_held(self, dose: int) -> bool:
        held = ReservationStatus.HELD
        return any(row.dose == dose and row.status == held for row in self.rows)

    def _why_not(self, row: Reservation) -> LostReason | None:
        """Why an appointment can't be restored; None after its seat has been taken again."""
        if row.dose in self.course.doses:
            return LostReason.HOLDING
        if not self._has_first(row.dose):
            return LostReason.NO_FIRST
        if not self._fits(row):
            return LostReason.UNFIT
        try:
            # The last condition, because it takes the seat.
            take_seat(self.slots[row.slot_id], now=self.now, of_visit=True)
        except SlotFull:
            return LostReason.TAKEN
        except SlotOver:
            return LostReason.OVER
        except SlotClosed:
            return LostReason.CLOSED
        return None

    def _lose(self, lost: LostAppointment, because: LostReason) -> None:
        lost.outside_dose, lost.by = self.outside_dose, self.by
        lost.lost_at, lost.lost_because = lost.lost_at or self.now, because
        lost.save(update_fields=["outside_dose", "by", "lost_at", "lost_because"])
        self.effects.lost.append(lost)

    def _lose_dependent_second(self) -> None:
        """List a second dose cancelled for want of its first as lost by the same mistake."""
        if all(lost.reservation.dose != 1 for lost in self.effects.lost):
            return
        for row in self.effects.cancelled:
            if row.dose > 1 and row.status == ReservationStatus.CANCELLED:
                because = {"lost_at": self.now, "lost_because": LostReason.NO_FIRST, "by": self.by}
                self.effects.lost.append(self._note(row, outside_dose=self.outside_dose, **because))

    def _settle_entries(self) -> None:
        entries = ListEntry.objects.filter(person=self.person_id, status__in=ON_THE_LIST)
        for entry in entries:
            if self._covering(entry.dose) or not self._has_first(entry.dose):
                end_entry(entry, by=self.by, outside_dose=self.outside_dose, now=self.now)
        doses = [row.dose for row in self.effects.restored]
        fulfil_entries(person_id=self.person_id, doses=doses, now=self.now)
        for entry in self.entries:
            entry.outside_dose = self._covering(entry.dose)
            if entry.outside_dose is None and self._is_still_useful(entry):
                self._put_back(entry)
            entry.save(update_fields=["outside_dose", "status", "ended_at", "ended_by"])

    def _is_still_useful(self, entry: ListEntry) -> bool:
        booked = entry.dose in self.course.doses
        return not booked and self._has_first(entry.dose) and entry.date_to >= day_of(self.now)

    def _put_back(self, entry: ListEntry) -> None:
        """Let the entry wait again; a newer entry of the same dose gets its rank instead."""
        newer = ListEntry.objects.filter(
            person=entry.person_id, dose=entry.dose, status__in=ON_THE_LIST
        )
        if newer.update(joined_at=entry.joined_at, priority=entry.priority):
            return
        entry.status, entry.ended_at, entry.ended_by = EntryStatus.WAITING, None, ""
        self.effects.entries.append(entry)
        transaction.on_commit(partial(offer_to, entry_id=entry.pk))

    def _notify(self) -> None:
        """Offer freed seats to the cancellation list and queue the person's messages."""
        if self.holds_lapsed or self.effects.cancelled:
            for slot in self.slots.values():
                offer_freed(slot, now=self.now)
        cancelled = [
            row for row in self.effects.cancelled if row.status == ReservationStatus.CANCELLED
        ]
        if cancelled:
            notify_cancelled(_by_dose(cancelled))
        if self.effects.restored:
            notify_restored(_by_dose(self.effects.restored))


_TO_COME = [ReservationStatus.HELD, ReservationStatus.CONFIRMED]
_BEING_GIVEN = [ReservationStatus.ARRIVED, ReservationStatus.VACCINATED]


def _ended_by(outside_dose: OutsideDose) -> list[ListEntry]:
    return list(outside_dose.ended_entries.filter(status=EntryStatus.ENDED))


def _by_dose(rows: Iterable[Reservation]) -> list[Reservation]:
    return sorted(rows, key=lambda row: row.dose)
