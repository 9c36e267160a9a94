"""Taking and giving back places: every change of Slot.booked is made here, under its row lock."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import IntegrityError, connection, transaction
from django.db.models import F

from booking.enums import EntryStatus, OfferStatus, ReservationStatus
from booking.exceptions import SlotClosed, SlotFull, SlotOver
from booking.models import ListEntry, Offer, Reservation, Slot
from database.clock import Now, database_now
from eligibility.models import Person

P = ParamSpec("P")
R = TypeVar("R")


class RowsChanged(Exception):
    """What a person has changed between looking and locking."""


def retried_transaction(service: Callable[P, R]) -> Callable[P, R]:
    """In one transaction; again from the start when the person's own other request came between.

    The slots to lock are known only after a look at the reservations, and a lock can't be added
    later without breaking the order of the locks.
    """

    @wraps(service)
    def tried(*args: P.args, **kwargs: P.kwargs) -> R:
        for attempt in range(4):
            try:
                with transaction.atomic():
                    return service(*args, **kwargs)
            except (RowsChanged, IntegrityError):
                if attempt == 3:
                    raise
        raise AssertionError

    return tried


def lock_person(person_id: int) -> datetime:
    """One act of a person at a time, from however many devices; always before the slots.

    Answers the database's clock as it was when the lock was asked for: an act is judged by when
    it was asked for, not by how long it waited (at most `lock_timeout`).
    """
    locked = Person.objects.select_for_update(no_key=True).filter(pk=person_id)
    return locked.values_list(Now(), flat=True).first() or database_now()


# Also in booking/sql/booking_hold_at_once; the second number is the person's.
OUTSIDE_DOSES_LOCK = 0x424A4142


def wait_for_holds(person_id: int) -> None:
    """Until the transaction ends no quick hold of this person is under way; before other locks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, hashint8(%s))", [OUTSIDE_DOSES_LOCK, person_id]
        )


def lock_slots(ids: Iterable[int]) -> dict[int, Slot]:
    """Lock these slots until the transaction ends, with clinic and vaccine at hand.

    Always in the order of their ids, and before any reservation: two people who exchange the
    same two times can't wait for each other.
    """
    slots = (
        Slot.objects.select_for_update(of=("self",), no_key=True)
        .select_related("clinic", "vaccine")
        .filter(pk__in=set(ids))
        .order_by("pk")
    )
    return {slot.pk: slot for slot in slots}


def check_seat(slot: Slot, *, now: datetime, begun: bool = False, seats: int = 1) -> None:
    """Whether so many places of a slot can be had; SlotFull, SlotOver or SlotClosed if not."""
    if not slot.clinic.active:
        raise SlotClosed
    if slot.starts_at <= now and not begun:
        raise SlotOver
    if slot.left < seats:
        raise SlotFull(slot_id=slot.pk)


def take_seat(slot: Slot, *, now: datetime, begun: bool = False) -> None:
    """Take one place of a locked slot; raises as `check_seat` does."""
    check_seat(slot, now=now, begun=begun)
    Slot.objects.filter(pk=slot.pk).update(booked=F("booked") + 1)
    slot.booked += 1


def give_back(places: Counter[int], slots: dict[int, Slot]) -> None:
    """Count these places of locked slots free again."""
    for slot_id, number in places.items():
        Slot.objects.filter(pk=slot_id).update(booked=F("booked") - number)
        slots[slot_id].booked -= number


LAPSE = """
WITH late AS MATERIALIZED (
    SELECT id FROM booking_reservation
    WHERE slot_id = ANY(%(slots)s) AND status = 'held' AND held_until <= %(now)s
    ORDER BY id
    -- Whoever is confirming this very moment is not waited for.
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE booking_reservation AS reservation
SET status = 'lapsed', by = 'system', changed_at = %(now)s
FROM late WHERE reservation.id = late.id
RETURNING reservation.id, reservation.slot_id, reservation.origin
"""


def lapse_holds(slots: dict[int, Slot], *, now: datetime) -> int:
    """Take back what ran out at these locked slots; how many places that frees."""
    with connection.cursor() as cursor:
        cursor.execute(LAPSE, {"slots": list(slots), "now": now})
        late = cursor.fetchall()
    if not late:
        return 0
    offered = [pk for pk, _slot, origin in late if origin == "offer"]
    if offered:
        close_offers(offered, OfferStatus.LAPSED, now=now)
    give_back(Counter(slot_id for _pk, slot_id, _origin in late), slots)
    return len(late)


def close_offers(reservations: list[int], status: OfferStatus, *, now: datetime) -> None:
    """End the open offers behind these reservations and put their people back on the list."""
    offers = Offer.objects.filter(reservation__in=reservations, status=OfferStatus.OPEN)
    entries = list(offers.values_list("entry_id", flat=True))
    offers.update(status=status, answered_at=now)
    ListEntry.objects.filter(pk__in=entries, status=EntryStatus.OFFERED).update(
        status=EntryStatus.WAITING
    )


def release(
    reservation: Reservation,
    slots: dict[int, Slot],
    *,
    status: ReservationStatus,
    by: str,
    now: datetime,
) -> None:
    """End a locked reservation that takes a place of one of these locked slots."""
    assert reservation.may_become(status), f"{reservation.status} can't become {status}"
    Reservation.objects.filter(pk=reservation.pk).update(status=status, by=by, changed_at=now)
    reservation.status, reservation.by, reservation.changed_at = status, by, now
    if reservation.origin == "offer":
        close_offers([reservation.pk], OfferStatus.DECLINED, now=now)
    give_back(Counter([reservation.slot_id]), slots)


def end(reservation: Reservation, slots: dict[int, Slot], *, by: str, now: datetime) -> None:
    """Give a locked hold up, or cancel a locked appointment, whichever it is."""
    held = reservation.status == ReservationStatus.HELD
    status = ReservationStatus.RELEASED if held else ReservationStatus.CANCELLED
    release(reservation, slots, status=status, by=by, now=now)
