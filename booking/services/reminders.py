"""The day before."""

from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from booking.rules import day_bounds, day_of
from database.clock import database_now

# Nobody is written to at night.
FROM_HOUR, UNTIL_HOUR = 10, 20

# Noted only; what it says is written when it is sent (notices.reminder_letters). Who was reminded
# of this time already has the note.
REMIND = """
INSERT INTO messaging_message
    (key, kind, channel, person_id, status, tries, problem, created_at, not_after)
SELECT 'reminder:' || mine.number || ':' || mine.slot_id, 'reminder',
    CASE WHEN mine.email IS NULL THEN 'sms' ELSE mine.channel END,
    mine.person_id, 'unwritten', 0, '', %(now)s, %(start)s
FROM booking_slot AS slot
JOIN booking_reservation AS mine ON mine.slot_id = slot.id AND mine.status = 'confirmed'
WHERE slot.starts_at >= %(start)s AND slot.starts_at < %(end)s
    AND NOT EXISTS (
        SELECT FROM messaging_message
        WHERE key = 'reminder:' || mine.number || ':' || mine.slot_id
    )
LIMIT %(most)s
ON CONFLICT (key) DO NOTHING
"""


def remind(*, now: datetime | None = None, most: int = 5000) -> int:
    """Remind everybody whose appointment is tomorrow, once of each time; how many.

    At most so many at once, since what else is told waits behind them: 600 runs a day are enough
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
