"""The cancellation list: joining, leaving, and offers of seats that become free.

An offer is a hold (origin "offer") for the first waiting entry that the slot suits.
"""

import random
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from time import monotonic
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import get_language

from booking.areas import KEYS_OF_CLINIC, keys_of
from booking.enums import LIVE, ON_THE_LIST, EntryStatus, OfferStatus, Origin, ReservationStatus
from booking.exceptions import AlreadyBooked, NoDoseLeft, OfferOver, OnTheListAlready
from booking.models import Clinic, ListEntry, Offer, OutsideDose, Reservation, Slot
from booking.models.clinics import has_seat
from booking.rules import day_of
from booking.services import needs
from booking.services.notices import notify_offer
from booking.services.reservations import new_reservation
from booking.services.seats import (
    RowsChanged,
    lapse_holds,
    lock_slots,
    release,
    retried_transaction,
    take_seat,
)
from database.clock import Now, database_now
from staff.actors import CITIZEN, SYSTEM

OFFER_LIFETIME = timedelta(minutes=15)
# For leftover doses of today and slots that begin within SOON.
SHORT_OFFER_LIFETIME = timedelta(minutes=5)
SOON = timedelta(hours=3)

# Whether `slot` at `clinic` may be offered to `entry`: area, days, hours and vaccine suit, the
# person was not offered this slot before, was admitted for the vaccine, has no appointment or
# outside dose for this dose, and a second dose lies within the interval of the first.
_SUITS = f"""
    entry.status = 'waiting'
    AND entry.places && {KEYS_OF_CLINIC}
    AND ((slot.starts_at AT TIME ZONE %(zone)s)::date BETWEEN entry.date_from AND entry.date_to
            -- Twin of rules.suits_weekday.
            AND (cardinality(entry.weekdays) = 0 OR extract(
                isodow FROM slot.starts_at AT TIME ZONE %(zone)s
            )::int - 1 = ANY(entry.weekdays))
        OR entry.leftover AND (slot.starts_at AT TIME ZONE %(zone)s)::date = %(today)s)
    AND (slot.starts_at AT TIME ZONE %(zone)s)::time >= entry.time_from
    AND (slot.starts_at AT TIME ZONE %(zone)s)::time < entry.time_to
    AND (entry.vaccine_id IS NULL OR entry.vaccine_id = slot.vaccine_id)
    AND NOT EXISTS (
        SELECT FROM booking_offer WHERE person_id = entry.person_id AND slot_id = slot.id
    )
    -- The vaccines of the entry's cohort: twin of rules.vaccines_named. A second dose has its own.
    AND (entry.dose > 1 OR NOT EXISTS (
        SELECT FROM waiting_room_admission AS admission
        JOIN waiting_room_room AS room ON room.id = admission.room_id
        JOIN eligibility_cohort AS cohort ON cohort.id = room.cohort_id
        JOIN booking_vaccine AS kind ON kind.id = slot.vaccine_id
        WHERE admission.id = entry.admission_id AND cardinality(cohort.vaccines) > 0
            AND kind.code <> ALL(cohort.vaccines)
    ))
    AND NOT EXISTS (
        SELECT FROM booking_reservation AS reservation
        WHERE reservation.person_id = entry.person_id AND reservation.status = ANY(%(live)s)
            AND (reservation.dose = entry.dose OR entry.dose = 1 OR reservation.status = 'held')
    )
    AND NOT EXISTS (
        SELECT FROM booking_outsidedose WHERE person_id = entry.person_id AND dose >= entry.dose
    )
    -- The first dose, booked or given elsewhere, and the days since: twin of rules.Interval.fits.
    AND (entry.dose = 1 OR EXISTS (
        SELECT FROM (
            SELECT first_slot.vaccine_id, (first_slot.starts_at AT TIME ZONE %(zone)s)::date AS day
            FROM booking_reservation AS reservation
            JOIN booking_slot AS first_slot ON first_slot.id = reservation.slot_id
            WHERE reservation.person_id = entry.person_id AND reservation.dose = 1
                AND reservation.status = ANY(%(live)s)
            UNION ALL
            SELECT vaccine_id, given_on FROM booking_outsidedose
            WHERE person_id = entry.person_id AND dose = 1
        ) AS first JOIN booking_vaccine AS vaccine ON vaccine.id = first.vaccine_id
        WHERE first.vaccine_id = slot.vaccine_id
            AND (slot.starts_at AT TIME ZONE %(zone)s)::date - first.day
                BETWEEN vaccine.min_days AND vaccine.max_days
    ))
"""  # noqa: S608

