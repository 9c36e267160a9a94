"""Reminders of appointments, queued on the day before."""

from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from booking.rules import day_bounds, day_of
from database.clock import database_now

# Local hours in which reminders are queued: no messages at night.
FROM_HOUR, UNTIL_HOUR = 10, 20

# Queued without text, which the worker renders (notices.render_reminders). The slot is part of the
# key: an appointment moved to another slot is reminded of anew.
REMIND = """
INSERT INTO messaging_message
    (key, kind, channel, person_id, status, tries, problem, created_at, not_after)
SELECT 'reminder:' || reservation.number || ':' || reservation.slot_id, 'reminder',
    CASE WHEN reservation.email IS NULL THEN 'sms' ELSE reservation.channel END,
    reservation.person_id, 'unwritten', 0, '', %(now)s, %(start)s
FROM booking_slot AS slot
JOIN booking_reservation AS reservation
    ON reservation.slot_id = slot.id AND reservation.status = 'confirmed'
WHERE slot.starts_at >= %(start)s AND slot.starts_at < %(end)s
    AND NOT EXISTS (
        SELECT FROM messaging_message
        WHERE key = 'reminder:' || reservation.number || ':' || reservation.slot_id
    )
LIMIT %(most)s
ON CONFLICT (key) DO NOTHING
"""


def remind(*, now: datetime | None = None, most: int = 5000) -> int:
    """Queue a reminder for each appointment of tomorrow; returns the number of new ones.

    At most `most` per run, because other messages queue behind them: 600 runs a day are enough
    for three million, and on its busiest day Korea gave 1.9 million doses.
    """
    now = now or database_now()
    if not FROM_HOUR <= timezone.localtime(now).hour < UNTIL_HOUR:
        return 0
    start, end = day_bounds(day_of(now) + timedelta(days=1))
    with connection.cursor() as cursor:
        cursor.execute(REMIND, {"now": now, "start": start, "end": end, "most": most})
        reminded: int = cursor.rowcount
        return reminded
