"""Statuses move along the tables of booking.enums, whoever writes them."""

from datetime import timedelta
from itertools import product

import pgtrigger
import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from booking.enums import (
    ENTRY_MOVES,
    LAWFUL_MOVES,
    OFFER_MOVES,
    EntryStatus,
    OfferStatus,
    ReservationStatus,
)
from booking.models import ListEntry, Offer, Reservation
from booking.services.changes import cancel_reservation
from tests.booking.test_offers import entry
from tests.factories import AdmissionFactory, ReservationFactory, SlotFactory
from tests.roles import as_owner

pytestmark = pytest.mark.django_db


def moves(model, row_id: int, old: str, new: str) -> bool:
    """Whether the database lets a row of this status become `new`."""
    with transaction.atomic():
        with as_owner(), pgtrigger.ignore(f"{model._meta.label}:status_moves_lawfully"):
            model.objects.filter(pk=row_id).update(status=old)
        try:
            with transaction.atomic():
                model.objects.filter(pk=row_id).update(status=new)
        except DatabaseError:
            return False
        finally:
            transaction.set_rollback(True)
    return True


def table_of(model, row_id: int, statuses) -> dict[str, list[str]]:
    pairs = [pair for pair in product(statuses, statuses) if pair[0] != pair[1]]
    allowed = [(old, new) for old, new in pairs if moves(model, row_id, old, new)]
    return {old: [new for before, new in allowed if before == old] for old in statuses}


def ordered(table, statuses) -> dict[str, list[str]]:
    return {old: [new for new in statuses if new in table[old]] for old in statuses}


def test_a_reservation_moves_as_the_table_says():
    reservation = ReservationFactory()
    Reservation.objects.update(held_until=timezone.now() + timedelta(minutes=5))

    seen = table_of(Reservation, reservation.pk, ReservationStatus)

    assert seen == ordered(LAWFUL_MOVES, ReservationStatus)


def test_entries_and_offers_of_the_list_move_as_their_tables_say():
    taken = ReservationFactory(slot=SlotFactory(capacity=1))
    admission = AdmissionFactory()
    waiting = entry(admission)
    with transaction.atomic():
        cancel_reservation(reservation=taken, by="staff:1")
    offer = Offer.objects.get(entry=waiting)

    assert table_of(ListEntry, waiting.pk, EntryStatus) == ordered(ENTRY_MOVES, EntryStatus)
    assert table_of(Offer, offer.pk, OfferStatus) == ordered(OFFER_MOVES, OfferStatus)
