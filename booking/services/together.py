"""Two people side by side at one clinic: held, extended, given up and confirmed together or not at
all.

One of them may book for the other (eligibility.Proxy). Each keeps a reservation and a key of their
own; what was held together was made in one transaction and so has one `created_at` and one end.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import translation

from booking.enums import Origin, ReservationStatus
from booking.exceptions import (
    NoLongerFor,
    NoPlaceBeside,
    NotCalled,
    NothingHeld,
    PersonGone,
    Refused,
    SlotFull,
)
from booking.models import Reservation, Slot
from booking.models.clinics import HAS_SEAT
from booking.rules import BESIDE
from booking.services.confirmations import confirm_hold
from booking.services.courses import may_hold
from booking.services.holds import (
    Expiry,
    expiry_for,
    extend_hold,
    insert_holds,
    lapsed_meanwhile,
    plan_of,
    release_of,
)
from booking.services.offers import offer_freed
from booking.services.reading import vaccines_of
from booking.services.seats import (
    RowsChanged,
    lapse_holds,
    lock_people,
    lock_slots,
    release,
    retried_transaction,
    take_seat,
)
from database.clock import database_now
from eligibility.models import Person, Proxy
from staff.actors import CITIZEN

# Slots around the one pressed that are locked: the nearest in time.
MOST_NEAR = 6


@dataclass(frozen=True)
class Pair:
    """Who books, for whom besides, and the admissions of both."""

    proxy: Proxy
    own_admission: int
    their_admission: int

    @property
    def admissions(self) -> dict[int, int]:
        """By person, who books first."""
        return {self.proxy.by_id: self.own_admission, self.proxy.person_id: self.their_admission}


def lock_pair(proxy: Proxy) -> datetime:
    """Lock both people by id, then the proxy, which neither can end until commit.

    In the order in which purging locks them; returns the time. Raises PersonGone or NoLongerFor.
    """
    now = database_now()
    if len(lock_people([proxy.by_id, proxy.person_id])) < 2:
        raise PersonGone
    live = Proxy.objects.select_for_update(no_key=True).filter(pk=proxy.pk, ended_at=None)
    if live.first() is None:
        raise NoLongerFor
    return now


@retried_transaction
def hold_together(*, pair: Pair, slot_id: int) -> list[Reservation]:
    """Hold this slot for who books, and for the other person one at the same clinic at the same
    time or within BESIDE: both, or none. Returns both holds.

    Earlier holds of both are exchanged and pass their end on, the earlier of the two. Holding the
    same again returns the same. Raises NoPlaceBeside, NoLongerFor, and what `hold_slot` does.
    """
    now = lock_pair(pair.proxy)
    people = list(pair.admissions)
    near = _near(slot_id)
    held_before = Reservation.objects.filter(person__in=people, status=ReservationStatus.HELD)
    slots = lock_slots([*near, *held_before.values_list("slot_id", flat=True)])
    rows = list(Reservation.objects.live().filter(person__in=people).order_by("pk").locked())
    held = [row for row in rows if row.status == ReservationStatus.HELD]
    fixed = [row for row in rows if row not in held]
    if any(row.slot_id not in slots for row in held):
        raise RowsChanged
    if slot_id not in slots:
        raise SlotFull(slot_id=slot_id)
    same = together_in(held, people, now)
    if same and same[0].slot_id == slot_id:
        return same
    for pk in near:
        if pk in slots and lapse_holds({pk: slots[pk]}, now=now):
            offer_freed(slots[pk], now=now)
    held = [row for row in held if not lapsed_meanwhile(row)]
    expiry = _expiry_of_both(pair, held, now)
    for row in held:
        release(row, slots, status=ReservationStatus.RELEASED, by=CITIZEN, now=now)
    taken = [slots[slot_id]]
    for person_id, admission_id in pair.admissions.items():
        candidates = taken if person_id == people[0] else _in_order(near, slots)
        plan = _plan(person_id, admission_id, fixed, candidates, now)
        for slot in plan.values():
            take_seat(slot, now=now)
        insert_holds(plan, person_id, admission_id, expiry, now)
    for freed_id in sorted({row.slot_id for row in held}):
        offer_freed(slots[freed_id], now=now)
    return together_in(held_before.order_by("pk"), people, now)


def _near(slot_id: int) -> list[int]:
    """The slot and the free ones of its clinic around it, the nearest in time first."""
    slot = Slot.objects.filter(pk=slot_id, home=None).first()
    if slot is None:
        return []
    around = (slot.starts_at - BESIDE, slot.starts_at + BESIDE)
    others = Slot.objects.filter(
        HAS_SEAT, clinic=slot.clinic_id, home=None, starts_at__range=around
    ).exclude(pk=slot_id)
    by_distance = sorted(others, key=lambda each: (abs(each.starts_at - slot.starts_at), each.pk))
    return [slot_id, *(each.pk for each in by_distance[: MOST_NEAR - 1])]


def _in_order(near: Iterable[int], slots: dict[int, Slot]) -> list[Slot]:
    return [slots[pk] for pk in near if pk in slots and slots[pk].left > 0]


def _plan(
    person_id: int,
    admission_id: int,
    rows: Iterable[Reservation],
    candidates: Iterable[Slot],
    now: datetime,
) -> dict[int, Slot]:
    """The first of these slots that suits the person, by their dose."""
    fixed = [row for row in rows if row.person_id == person_id]
    if not fixed and not may_hold(person_id, admission_id, now=now):
        raise NotCalled
    vaccines = vaccines_of(admission_id)
    refusal: Refused | None = None
    for slot in candidates:
        try:
            return plan_of(person_id, fixed, [slot], vaccines)
        except Refused as reason:
            refusal = refusal or reason
    raise refusal or NoPlaceBeside


def _expiry_of_both(pair: Pair, held: list[Reservation], now: datetime) -> Expiry:
    ends = [
        expiry_for(
            person_id, admission_id, [row for row in held if row.person_id == person_id], now
        )
        for person_id, admission_id in pair.admissions.items()
    ]
    return Expiry(min(end.until for end in ends), max(end.extensions for end in ends))


def together_in(rows: Iterable[Reservation], people: list[int], now: datetime) -> list[Reservation]:
    """The holds of both that were made together and have not run out; [] where one is missing."""
    held = [row for row in rows if row.is_holding(now) and row.origin != Origin.OFFER]
    by_person = {row.person_id: row for row in held}
    if len(held) != 2 or by_person.keys() != set(people):
        return []
    if len({row.created_at for row in held}) > 1:
        return []
    return [by_person[pk] for pk in people]


def held_together(proxy: Proxy) -> list[Reservation]:
    """The holds of both, who books first, with their slots; [] where there are not both."""
    people = [proxy.by_id, proxy.person_id]
    rows = Reservation.objects.filter(person__in=people, status=ReservationStatus.HELD)
    return together_in(rows.with_slot().select_related("person"), people, database_now())


def booked_together(proxy: Proxy) -> list[Reservation]:
    """The appointments of both that were held together last, who books first."""
    people = [proxy.by_id, proxy.person_id]
    rows = Reservation.objects.filter(person__in=people, status=ReservationStatus.CONFIRMED)
    latest: dict[int, Reservation] = {}
    for row in rows.with_slot().select_related("person").order_by("created_at"):
        latest[row.person_id] = row
    same = {row.created_at for row in latest.values()}
    return [latest[pk] for pk in people] if len(latest) == 2 and len(same) == 1 else []


@transaction.atomic
def confirm_together(*, proxy: Proxy, keys: dict[int, uuid.UUID]) -> list[Reservation]:
    """Confirm the holds of both, a key by person, or neither; each gets a message of their own, in
    their own language.

    Repeating it returns the same. Raises what `confirm_hold` does, and NoLongerFor.
    """
    lock_pair(proxy)
    if keys.keys() != {proxy.by_id, proxy.person_id}:
        raise NothingHeld
    languages = dict(Person.objects.filter(pk=proxy.person_id).values_list("pk", "language"))
    confirmed: list[Reservation] = []
    # By id, as the people are locked: two families that cross do not wait for each other.
    for person_id in sorted(keys):
        own = translation.get_language()
        with translation.override(languages.get(person_id, own)):
            confirmed += confirm_hold(person_id=person_id, key=keys[person_id])
    return sorted(confirmed, key=lambda row: row.person_id != proxy.by_id)


@transaction.atomic
def extend_together(*, proxy: Proxy, keys: dict[int, uuid.UUID], extension: int | None) -> None:
    """Ten more minutes for both, as far as both have them; raises what `extend_hold` does."""
    lock_pair(proxy)
    ends = [
        extend_hold(person_id=person_id, key=keys[person_id], extension=extension)
        for person_id in sorted(keys)
    ]
    Reservation.objects.filter(
        key__in=keys.values(), person__in=keys, status=ReservationStatus.HELD
    ).update(held_until=min(ends))


@transaction.atomic
def release_together(*, proxy: Proxy) -> int:
    """Give up the holds of both; returns the number of seats freed."""
    now = lock_pair(proxy)
    return release_of([proxy.by_id, proxy.person_id], now=now)
