"""Taking and giving back seats.

Every change of Slot.booked is made here under the slot's row lock, except the first hold, which
booking/sql/booking_hold_at_once makes.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import IntegrityError, connection, transaction
from django.db.models import F

from booking.enums import EntryStatus, OfferStatus, ReservationStatus
from booking.exceptions import PersonGone, SlotClosed, SlotFull, SlotOver
from booking.models import ListEntry, Offer, Reservation, Slot
from database.clock import Now
from eligibility.models import Person

P = ParamSpec("P")
R = TypeVar("R")


class RowsChanged(Exception):
    """The person's rows changed between the unlocked read and the lock; retry."""


def retried_transaction(service: Callable[P, R]) -> Callable[P, R]:
    """Run the service in one transaction, at most four times.

    It is retried after RowsChanged and IntegrityError, which another request of the same person
    causes. The slots to lock are known only after an unlocked read of the reservations, and a
    slot found later can't be locked without breaking the lock order.
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
    """Serialise the requests of one person until commit; taken before the slots' locks.

    Returns the database's clock at the start of the statement: a request is judged by when it
    was made, not by how long it waited for the lock (at most `lock_timeout`). Raises PersonGone.
    """
    locked = Person.objects.select_for_update(no_key=True).filter(pk=person_id)
    now: datetime | None = locked.values_list(Now(), flat=True).first()
    if now is None:
        raise PersonGone
    return now


def lock_people(ids: Iterable[int], *, wait: bool = True) -> list[int]:
    """Lock these people until commit, in the order of their ids, before all slots.

    Without `wait` those that another transaction has locked are left out.
    """
    people = Person.objects.filter(pk__in=list(ids)).order_by("pk")
    locked = people.select_for_update(no_key=True, skip_locked=not wait)
    return list(locked.values_list("pk", flat=True))


# First key of the advisory lock that booking/sql/booking_hold_at_once takes shared; the second key
# is the person's id, hashed to 32 bits.
OUTSIDE_DOSES_LOCK = 0x424A4142


def wait_for_holds(person_id: int) -> None:
    """Block fast-path holds of this person until commit; taken before any row lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, hashint8(%s))", [OUTSIDE_DOSES_LOCK, person_id]
        )


def lock_slots(ids: Iterable[int], *, wait: bool = True) -> dict[int, Slot]:
    """Lock these slots until commit, with clinic and vaccine; ids that don't exist are left out.

    Always in the order of their ids, and before any reservation: two people who exchange the
    same two slots can't deadlock. Without `wait` those that another transaction has locked are
    left out too.
    """
    slots = (
        Slot.objects.select_for_update(of=("self",), no_key=True, skip_locked=not wait)
        .select_related("clinic", "vaccine")
        .filter(pk__in=set(ids))
        .order_by("pk")
    )
    return {slot.pk: slot for slot in slots}


def check_seat(
    slot: Slot, *, now: datetime, begun: bool = False, seats: int = 1, of_visit: bool = False
) -> None:
    """Raise SlotClosed, SlotOver or SlotFull unless `seats` can be taken at this slot.

    `begun` allows a slot that has started, as for a walk-in. `of_visit` allows the seats of a visit
    to a care home: for its own services, and for a reservation that had its seat there before.
    """
    if not slot.clinic.active:
        raise SlotClosed
    if slot.starts_at <= now and not begun:
        raise SlotOver
    left = slot.visit_left if of_visit and slot.home_id else slot.left
    if left < seats:
        raise SlotFull(slot_id=slot.pk)


def take_seat(
    slot: Slot, *, now: datetime, begun: bool = False, seats: int = 1, of_visit: bool = False
) -> None:
    """Take seats of a locked slot; raises as `check_seat` does."""
    check_seat(slot, now=now, begun=begun, seats=seats, of_visit=of_visit)
    _change_booked(slot, seats)


def _change_booked(slot: Slot, change: int) -> None:
    """Change the counter of a locked slot, in the table and in memory for later checks.

    The capacity of a visit's slot goes along: it never has a seat that is free for the public.
    """
    values = {"booked": F("booked") + change}
    slot.booked += change
    if slot.home_id:
        values["capacity"] = F("capacity") + change
        slot.capacity += change
    Slot.objects.filter(pk=slot.pk).update(**values)


def give_back(seats: Counter[int], slots: dict[int, Slot]) -> None:
    """Give back seats, a number by slot id; the slots are locked."""
    for slot_id, number in seats.items():
        _change_booked(slots[slot_id], -number)


LAPSE = """
WITH lapsed AS MATERIALIZED (
    SELECT id FROM booking_reservation
    WHERE slot_id = ANY(%(slots)s) AND status = 'held' AND held_until <= %(now)s
    ORDER BY id
    -- A locked row is being confirmed: waiting for it would hold up everybody at this slot.
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE booking_reservation AS reservation
SET status = 'lapsed', by = 'system', changed_at = %(now)s
FROM lapsed WHERE reservation.id = lapsed.id
RETURNING reservation.id, reservation.slot_id, reservation.origin
"""


def lapse_holds(slots: dict[int, Slot], *, now: datetime) -> int:
    """Take back the holds that ran out at these locked slots; returns the number of seats freed."""
    with connection.cursor() as cursor:
        cursor.execute(LAPSE, {"slots": list(slots), "now": now})
        lapsed = cursor.fetchall()
    if not lapsed:
        return 0
    offered_ids = [pk for pk, _slot, origin in lapsed if origin == "offer"]
    if offered_ids:
        close_offers(offered_ids, OfferStatus.LAPSED, now=now)
    give_back(Counter(slot_id for _pk, slot_id, _origin in lapsed), slots)
    return len(lapsed)


def close_offers(reservations: list[int], status: OfferStatus, *, now: datetime) -> None:
    """End the open offers of these reservations; their list entries wait again."""
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
    """End a locked reservation that takes a seat of one of these locked slots."""
    assert reservation.may_become(status), f"{reservation.status} can't become {status}"
    Reservation.objects.filter(pk=reservation.pk).update(status=status, by=by, changed_at=now)
    reservation.status, reservation.by, reservation.changed_at = status, by, now
    if reservation.origin == "offer":
        close_offers([reservation.pk], OfferStatus.DECLINED, now=now)
    give_back(Counter([reservation.slot_id]), slots)


def end(reservation: Reservation, slots: dict[int, Slot], *, by: str, now: datetime) -> None:
    """Release a locked hold, or cancel a locked appointment."""
    held = reservation.status == ReservationStatus.HELD
    status = ReservationStatus.RELEASED if held else ReservationStatus.CANCELLED
    release(reservation, slots, status=status, by=by, now=now)
