"""Hooks of eligibility's purge: people to keep, and addresses to delete of all others."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from booking.enums import LIVE
from booking.models import Reservation
from waiting_room.models import Alert


def still_booked(now: datetime) -> QuerySet[Any, Any]:
    """Ids of people with an appointment to come or within the last KEEP_DAYS."""
    since = now - timedelta(days=settings.KEEP_DAYS)
    return Reservation.objects.filter(status__in=LIVE, slot__starts_at__gt=since).values("person")


def forget_addresses(people: list[int]) -> None:
    Reservation.objects.filter(person__in=people, email__isnull=False).update(email=None)
    Alert.objects.filter(ticket__person__in=people, email__isnull=False).update(email=None)
