"""The day before."""

from datetime import datetime, timedelta

from django.utils import timezone

from ..enums import ReservationStatus
from ..models import Reservation
from .notices import tell_reminder

# Nobody is written to at night.
FROM_HOUR, UNTIL_HOUR = 10, 20


def remind(*, now: datetime | None = None, batch: int = 1000) -> int:
    """Write to everybody whose appointment is tomorrow, once for each time; how many."""
    here = timezone.localtime(now)
    if not FROM_HOUR <= here.hour < UNTIL_HOUR:
        return 0
    start = here.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    tomorrow = (
        Reservation.objects.filter(
            status=ReservationStatus.CONFIRMED,
            slot__starts_at__gte=start,
            slot__starts_at__lt=start + timedelta(days=1),
        )
        # Who was written to about this time already is left out in the database.
        .extra(
            where=[
                "NOT EXISTS (SELECT FROM messaging_message WHERE key = 'reminder:'"
                " || booking_reservation.number || ':' || booking_reservation.slot_id)"
            ]
        )
        .select_related("slot__clinic", "person")
        .order_by("pk")[:batch]
    )
    return sum(tell_reminder(reservation) for reservation in tomorrow)
