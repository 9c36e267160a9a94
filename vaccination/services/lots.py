"""Lots of a clinic: received, corrected, wasted, and the lot of the day.

Each service locks the lot, so that two desks count one after the other. Triggers keep the counts
(vaccination.models).
"""

import uuid
from datetime import date

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from booking.models import Clinic, Vaccine
from booking.rules import day_of
from database.clock import database_now
from vaccination.enums import MovementKind, WasteReason
from vaccination.exceptions import (
    ExpiredOnArrival,
    FewerWasted,
    LessThanUsed,
    LotRecalled,
    NumberTaken,
    OtherExpiry,
    TooFewDoses,
)
from vaccination.models import DefaultLot, Lot, LotMovement, Recall
from vaccination.rules import lot_number, why_not_give


@transaction.atomic
def receive_lot(
    *,
    clinic: Clinic,
    vaccine: Vaccine,
    number: str,
    expires_on: date,
    doses: int,
    by: str,
    key: uuid.UUID | None = None,
) -> Lot:
    """Add `doses` to the clinic's lot of this number, which is made if it is new.

    Repeating a key receives once. Raises BadLotNumber, ExpiredOnArrival, OtherExpiry or
    LotRecalled.
    """
    number = lot_number(number)
    if expires_on < day_of(database_now()):
        raise ExpiredOnArrival
    # A recall stays in force for deliveries that come after it.
    recalls = Recall.objects.filter(vaccine=vaccine, lot_number=number, practice=False)
    if recalls.filter(Q(clinic=None) | Q(clinic=clinic)).exists():
        raise LotRecalled(lot=number)
    values = {"expires_on": expires_on, "by": by}
    same = {"clinic": clinic, "vaccine": vaccine, "number": number}
    lot, _created = Lot.objects.get_or_create(**same, defaults=values)
    lot = _locked(lot)
    if lot.expires_on != expires_on:
        raise OtherExpiry(lot=lot.number, day=lot.expires_on)
    return _move(lot, MovementKind.RECEIVED, doses, "", by, key)


@transaction.atomic
def correct_doses(
    *, lot: Lot, received: int, reason: str, by: str, key: uuid.UUID | None = None
) -> Lot:
    """Set the doses received to a counted number; raises LessThanUsed."""
    # A dose given meanwhile counts as used: the lock waits for it.
    lot = _locked(lot)
    used = lot.doses_given + lot.doses_wasted
    if received < used:
        raise LessThanUsed(lot=lot.number, used=used)
    change = received - lot.doses_received
    return _move(lot, MovementKind.CORRECTED, change, reason, by, key) if change else lot


@transaction.atomic
def waste_doses(
    *, lot: Lot, doses: int, reason: WasteReason, by: str, key: uuid.UUID | None = None
) -> Lot:
    """Count doses as wasted; a negative number takes that back.

    Raises TooFewDoses or FewerWasted.
    """
    lot = _locked(lot)
    if _was_moved(key):
        return lot
    if doses > lot.doses_left:
        raise TooFewDoses(lot=lot.number, left=lot.doses_left)
    if lot.doses_wasted + doses < 0:
        raise FewerWasted(lot=lot.number, wasted=lot.doses_wasted)
    return _move(lot, MovementKind.WASTED, doses, reason, by, key)


@transaction.atomic
def relabel_lot(*, lot: Lot, number: str, expires_on: date, by: str) -> Lot:
    """Correct a mistyped number or expiry; the history keeps both.

    Doses given meanwhile stay with the lot, so a recall finds them under the right number. Raises
    BadLotNumber or NumberTaken.
    """
    lot = _locked(lot)
    # Also to a day that is over: doses given after it are then known to be given too late.
    lot.number, lot.expires_on, lot.by = lot_number(number), expires_on, by
    try:
        with transaction.atomic():
            lot.save(update_fields=["number", "expires_on", "by"])
    except IntegrityError:
        raise NumberTaken(lot=lot.number) from None
    return lot


@transaction.atomic
def set_default_lot(*, lot: Lot, on: date, by: str) -> DefaultLot:
    """Make `lot` the clinic's lot of its vaccine on this day, instead of any other.

    Raises LotExpired or LotEmpty.
    """
    lot = _locked(lot)
    refusal = why_not_give(lot, clinic_id=lot.clinic_id, vaccine_id=lot.vaccine_id, on=on)
    if refusal:
        raise refusal
    row, _created = DefaultLot.objects.update_or_create(
        clinic_id=lot.clinic_id,
        vaccine_id=lot.vaccine_id,
        on=on,
        defaults={"lot": lot, "by": by},
    )
    return row


def clear_default_lot(*, lot: Lot, on: date) -> None:
    DefaultLot.objects.filter(lot=lot, on=on).delete()


def default_lots(*, clinic_id: int, on: date) -> dict[int, int]:
    """The lots of the day: vaccine id → lot id."""
    rows = DefaultLot.objects.filter(clinic_id=clinic_id, on=on)
    return dict(rows.values_list("vaccine_id", "lot_id"))


def usable_lots(*, clinic_id: int, vaccine_id: int, on: date) -> QuerySet[Lot]:
    """Lots that may be given on this day, the one that expires first on top."""
    lots = Lot.objects.filter(clinic_id=clinic_id, vaccine_id=vaccine_id, expires_on__gte=on)
    return lots.filter(recalled_at=None).with_doses().order_by("expires_on", "number")


def keeps_lots(clinic_id: int) -> bool:
    """Whether this clinic keeps lots in the portal: then each dose needs one."""
    return Lot.objects.filter(clinic_id=clinic_id).exists()


def _locked(lot: Lot) -> Lot:
    return Lot.objects.locked().get(pk=lot.pk)


def _was_moved(key: uuid.UUID | None) -> bool:
    return key is not None and LotMovement.objects.filter(key=key).exists()


def _move(
    lot: Lot, kind: MovementKind, doses: int, reason: str, by: str, key: uuid.UUID | None
) -> Lot:
    """Record a movement of the locked lot once per key; returns the lot as counted then."""
    if not _was_moved(key):
        LotMovement.objects.create(
            lot=lot, kind=kind, doses=doses, reason=reason, by=by, key=key or uuid.uuid4()
        )
    lot.refresh_from_db()
    return lot