# The first entry in order for a free seat, and what its person needs, encrypted. SKIP LOCKED: an
# entry that another transaction offers something to is passed over, not waited for under the lock.
NEXT_ENTRY = f"""
SELECT entry.id, (SELECT needs FROM booking_wish WHERE person_id = entry.person_id)
FROM booking_slot AS slot
JOIN booking_clinic AS clinic ON clinic.id = slot.clinic_id
JOIN booking_listentry AS entry ON {_SUITS}
WHERE slot.id = %(slot)s AND entry.id <> ALL(%(passed)s)
    -- The row's own counters: those in memory do not know of the trigger on closed hours.
    AND {has_seat()}
ORDER BY entry.priority DESC, entry.joined_at, entry.id
LIMIT 1
FOR NO KEY UPDATE OF entry SKIP LOCKED
"""  # noqa: S608

# The earliest open slot for one entry. The bounds on starts_at repeat parts of _SUITS on the bare
# column, for the index.
FREE_SLOT = f"""
SELECT slot.id
FROM booking_listentry AS entry
JOIN booking_clinic AS clinic
    ON clinic.active AND entry.places && {KEYS_OF_CLINIC}
    AND clinic.facilities @> %(needs)s::varchar[]
JOIN booking_slot AS slot ON slot.clinic_id = clinic.id
    AND slot.starts_at > CASE WHEN entry.leftover THEN %(from)s
        ELSE greatest(%(from)s, entry.date_from::timestamp AT TIME ZONE %(zone)s) END
    AND slot.starts_at < (entry.date_to + 1)::timestamp AT TIME ZONE %(zone)s
WHERE entry.id = %(entry)s AND {has_seat()} AND {_SUITS}
ORDER BY slot.starts_at, slot.id
LIMIT 1
"""  # noqa: S608

# Clinics in an area of a waiting entry with an open slot within that entry's days: narrows
# OPEN_SLOTS, which checks each slot against each entry.
OPEN_CLINICS = f"""
WITH wanted AS MATERIALIZED (
    SELECT place, max(date_to) AS date_to,
        min(CASE WHEN leftover THEN %(today)s ELSE date_from END) AS date_from
    FROM booking_listentry, unnest(places) AS place WHERE status = 'waiting' GROUP BY place
)
SELECT DISTINCT clinic.id
FROM booking_clinic AS clinic
CROSS JOIN LATERAL unnest({KEYS_OF_CLINIC}) AS key
JOIN wanted ON wanted.place = key
WHERE clinic.active AND EXISTS (
    SELECT FROM booking_slot AS slot WHERE slot.clinic_id = clinic.id
        AND slot.starts_at > greatest(%(from)s, date_from::timestamp AT TIME ZONE %(zone)s)
        AND slot.starts_at < (date_to + 1)::timestamp AT TIME ZONE %(zone)s
        AND {has_seat()}
)
"""  # noqa: S608

OPEN_SLOTS = f"""
SELECT slot.id
FROM booking_clinic AS clinic
JOIN booking_slot AS slot ON slot.clinic_id = clinic.id AND slot.starts_at > %(from)s
    AND {has_seat()}
WHERE clinic.id = %(clinic)s AND EXISTS (
    SELECT FROM booking_listentry AS entry WHERE {_SUITS} AND entry.id <> ALL(%(passed)s)
)
ORDER BY slot.starts_at, slot.id
"""  # noqa: S608


def _values(now: datetime, **more: Any) -> dict[str, Any]:
    zone = timezone.get_default_timezone_name()
    return {
        "zone": zone,
        "live": LIVE,
        "today": day_of(now),
        "from": now + SHORT_OFFER_LIFETIME,
        **more,
    }


def offer_freed(slot: Slot, *, now: datetime) -> int:
    """Offer the free seats of this locked slot to entries; returns the number of offers.

    Called by everything that frees a seat, in the same transaction: no hold can take the seat
    in between. Order: priority, then time of joining.
    """
    # Never empty, because psycopg can't tell the type of an empty array; no entry has id 0.
    offered, passed = 0, [0]
    while slot.left > 0 and slot.clinic.active and slot.starts_at > now + SHORT_OFFER_LIFETIME:
        rows = _rows(NEXT_ENTRY, _values(now, slot=slot.pk, passed=passed))
        if not rows:
            break
        [(entry_id, sealed_needs)] = rows
        passed.append(entry_id)
        if not needs.are_met(sealed_needs, slot.clinic.facilities):
            passed += needs.unmet_at(slot.clinic_id)  # all of them, not one after the other
            continue
        try:
            with transaction.atomic():
                _offer(ListEntry.objects.get(pk=entry_id), slot, now)
        except IntegrityError:
            continue  # the person booked this dose meanwhile: a unique index refuses the hold
        offered += 1
    return offered


