"""The portal's minutes: counted once each minute is over, so that no page counts anything."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from database.clock import database_now
from reports.models import PortalMinute
from waiting_room import health

MINUTE = timedelta(minutes=1)
# Minutes that are made up for after a standstill; for older ones nothing is known of the pages.
MOST_MISSED = 60
# Processes flush their sums once a second, late ones a little later.
SETTLED_AFTER = timedelta(seconds=5)

# Ranges that the BRIN indexes of the tables find; a letter of a message is sent within the hour.
_COUNTS = """
SELECT
    (SELECT count(*) FROM booking_reservation
        WHERE created_at >= %(begin)s AND created_at < %(end)s AND origin = 'line'),
    (SELECT count(*) FROM booking_reservation
        WHERE confirmed_at >= %(begin)s AND confirmed_at < %(end)s),
    (SELECT count(*) FROM messaging_message
        WHERE created_at >= %(begin)s AND created_at < %(end)s),
    (SELECT count(*) FROM messaging_message
        WHERE created_at >= %(begin)s - interval '1 hour' AND created_at < %(end)s
            AND sent_at >= %(begin)s AND sent_at < %(end)s),
    (SELECT count(*) FROM messaging_message
        WHERE created_at >= %(begin)s AND created_at < %(end)s AND status = 'failed')
"""


def record_minutes() -> int:
    """Write the rows of the minutes that are over; returns how many."""
    last = (database_now() - SETTLED_AFTER).replace(second=0, microsecond=0) - MINUTE
    newest = PortalMinute.objects.order_by("-minute").values_list("minute", flat=True).first()
    # A new portal begins with its last minute rather than with an empty hour.
    missing = min(MOST_MISSED, (last - newest) // MINUTE) if newest else 1
    rows = [_row(last - back * MINUTE) for back in reversed(range(missing))]
    PortalMinute.objects.bulk_create(rows, ignore_conflicts=True)  # another worker's came first
    return len(rows)


def _row(minute: datetime) -> PortalMinute:
    values: dict[str, Any] = {"begin": minute, "end": minute + MINUTE}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, values)
        holds, bookings, written, sent, failed = cursor.fetchone()
    # None is unknown, as without Redis; {} is a minute in which nobody booked.
    pages = health.minute_of(minute)
    of_pages = {} if pages is None else {name: pages.get(name, 0) for name in _OF_PAGES}
    return PortalMinute(
        minute=minute,
        holds=holds,
        bookings=bookings,
        written=written,
        sent=sent,
        failed=failed,
        refusals=_refusals(pages or {}),
        **of_pages,
    )


_OF_PAGES = ("requests", "errors", "slow", "milliseconds")


def _refusals(pages: dict[str, int]) -> dict[str, dict[str, int]]:
    """By room and name, from the keys "refused:7:SlotFull"."""
    refusals: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for key, count in pages.items():
        if key.startswith(health.REFUSED):
            room, _colon, name = key.removeprefix(health.REFUSED).partition(":")
            refusals[room][name] = count
    return dict(refusals)
