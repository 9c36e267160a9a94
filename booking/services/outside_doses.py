"""Doses given elsewhere: what they make needless, and what comes back when a record was wrong."""

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
from booking.services.notices import tell_cancelled, tell_restored
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
class Aftermath:
    """What became of a person's appointments and entries by a record, or by its end."""

    cancelled: list[Reservation] = field(default_factory=list)  # holds that ended included
    restored: list[Reservation] = field(default_factory=list)
    # What the record had cancelled and nobody can bring back, with the reason.
    lost: list[LostAppointment] = field(default_factory=list)
    # Back on the cancellation list, in their old place.
    entries: list[ListEntry] = field(default_factory=list)


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
    """Write down a dose given elsewhere, and free what the person no longer needs.

    That is every appointment for this dose or one before it; with the last dose of a series
    all of them; and a second dose of another vaccine, or out of the interval. Repeating it
    changes nothing. Returns the record and what was freed.
    """
    settling = _Settling(person_id, by=by)
    outside_dose, _new = OutsideDose.objects.get_or_create(
        person_id=person_id,
        dose=dose,
        defaults={"vaccine": vaccine, "given_on": given_on, "place": place, "by": by},
    )
    return outside_dose, settling.with_record(outside_dose).cancelled


@retried_transaction
def correct_outside_dose(
    *,
    outside_dose: OutsideDose,
    vaccine: Vaccine,
    dose: int,
    given_on: date,
    by: str,
    place: str = "",
) -> tuple[OutsideDose, Aftermath]:
    """Put a record right: free what the person no longer needs by it, bring back what they do.

    Raises DoseOnRecord if the person has another record of this dose, RecordWithdrawn if there is
    nothing left to correct.
    """
    settling = _Settling(outside_dose.person_id, freed_by=outside_dose, by=by)
    if (
        OutsideDose.objects.filter(person=outside_dose.person_id, dose=dose)
        .exclude(pk=outside_dose.pk)
        .exists()
    ):
        raise DoseOnRecord
    known = OutsideDose.objects.select_for_update().filter(pk=outside_dose.pk).first()
    if known is None:
        raise RecordWithdrawn
    known.vaccine, known.dose, known.given_on = vaccine, dose, given_on
    known.place, known.by = place, by
    known.save(update_fields=["vaccine", "dose", "given_on", "place", "by"])
    return known, settling.with_record(known)


@retried_transaction
def withdraw_outside_dose(*, outside_dose: OutsideDose, by: str) -> Aftermath:
    """Take a mistaken record back, and with it what it did.

    What it cancelled is booked again where the place is still free, and whoever was on the
    cancellation list is on it again, in the old place. A second dose that rested on it goes: it
    can't stand without a first. The history keeps what was on record. Withdrawing it again
    changes nothing.
    """
    settling = _Settling(outside_dose.person_id, freed_by=outside_dose, by=by)
    # Its last state says who took it back.
    if not OutsideDose.objects.filter(pk=outside_dose.pk).update(by=by):
        return Aftermath()
    after = settling.without_record(outside_dose)
    OutsideDose.objects.filter(pk=outside_dose.pk).delete()
    return after