def _offer(entry: ListEntry, slot: Slot, now: datetime) -> Offer:
    leftover = entry.leftover and day_of(slot.starts_at) == day_of(now)
    short = leftover or slot.starts_at < now + SOON
    until = now + (SHORT_OFFER_LIFETIME if short else OFFER_LIFETIME)
    reservation = new_reservation(
        person_id=entry.person_id,
        slot=slot,
        dose=entry.dose,
        held_until=until,
        key=uuid.uuid4(),
        origin=Origin.OFFER,
        admission_id=entry.admission_id,
        by=SYSTEM,
        now=now,
        language=entry.language,
    )
    reservation.save()
    offer = Offer.objects.create(
        entry=entry,
        person_id=entry.person_id,
        slot=slot,
        reservation=reservation,
        offered_at=now,
        until=until,
    )
    ListEntry.objects.filter(pk=entry.pk).update(status=EntryStatus.OFFERED)
    take_seat(slot, now=now)
    notify_offer(offer)
    return offer


def check_entry(*, person_id: int, dose: int) -> None:
    """Raise AlreadyBooked or NoDoseLeft if this dose is booked, given or not part of the series.

    Holds do not count: they may run out. Stricter than `Course.what_next`, as offers are: after an
    outside second dose a first one may be booked, but is never offered (nobody waits in vain).
    """
    booked = Reservation.objects.live().exclude(status=ReservationStatus.HELD)
    reservations = booked.filter(person=person_id).select_related("slot__vaccine")
    by_dose = {reservation.dose: reservation for reservation in reservations}
    outside_doses = {
        outside_dose.dose: outside_dose
        for outside_dose in OutsideDose.objects.filter(person=person_id).select_related("vaccine")
    }
    if dose in by_dose:
        raise AlreadyBooked
    if any(given >= dose for given in outside_doses):
        raise NoDoseLeft
    if dose - 1 in outside_doses and outside_doses[dose - 1].vaccine.doses < dose:
        raise NoDoseLeft
    if dose - 1 in by_dose and by_dose[dose - 1].slot.vaccine.doses < dose:
        raise AlreadyBooked


@dataclass(frozen=True)
class Preferences:
    """Which slots would suit: `places` are area keys (booking.areas), each pair its bounds."""

    places: Iterable[str]
    dates: tuple[date, date]
    hours: tuple[time, time]
    vaccine_id: int | None = None  # None: any
    weekdays: Iterable[int] = ()  # Monday is 0; empty for any
    leftover: bool = False  # also doses left over today, by offers of five minutes


@transaction.atomic
def join_list(
    *,
    person_id: int,
    admission_id: int | None,
    dose: int,
    preferences: Preferences,
    by: str = CITIZEN,
    language: str | None = None,
    priority: int = 0,
) -> ListEntry:
    """Put a person on the list; raises OnTheListAlready, AlreadyBooked or NoDoseLeft.

    Only staff may pass `admission_id=None`, which a constraint holds.
    """
    check_entry(person_id=person_id, dose=dose)
    entry = ListEntry(
        person_id=person_id,
        dose=dose,
        places=sorted(set(preferences.places)),
        vaccine_id=preferences.vaccine_id,
        date_from=preferences.dates[0],
        date_to=preferences.dates[1],
        time_from=preferences.hours[0],
        time_to=preferences.hours[1],
        weekdays=sorted(set(preferences.weekdays)),
        leftover=preferences.leftover,
        priority=priority,
        admission_id=admission_id,
        by=by,
        language=language or get_language() or "ko",
    )
    try:
        with transaction.atomic():
            entry.save()
    except IntegrityError:
        raise OnTheListAlready from None
    # After the commit: an offer locks a slot, which must come before any other lock.
    transaction.on_commit(lambda: offer_to(entry_id=entry.pk))
    return entry


def offer_to(*, entry_id: int, now: datetime | None = None) -> bool:
    """Offer the earliest open slot that suits this entry; False if there is none."""
    now = now or database_now()
    needed = needs.of_person(ListEntry.objects.get(pk=entry_id).person_id)
    slot_ids = _ids(FREE_SLOT, _values(now, entry=entry_id, needs=needed))
    return bool(slot_ids) and _offer_at(slot_ids[0], now) > 0


@transaction.atomic
def _offer_at(slot_id: int, now: datetime) -> int:
    slots = lock_slots([slot_id])
    lapse_holds(slots, now=now)
    return offer_freed(slots[slot_id], now=now)


