"""Doses given elsewhere: what they make needless, and what comes back when a record was wrong."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from ..enums import ON_THE_LIST, Lost, ReservationStatus, WishStatus
from ..exceptions import (
    JabKnown,
    JabWithdrawn,
    Refused,
    SlotClosed,
    SlotFull,
    SlotOver,
)
from ..models import Freed, Jab, Reservation, Vaccine, Wish
from ..rules import Booked, Course, day_of
from .holds import course_from, interval_of
from .notices import tell_cancelled, tell_restored
from .offers import end_wish, fulfil_wishes, offer_freed, offer_to
from .places import (
    Moved,
    end,
    lapse_holds,
    lock_person,
    lock_slots,
    take_place,
    wait_for_holds,
    whole,
)


@dataclass
class Aftermath:
    """What became of a person's appointments and wishes by a record, or by its end."""

    cancelled: list[Reservation] = field(default_factory=list)  # holds that ended included
    restored: list[Reservation] = field(default_factory=list)
    # What the record had cancelled and nobody can bring back, with the reason.
    lost: list[Freed] = field(default_factory=list)
    # Back on the cancellation list, in their old place.
    wishes: list[Wish] = field(default_factory=list)


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
    settling = _Settling(person_id, by=by, now=now)
    jab, _new = Jab.objects.get_or_create(
        person_id=person_id,
        dose=dose,
        defaults={"vaccine": vaccine, "given_on": given_on, "place": place, "by": by},
    )
    return jab, settling.with_record(jab).cancelled


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
) -> tuple[Jab, Aftermath]:
    """Put a record right: free what the person no longer needs by it, bring back what they do.

    Raises JabKnown if the person has another record of this dose, JabWithdrawn if there is
    nothing left to correct.
    """
    now = now or timezone.now()
    settling = _Settling(jab.person_id, freed_by=jab, by=by, now=now)
    if Jab.objects.filter(person=jab.person_id, dose=dose).exclude(pk=jab.pk).exists():
        raise JabKnown
    known = Jab.objects.select_for_update().filter(pk=jab.pk).first()
    if known is None:
        raise JabWithdrawn
    known.vaccine, known.dose, known.given_on = vaccine, dose, given_on
    known.place, known.by = place, by
    known.save(update_fields=["vaccine", "dose", "given_on", "place", "by"])
    return known, settling.with_record(known)


@whole
def withdraw_jab(*, jab: Jab, by: str, now: datetime | None = None) -> Aftermath:
    """Take a mistaken record back, and with it what it did.

    What it cancelled is booked again where the place is still free, and whoever was on the
    cancellation list is on it again, in the old place. A second dose that rested on it goes: it
    can't stand without a first. The history keeps what was on record. Withdrawing it again
    changes nothing.
    """
    now = now or timezone.now()
    settling = _Settling(jab.person_id, freed_by=jab, by=by, now=now)
    # Its last state says who took it back.
    if not Jab.objects.filter(pk=jab.pk).update(by=by):
        return Aftermath()
    after = settling.without_record(jab)
    Jab.objects.filter(pk=jab.pk).delete()
    return after


