"""How many people asked before an entry of the cancellation list."""

from collections.abc import Iterable

from django.db import connection

# Ranks count only entries for the same dose that share an area, in the order of NEXT_ENTRY.
RANKS_ON_LIST = """
SELECT entry.id, 1 + (
    SELECT count(*) FROM booking_listentry AS other
    WHERE other.status = 'waiting' AND other.places && entry.places AND other.dose = entry.dose
        AND (-other.priority, other.joined_at, other.id)
            < (-entry.priority, entry.joined_at, entry.id)
)
FROM booking_listentry AS entry WHERE entry.id = ANY(%(entries)s) AND entry.status = 'waiting'
"""


def ranks_on_list(entries: Iterable[int]) -> dict[int, int]:
    """Rank by entry id, from 1, among the waiting entries that share an area; others have none."""
    with connection.cursor() as cursor:
        cursor.execute(RANKS_ON_LIST, {"entries": list(entries)})
        return dict(cursor.fetchall())