def make_offers(*, now: datetime | None = None, seconds: float = 5.0) -> int:
    """Offer all open slots that suit an entry, as after an import; returns the number of offers.

    Stops after `seconds`. The clinics are shuffled, so that repeated runs reach all of them.
    """
    now, started = now or database_now(), monotonic()
    _end_obsolete_entries(now)
    clinics = _ids(OPEN_CLINICS, _values(now))
    random.shuffle(clinics)
    offered = 0
    for clinic_id in clinics:
        passed = [0, *needs.unmet_at(clinic_id)]
        for slot_id in _ids(OPEN_SLOTS, _values(now, clinic=clinic_id, passed=passed)):
            offered += _offer_at(slot_id, now)
        if monotonic() - started > seconds:
            break
    return offered


def _end_obsolete_entries(now: datetime) -> None:
    """End entries whose days are past or whose dose has been booked or given meanwhile."""
    waiting = ListEntry.objects.filter(status=EntryStatus.WAITING)
    booked = Reservation.objects.live().exclude(status=ReservationStatus.HELD)
    booked = booked.filter(person=OuterRef("person"), dose=OuterRef("dose"))
    waiting.filter(Exists(booked)).update(
        status=EntryStatus.FULFILLED, ended_at=now, ended_by=SYSTEM
    )
    given = OutsideDose.objects.filter(person=OuterRef("person"), dose__gte=OuterRef("dose"))
    waiting.filter(Q(date_to__lt=day_of(now)) | Exists(given)).update(
        status=EntryStatus.ENDED, ended_at=now, ended_by=SYSTEM
    )


def _ids(sql: str, values: dict[str, Any]) -> list[int]:
    return [row[0] for row in _rows(sql, values)]


def _rows(sql: str, values: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def open_offer(token: uuid.UUID) -> Offer | None:
    return (
        Offer.objects.select_related("reservation__slot__clinic", "reservation__slot__vaccine")
        .filter(token=token)
        .first()
    )


@retried_transaction
def decline_offer(*, token: uuid.UUID, by: str, now: datetime | None = None) -> Offer:
    """Decline an offer: the seat goes to the next entry, the person stays on the list.

    Declining again changes nothing. Raises OfferOver for an offer taken or run out.
    """
    offer = Offer.objects.annotate(now=Now()).get(token=token)
    now = now or offer.now
    if offer.status == OfferStatus.DECLINED:
        return offer
    slots = lock_slots([offer.slot_id])
    reservation = Reservation.objects.locked().get(pk=offer.reservation_id)
    if reservation.slot_id not in slots:
        raise RowsChanged
    offer.refresh_from_db()
    if offer.status != OfferStatus.OPEN or reservation.status != ReservationStatus.HELD:
        raise OfferOver
    release(reservation, slots, status=ReservationStatus.RELEASED, by=by, now=now)
    offer_freed(slots[offer.slot_id], now=now)
    offer.refresh_from_db()
    return offer


def leave_list(*, person_id: int, dose: int | None = None, by: str = CITIZEN) -> int:
    """End the entries of a person and decline their open offers; returns the number ended."""
    entries = ListEntry.objects.filter(person=person_id, status__in=ON_THE_LIST)
    if dose is not None:
        entries = entries.filter(dose=dose)
    return sum(end_entry(entry, by=by) for entry in entries)


def end_entry(
    entry: ListEntry,
    *,
    by: str,
    outside_dose: OutsideDose | None = None,
    now: datetime | None = None,
) -> bool:
    """End an entry and decline its open offer; False if it had ended already.

    `outside_dose` is the record that ends it, if any: withdrawing the record restores the entry.
    """
    now = now or database_now()
    # Before the offer is declined: that frees a seat, which must not be offered to this entry.
    ended = ListEntry.objects.filter(pk=entry.pk, status__in=ON_THE_LIST).update(
        status=EntryStatus.ENDED, ended_at=now, ended_by=by, outside_dose=outside_dose
    )
    offer = entry.offers.filter(status=OfferStatus.OPEN).first()
    if offer:
        decline_offer(token=offer.token, by=by, now=now)
    return ended > 0


def fulfil_entries(*, person_id: int, doses: Iterable[int], now: datetime) -> None:
    """End the entries for doses that are booked now."""
    ListEntry.objects.filter(person=person_id, dose__in=doses, status__in=ON_THE_LIST).update(
        status=EntryStatus.FULFILLED, ended_at=now
    )


def entries_at(*, clinics: Iterable[Clinic]) -> Q:
    """The condition of entries that name one of these clinics, or the district of one."""
    keys: set[str] = set()
    for clinic in clinics:
        keys.update(keys_of(clinic_id=clinic.pk, region=clinic.region, district=clinic.district))
    return Q(places__overlap=sorted(keys))
