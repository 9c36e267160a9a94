"""Hooks of eligibility: people to keep, addresses to delete, and who has what must not be lost."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from booking.enums import LIVE, ON_THE_LIST, ReservationStatus
from booking.models import ListEntry, OutsideDose, Reservation
from waiting_room.models import Alert


def still_booked(now: datetime) -> QuerySet[Any, Any]:
    """Ids of people with an appointment to come or within the last KEEP_DAYS."""
    since = now - timedelta(days=settings.KEEP_DAYS)
    return Reservation.objects.filter(status__in=LIVE, slot__starts_at__gt=since).values("person")


def with_bookings(people: Collection[int]) -> Iterable[int]:
    """Those of these people with a reservation, a dose, or an entry of the cancellation list."""
    mere_holds = [ReservationStatus.HELD, ReservationStatus.LAPSED, ReservationStatus.RELEASED]
    booked = Reservation.objects.filter(person__in=people).exclude(status__in=mere_holds)
    given = OutsideDose.objects.filter(person__in=people)
    waiting = ListEntry.objects.filter(person__in=people, status__in=ON_THE_LIST)
    return booked.values_list("person_id", flat=True).union(
        given.values_list("person_id", flat=True), waiting.values_list("person_id", flat=True)
    )


def forget_addresses(people: list[int]) -> None:
    Reservation.objects.filter(person__in=people, email__isnull=False).update(email=None)
    Alert.objects.filter(ticket__person__in=people, email__isnull=False).update(email=None)