class _Settling:
    """Brings what a person has booked and wished in line with the doses on record.

    Dose by dose: what is booked and fits stays, what does not ends, and where nothing is booked
    what a wrong record had cancelled comes back, if its place is free.
    """

    def __init__(self, person_id: int, *, by: str, freed_by: OutsideDose | None = None):
        """Lock the person, and every slot and reservation that may change."""
        self.person_id, self.by = person_id, by
        self.after = Aftermath()
        wait_for_holds(person_id)
        self.now = lock_person(person_id)
        live = Reservation.objects.live().filter(person=person_id)
        freed = (
            LostAppointment.objects.filter(outside_dose=freed_by)
            if freed_by
            else LostAppointment.objects.none()
        )
        theirs = Q(pk__in=live.values("pk")) | Q(pk__in=freed.values("reservation"))
        mine = Reservation.objects.filter(theirs)
        self.slots = lock_slots(mine.values_list("slot_id", flat=True))
        # Before the rows are read: a hold of this person's may be among them.
        self.passes_on = lapse_holds(self.slots, now=self.now) > 0
        rows = {
            row.pk: row
            for row in mine.select_related("person", "slot__clinic", "slot__vaccine")
            .order_by("pk")
            .locked()
        }
        if any(row.slot_id not in self.slots for row in rows.values()):
            raise RowsChanged
        self.rows = [row for row in rows.values() if row.status in _TO_COME]
        self.here = [row for row in rows.values() if row.status in _BEING_GIVEN]
        # The newest choice first.
        self.freed = sorted(freed, key=lambda one: one.at, reverse=True)
        for one in self.freed:
            one.reservation = rows[one.reservation_id]
        self.entries = _ended_by(freed_by) if freed_by else []

    def with_record(self, outside_dose: OutsideDose) -> Aftermath:
        return self._settle(outside_dose)

    def without_record(self, outside_dose: OutsideDose) -> Aftermath:
        return self._settle(None, gone=outside_dose.pk)

    def _settle(self, outside_dose: OutsideDose | None, *, gone: int | None = None) -> Aftermath:
        outside_doses = OutsideDose.objects.filter(person=self.person_id).select_related("vaccine")
        kept = outside_doses if gone is None else outside_doses.exclude(pk=gone)
        self.outside_dose, self.outside_doses = outside_dose, list(kept)
        self.course = course_from(self.here, self.outside_doses)
        booked = {row.dose for row in self.rows}
        for dose in sorted(booked | {freed.reservation.dose for freed in self.freed}):
            for row in self.rows:
                if row.dose == dose and self._stands(row):
                    self._count(row)
                elif row.dose == dose:
                    self._end(row)
            for one in self.freed:
                if one.reservation.dose == dose:
                    self._bring_back(one)
        self._lose_what_rested_on_it()
        self._settle_entries()
        self._tell()
        return self.after

    def _covering(self, dose: int) -> OutsideDose | None:
        """The record that makes this dose needless: of itself, a later one, or the last one."""
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

    def _stands(self, row: Reservation) -> bool:
        return self._covering(row.dose) is None and self._has_first(row.dose) and self._fits(row)

    def _count(self, row: Reservation) -> None:
        on = day_of(row.slot.starts_at)
        booked = Booked(row.dose, row.slot.vaccine_id, on)
        self.course = Course(self.course.doses | {row.dose: booked})

    def _end(self, row: Reservation) -> None:
        held = row.status == ReservationStatus.HELD
        end(row, self.slots, by=self.by, now=self.now)
        self.after.cancelled.append(row)
        if self.outside_dose and not held:
            self._note(row, outside_dose=self.outside_dose)

    def _note(self, row: Reservation, **values: Any) -> LostAppointment:
        """Remember that a record cancelled it, anew if it was so before."""
        new = {"at": self.now, "lost_at": None, "lost_because": "", "by": "", "entry": None}
        freed, _new = LostAppointment.objects.update_or_create(
            reservation=row, defaults={**new, **values}
        )
        freed.reservation = row
        return freed

    def _bring_back(self, freed: LostAppointment) -> None:
        row = freed.reservation
        if row.status != ReservationStatus.CANCELLED or row.changed_at != freed.at:
            freed.delete()  # the person took it in hand since
        elif covering := self._covering(row.dose):
            self._keep(freed, covering)
        elif self.outside_dose and self._has_first(row.dose) and not self._fits(row):
            self._keep(freed, self.outside_dose)
        elif row.dose in self.course.doses and not self._is_held(row.dose):
            freed.delete()  # there is another appointment
        elif because := self._why_not(row):
            self._lose(freed, because)
        else:
            row.status, row.by, row.changed_at = ReservationStatus.CONFIRMED, self.by, self.now
            row.save(update_fields=["status", "by", "changed_at"])
            freed.delete()
            self._count(row)
            self.after.restored.append(row)

    def _keep(self, freed: LostAppointment, outside_dose: OutsideDose) -> None:
        """It is needless still, by this record."""
        freed.outside_dose, freed.lost_at, freed.lost_because, freed.by = outside_dose, None, "", ""
        freed.save(update_fields=["outside_dose", "lost_at", "lost_because", "by"])

    def _is_held(self, dose: int) -> bool:
        held = ReservationStatus.HELD
        return any(row.dose == dose and row.status == held for row in self.rows)

    def _why_not(self, row: Reservation) -> LostReason | None:
        """What keeps an appointment from coming back; None once its place is taken again."""
        if row.dose in self.course.doses:
            return LostReason.HOLDING
        if not self._has_first(row.dose):
            return LostReason.NO_FIRST
        if not self._fits(row):
            return LostReason.UNFIT
        try:
            take_seat(self.slots[row.slot_id], now=self.now)
        except SlotFull:
            return LostReason.TAKEN
        except SlotOver:
            return LostReason.OVER
        except SlotClosed:
            return LostReason.CLOSED
        return None

    def _lose(self, freed: LostAppointment, because: LostReason) -> None:
        freed.outside_dose, freed.by = self.outside_dose, self.by
        freed.lost_at, freed.lost_because = freed.lost_at or self.now, because
        freed.save(update_fields=["outside_dose", "by", "lost_at", "lost_because"])
        self.after.lost.append(freed)

    def _lose_what_rested_on_it(self) -> None:
        """With a first dose that can't come back its second one is lost to the same mistake."""
        if all(freed.reservation.dose != 1 for freed in self.after.lost):
            return
        for row in self.after.cancelled:
            if row.dose > 1 and row.status == ReservationStatus.CANCELLED:
                because = {"lost_at": self.now, "lost_because": LostReason.NO_FIRST, "by": self.by}
                self.after.lost.append(self._note(row, outside_dose=self.outside_dose, **because))

    def _settle_entries(self) -> None:
        entries = ListEntry.objects.filter(person=self.person_id, status__in=ON_THE_LIST)
        for entry in entries:
            if self._covering(entry.dose) or not self._has_first(entry.dose):
                end_entry(entry, by=self.by, outside_dose=self.outside_dose, now=self.now)
        doses = [row.dose for row in self.after.restored]
        fulfil_entries(person_id=self.person_id, doses=doses, now=self.now)
        for entry in self.entries:
            entry.outside_dose = self._covering(entry.dose)
            if entry.outside_dose is None and self._is_wanted(entry):
                self._put_back(entry)
            entry.save(update_fields=["outside_dose", "status", "ended_at", "ended_by"])

    def _is_wanted(self, entry: ListEntry) -> bool:
        booked = entry.dose in self.course.doses
        return not booked and self._has_first(entry.dose) and entry.date_to >= day_of(self.now)

    def _put_back(self, entry: ListEntry) -> None:
        """In its old place, or what was wished since in the place of the old one."""
        since = ListEntry.objects.filter(
            person=entry.person_id, dose=entry.dose, status__in=ON_THE_LIST
        )
        if since.update(joined_at=entry.joined_at, priority=entry.priority):
            return
        entry.status, entry.ended_at, entry.ended_by = EntryStatus.WAITING, None, ""
        self.after.entries.append(entry)
        transaction.on_commit(partial(offer_to, entry_id=entry.pk))

    def _tell(self) -> None:
        """Pass on what came free, and tell the person."""
        if self.passes_on or self.after.cancelled:
            for slot in self.slots.values():
                offer_freed(slot, now=self.now)
        cancelled = [
            row for row in self.after.cancelled if row.status == ReservationStatus.CANCELLED
        ]
        if cancelled:
            tell_cancelled(_by_dose(cancelled))
        if self.after.restored:
            tell_restored(_by_dose(self.after.restored))


_TO_COME = [ReservationStatus.HELD, ReservationStatus.CONFIRMED]
_BEING_GIVEN = [ReservationStatus.ARRIVED, ReservationStatus.VACCINATED]


def _ended_by(outside_dose: OutsideDose) -> list[ListEntry]:
    return list(outside_dose.ended_entries.filter(status=EntryStatus.ENDED))


def _by_dose(rows: Iterable[Reservation]) -> list[Reservation]:
    return sorted(rows, key=lambda row: row.dose)
