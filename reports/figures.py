"""The summary of days that the dashboard reads: a job counts it anew, by the exports' own queries.

What a dose, a seat or an appointment is, the definitions say (reports.definitions); here their rows
are only added up by area. One statement sees one instant, and writes what has changed.
"""

import logging
from collections.abc import Iterable
from datetime import date, datetime

from django.db import connection, transaction
from django.utils import timezone

from database.clock import database_now
from reports.definitions import EXPORTS
from reports.enums import Zone
from reports.models import FigureCount
from reports.reading import query_of
from reports.selection import select

log = logging.getLogger(__name__)

# Appointments of the future that will be a first dose.
_AHEAD = ("confirmed", "arrived")

_COUNTED = """
SELECT kind, day, cohort, region, district, count
FROM ({uptake}) AS uptake (day, cohort, region, district, dose, doses),
    LATERAL (VALUES ('doses', doses), ('first', CASE dose WHEN 1 THEN doses END))
        AS counted (kind, count)
UNION ALL
SELECT kind, day, NULL, region, district, count
FROM ({capacity}) AS capacity (day, region, district, capacity, margin, booked),
    LATERAL (VALUES ('seats', capacity + margin), ('taken', booked)) AS counted (kind, count)
UNION ALL
SELECT kind, day, NULL, region, district, count
FROM ({no_shows}) AS appointments (day, region, district, due, missed),
    LATERAL (VALUES ('due', due), ('no_shows', missed)) AS counted (kind, count)
UNION ALL
SELECT 'ahead', left(starts_at, 10)::date, cohort, region, district, 1
FROM ({reservations}) AS ahead (status, dose, starts_at, region, district, cohort)
WHERE status = ANY(%(ahead)s) AND dose = 1
"""

# Each row counts for its district, its region and the country. People in line have no place.
_RECOUNT = """
WITH fresh AS MATERIALIZED (
    SELECT area, measure, day, coalesce(cohort, '') AS cohort, sum(count)::bigint AS count
    FROM ({counted}) AS counted (measure, day, cohort, region, district, count),
        LATERAL (VALUES (''), (region), (region || ' ' || district)) AS place (area)
    GROUP BY 1, 2, 3, 4 HAVING sum(count) > 0
    UNION ALL
    SELECT '', 'waiting', %(today)s, room, waiting FROM (
        SELECT DISTINCT ON (room) room, waiting
        FROM ({waiting}) AS line (minute, room, waiting) ORDER BY room, minute DESC
    ) AS newest
), removed AS (
    DELETE FROM reports_dailyfigure AS old WHERE NOT EXISTS (
        SELECT FROM fresh WHERE (fresh.area, fresh.measure, fresh.day, fresh.cohort)
            = (old.area, old.measure, old.day, old.cohort)
    )
)
INSERT INTO reports_dailyfigure AS old (area, measure, day, cohort, count)
SELECT area, measure, day, cohort, count FROM fresh
ON CONFLICT (area, measure, day, cohort) DO UPDATE SET count = excluded.count
WHERE old.count <> excluded.count
"""


def _query(export: str, columns: Iterable[str], first: date | None = None) -> str:
    selection = select(EXPORTS[export], columns=columns, first=first)
    # A percent sign in a literal is none of a parameter.
    return query_of(selection, Zone.SEOUL).sql.replace("%", "%%")


@transaction.atomic
def recount() -> datetime | None:
    """Count all figures anew; when that was, or None if another job is counting."""
    FigureCount.objects.get_or_create(pk=1)
    row = FigureCount.objects.select_for_update(skip_locked=True).filter(pk=1).first()
    if row is None:
        return None
    now = database_now()
    today = timezone.localdate(now)
    counted = _COUNTED.format(
        uptake=_query("uptake", ["day", "cohort", "region", "district", "dose", "doses"]),
        capacity=_query("capacity", ["day", "region", "district", "capacity", "margin", "booked"]),
        no_shows=_query("no-shows", ["day", "region", "district", "due", "no_shows"]),
        reservations=_query(
            "reservations", ["status", "dose", "starts_at", "region", "district", "cohort"], today
        ),
    )
    statement = _RECOUNT.format(
        counted=counted, waiting=_query("waiting", ["minute", "room", "waiting"])
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, {"ahead": list(_AHEAD), "today": today})
    row.counted_at = now
    row.save(update_fields=["counted_at"])
    return now


def counted_at() -> datetime | None:
    return FigureCount.objects.filter(pk=1).values_list("counted_at", flat=True).first()