class _Settling:
    """Brings what a person has booked and wished in line with the doses on record.

    Dose by dose: what is booked and fits stays, what does not ends, and where nothing is booked
    what a wrong record had cancelled comes back, if its place is free.
    """

    def __init__(self, person_id: int, *, by: str, now: datetime, freed_by: Jab | None = None):
        """Lock the person, and every slot and reservation that may change."""
        self.person_id, self.by, self.now = person_id, by, now
        self.after = Aftermath()
        wait_for_holds(person_id)
        lock_person(person_id)
        live = Reservation.objects.live().filter(person=person_id)
        freed = Freed.objects.filter(jab=freed_by) if freed_by else Freed.objects.none()
        theirs = Q(pk__in=live.values("pk")) | Q(pk__in=freed.values("reservation"))
        mine = Reservation.objects.filter(theirs)
        self.slots = lock_slots(mine.values_list("slot_id", flat=True))
        # Before the rows are read: a hold of this person's may be among them.
        self.passes_on = lapse_holds(self.slots, now=now) > 0
        rows = {
            row.pk: row
            for row in mine.select_related("person", "slot__clinic", "slot__vaccine")
            .order_by("pk")
            .locked()
        }
        if any(row.slot_id not in self.slots for row in rows.values()):
            raise Moved
        self.rows = [row for row in rows.values() if row.status in _TO_COME]
        self.here = [row for row in rows.values() if row.status in _BEING_GIVEN]
        # The newest choice first.
        self.freed = sorted(freed, key=lambda one: one.at, reverse=True)
        for one in self.freed:
            one.reservation = rows[one.reservation_id]
        self.wishes = _ended_by(freed_by) if freed_by else []

    def with_record(self, jab: Jab) -> Aftermath:
        return self._settle(jab)

    def without_record(self, jab: Jab) -> Aftermath:
        return self._settle(None, gone=jab.pk)

    def _settle(self, jab: Jab | None, *, gone: int | None = None) -> Aftermath:
        jabs = Jab.objects.filter(person=self.person_id).select_related("vaccine")
        self.jab, self.jabs = jab, list(jabs.exclude(pk=gone))
        self.course = course_from(self.here, self.jabs)
        booked = {row.dose for row in self.rows}
        for dose in sorted(booked | {one.reservation.dose for one in self.freed}):
            for row in self.rows:
                if row.dose == dose and self._stands(row):
                    self._count(row)
                elif row.dose == dose:
                    self._end(row)
            for one in self.freed:
                if one.reservation.dose == dose:
                    self._bring_back(one)
        self._lose_what_rested_on_it()
        self._settle_wishes()
        self._tell()
        return self.after

    def _covering(self, dose: int) -> Jab | None:
        """The record that makes this dose needless: of itself, a later one, or the last one."""
        covering = (jab for jab in self.jabs if jab.dose >= min(dose, jab.vaccine.doses))
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
        if self.jab and not held:
            self._note(row, jab=self.jab)

    def _note(self, row: Reservation, **values) -> Freed:
        """Remember that a record cancelled it, anew if it was so before."""
        new = {"at": self.now, "lost_at": None, "lost_because": "", "by": "", "wish": None}
        freed, _new = Freed.objects.update_or_create(reservation=row, defaults={**new, **values})
        freed.reservation = row
        return freed

    def _bring_back(self, freed: Freed) -> None:
        row = freed.reservation
        if row.status != ReservationStatus.CANCELLED or row.changed_at != freed.at:
            freed.delete()  # the person took it in hand since
        elif covering := self._covering(row.dose):
            self._keep(freed, covering)
        elif self.jab and self._has_first(row.dose) and not self._fits(row):
            self._keep(freed, self.jab)
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

    def _keep(self, freed: Freed, jab: Jab) -> None:
        """It is needless still, by this record."""
        freed.jab, freed.lost_at, freed.lost_because, freed.by = jab, None, "", ""
        freed.save(update_fields=["jab", "lost_at", "lost_because", "by"])

    def _is_held(self, dose: int) -> bool:
        held = ReservationStatus.HELD
        return any(row.dose == dose and row.status == held for row in self.rows)

    def _why_not(self, row: Reservation) -> Lost | None:
        """What keeps an appointment from coming back; None once its place is taken again."""
        if row.dose in self.course.doses:
            return Lost.HOLDING
        if not self._has_first(row.dose):
            return Lost.NO_FIRST
        if not self._fits(row):
            return Lost.UNFIT
        try:
            take_place(self.slots[row.slot_id], now=self.now)
        except SlotFull:
            return Lost.TAKEN
        except SlotOver:
            return Lost.OVER
        except SlotClosed:
            return Lost.CLOSED
        return None

    def _lose(self, freed: Freed, because: Lost) -> None:
        freed.jab, freed.by = self.jab, self.by
        freed.lost_at, freed.lost_because = freed.lost_at or self.now, because
        freed.save(update_fields=["jab", "by", "lost_at", "lost_because"])
        self.after.lost.append(freed)

    def _lose_what_rested_on_it(self) -> None:
        """With a first dose that can't come back its second one is lost to the same mistake."""
        if all(freed.reservation.dose != 1 for freed in self.after.lost):
            return
        for row in self.after.cancelled:
            if row.dose > 1 and row.status == ReservationStatus.CANCELLED:
                because = {"lost_at": self.now, "lost_because": Lost.NO_FIRST, "by": self.by}
                self.after.lost.append(self._note(row, jab=self.jab, **because))

    def _settle_wishes(self) -> None:
        wishes = Wish.objects.filter(person=self.person_id, status__in=ON_THE_LIST)
        for wish in wishes:
            if self._covering(wish.dose) or not self._has_first(wish.dose):
                end_wish(wish, by=self.by, jab=self.jab, now=self.now)
        doses = [row.dose for row in self.after.restored]
        fulfil_wishes(person_id=self.person_id, doses=doses, now=self.now)
        for wish in self.wishes:
            wish.jab = self._covering(wish.dose)
            if wish.jab is None and self._is_wanted(wish):
                self._put_back(wish)
            wish.save(update_fields=["jab", "status", "ended_at", "ended_by"])

    def _is_wanted(self, wish: Wish) -> bool:
        booked = wish.dose in self.course.doses
        return not booked and self._has_first(wish.dose) and wish.date_to >= day_of(self.now)

    def _put_back(self, wish: Wish) -> None:
        """In its old place, or what was wished since in the place of the old one."""
        since = Wish.objects.filter(person=wish.person_id, dose=wish.dose, status__in=ON_THE_LIST)
        if since.update(joined_at=wish.joined_at, priority=wish.priority):
            return
        wish.status, wish.ended_at, wish.ended_by = WishStatus.WAITING, None, ""
        self.after.wishes.append(wish)
        transaction.on_commit(partial(offer_to, wish_id=wish.pk))

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


def _ended_by(jab: Jab) -> list[Wish]:
    return list(jab.ended_wishes.filter(status=WishStatus.ENDED))


def _by_dose(rows: Iterable[Reservation]) -> list[Reservation]:
    return sorted(rows, key=lambda row: row.dose)
