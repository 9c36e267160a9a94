"""Visits to care homes: planned, moved to another time, called off as a whole.

Locks as everywhere: people by id, slots by id, reservations by id. A visit's own row needs none,
since the lock of its slot serialises all that changes it.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import IntegrityError, transaction

from booking.enums import TAKING, ReservationStatus, VisitStatus
from booking.exceptions import (
    CapacityBelowBooked,
    Refused,
    VisitBegun,
    VisitDoesNotFit,
    VisitHours,
    VisitOver,
    VisitTaken,
    WrongInterval,
)
from booking.models import CareHome, HomeVisit, Reservation, Slot, Vaccine
from booking.models.reservations import ReservationQuerySet
from booking.rules import Course, day_of
from booking.services.courses import courses_of, interval_of
from booking.services.notices import notify_cancelled, notify_changed
from booking.services.offers import offer_freed
from booking.services.seats import (
    RowsChanged,
    end,
    give_back,
    lock_slots,
    retried_transaction,
)
from booking.services.visit_lists import check_open, locked_visit
from database.clock import database_now

MOST_PLACES = 500  # doses that a team brings


@transaction.atomic
def plan_visit(
    *,
    home: CareHome,
    vaccine: Vaccine,
    dose: int,
    starts_at: datetime,
    ends_at: datetime,
    places: int,
    by: str,
    first: HomeVisit | None = None,
) -> HomeVisit:
    """Plan a visit of the home's clinic; with `first` the visit for the dose after that one's.

    A second visit that exists is returned, so that a form sent twice plans one. Raises VisitHours,
    VisitOver, VisitTaken, and WrongInterval for a day that suits nobody of the first visit.
    """
    now = database_now()
    _check_times(starts_at, ends_at, now)
    if first is not None:
        # Serialises two users who make the second visit.
        locked = HomeVisit.objects.select_for_update(of=("self",), no_key=True)
        first = locked.select_related("slot__vaccine").get(pk=first.pk)
        second = HomeVisit.objects.filter(first=first).select_related("slot").first()
        if second is not None:
            return second
        first_day = day_of(first.slot.starts_at)
        if not interval_of(first.slot.vaccine).fits(first_day, day_of(starts_at)):
            raise WrongInterval
    slot = Slot(
        clinic_id=home.clinic_id, vaccine=vaccine, home=home, starts_at=starts_at, capacity=0
    )
    slot.visit_places = places
    try:
        with transaction.atomic():
            slot.save()
            return HomeVisit.objects.create(
                slot=slot, dose=dose, ends_at=ends_at, first=first, by=by
            )
    except IntegrityError:  # one_slot_per_clinic_vaccine_time_and_home
        raise VisitTaken from None


def _check_times(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    if ends_at <= starts_at or day_of(ends_at) != day_of(starts_at):
        raise VisitHours
    if starts_at <= now:
        raise VisitOver


@retried_transaction
def set_places(*, visit: HomeVisit, places: int, by: str) -> HomeVisit:
    """Set how many doses the team brings; raises CapacityBelowBooked, VisitCalledOff, VisitOver."""
    visit, _slots, now = locked_visit(visit.pk, [])
    check_open(visit, now)
    if places < visit.slot.booked:
        raise CapacityBelowBooked
    Slot.objects.filter(pk=visit.slot_id).update(visit_places=places)
    _save(visit, by, [])
    return visit


def _save(visit: HomeVisit, by: str, fields: Iterable[str]) -> None:
    visit.by = by
    visit.save(update_fields=["by", *fields])


@retried_transaction
def move_visit(*, visit: HomeVisit, starts_at: datetime, ends_at: datetime, by: str) -> HomeVisit:
    """Move the whole visit to another time, with everybody booked for it, and tell them.

    Raises VisitHours, VisitOver, VisitCalledOff, VisitTaken, VisitBegun, or VisitDoesNotFit with
    the people whose doses would be too close together or too far apart; then nothing changes.
    """
    people = _people_of(visit)
    visit, _slots, now = locked_visit(visit.pk, people)
    check_open(visit, now)
    _check_times(starts_at, ends_at, now)
    old = visit.slot
    if old.starts_at == starts_at:
        visit.ends_at = ends_at
        _save(visit, by, ["ends_at"])
        return visit
    rows = _locked_rows(visit, people)
    _check_interval(rows, old.vaccine, starts_at)
    target = _slot_at(old, starts_at)
    places, old.visit_places = old.visit_places, 0
    Reservation.objects.filter(pk__in=[row.pk for row in rows]).update(
        slot=target, by=by, changed_at=now
    )
    _set_counters(old, booked=old.booked - len(rows), places=0)
    _set_counters(target, booked=len(rows), places=places or 0)
    visit.slot, visit.ends_at = target, ends_at
    _save(visit, by, ["slot", "ends_at"])
    for row in rows:
        row.slot, row.by, row.changed_at = target, by, now
        if row.person.phone:
            notify_changed(row)
    return visit


def _people_of(visit: HomeVisit) -> list[int]:
    confirmed = Reservation.objects.filter(slot__visit=visit, status=ReservationStatus.CONFIRMED)
    return sorted(set(confirmed.values_list("person_id", flat=True)))


def _locked_rows(visit: HomeVisit, people: Collection[int]) -> list[Reservation]:
    """The appointments of a locked visit, locked; raises VisitBegun, or RowsChanged."""
    rows = Reservation.objects.filter(slot=visit.slot_id, status__in=TAKING).order_by("pk")
    locked = list(rows.select_related("person").locked())
    if any(row.status != ReservationStatus.CONFIRMED for row in locked):
        raise VisitBegun
    if {row.person_id for row in locked} - set(people):
        raise RowsChanged  # booked while this waited for the slot
    return locked


def _check_interval(rows: list[Reservation], vaccine: Vaccine, starts_at: datetime) -> None:
    """Raise VisitDoesNotFit with those whose other dose is too near to the new day, or too far."""
    courses = courses_of([row.person_id for row in rows])
    unfit = []
    for row in rows:
        doses = courses[row.person_id].doses
        others = Course({dose: booked for dose, booked in doses.items() if dose != row.dose})
        try:
            others.check(row.dose, day_of(starts_at), interval_of(vaccine))
        except Refused:
            unfit.append(row.person_id)
    if unfit:
        raise VisitDoesNotFit(people=tuple(unfit))


def _slot_at(old: Slot, starts_at: datetime) -> Slot:
    """A slot of this home at another time, locked: a new one, or one that a visit has left."""
    key = {
        "clinic_id": old.clinic_id,
        "vaccine_id": old.vaccine_id,
        "home_id": old.home_id,
        "starts_at": starts_at,
    }
    # An empty slot is waited for by nobody who holds another one, so its lock may come last.
    found, _new = Slot.objects.get_or_create(**key, defaults={"capacity": 0, "visit_places": 0})
    [slot] = lock_slots([found.pk]).values()
    if HomeVisit.objects.filter(slot=slot).exists():
        raise VisitTaken
    slot.home = old.home
    return slot


def _set_counters(slot: Slot, *, booked: int, places: int) -> None:
    slot.booked = slot.capacity = booked
    slot.visit_places = places
    slot.save(update_fields=["booked", "capacity", "visit_places"])


@retried_transaction
def call_off(*, visit: HomeVisit, by: str) -> list[Reservation]:
    """Call the visit off: cancel every appointment of it, and second doses with their first.

    Returns what was cancelled; [] if it was called off before. Everybody with a phone is told.
    Raises VisitBegun once a resident came, and VisitOver; then nothing changes.
    """
    people = _people_of(visit)
    later = _to_come(visit, people)
    visit, slots, now = locked_visit(visit.pk, people, later.values_list("slot_id", flat=True))
    if visit.status == VisitStatus.CALLED_OFF:
        return []
    check_open(visit, now)
    _locked_rows(visit, people)
    rows = list(later.with_slot().select_related("person").order_by("pk").locked())
    if any(row.slot_id not in slots for row in rows):
        raise RowsChanged
    cancelled = _cancel(rows, slots, by, now)
    Slot.objects.filter(pk=visit.slot_id).update(visit_places=0)
    visit.status, visit.called_off_at = VisitStatus.CALLED_OFF, now
    _save(visit, by, ["status", "called_off_at"])
    for slot_id in sorted({row.slot_id for row in rows}):
        offer_freed(slots[slot_id], now=now)
    _tell(cancelled)
    return cancelled


def _to_come(visit: HomeVisit, people: Collection[int]) -> ReservationQuerySet:
    """What ends with the visit: its appointments, and later doses of the same people."""
    statuses = [ReservationStatus.HELD, ReservationStatus.CONFIRMED]
    return Reservation.objects.filter(person__in=people, dose__gte=visit.dose, status__in=statuses)


def _cancel(
    rows: list[Reservation], slots: dict[int, Slot], by: str, now: datetime
) -> list[Reservation]:
    """End these locked rows; returns the appointments among them."""
    for row in rows:
        if row.status == ReservationStatus.HELD:
            end(row, slots, by=by, now=now)
    cancelled = [row for row in rows if row.status == ReservationStatus.CONFIRMED]
    Reservation.objects.filter(pk__in=[row.pk for row in cancelled]).update(
        status=ReservationStatus.CANCELLED, by=by, changed_at=now
    )
    give_back(Counter(row.slot_id for row in cancelled), slots)
    for row in cancelled:
        row.status, row.by, row.changed_at = ReservationStatus.CANCELLED, by, now
    return cancelled


def _tell(cancelled: Iterable[Reservation]) -> None:
    """One message to each person about all their doses; without a phone none."""
    by_person: dict[int, list[Reservation]] = {}
    for row in sorted(cancelled, key=lambda row: (row.person_id, row.dose)):
        by_person.setdefault(row.person_id, []).append(row)
    for rows in by_person.values():
        if rows[0].person.phone:
            notify_cancelled(rows)
