"""Looks of staff at a person's data, in the person's event line."""

from django.utils.translation import gettext_lazy as _

from events.kinds import Kind, time_of_day
from events.sources import Source

KINDS = [
    Kind("opened_by_staff", _("opened by staff")),
    Kind(
        "opened_often_by_staff",
        _("opened by staff, %(times)s times until %(until)s"),
        {"until": time_of_day},
    ),
]

# One for each user and hour: a caller's page is opened again by each act of the desk.
SQL = """
SELECT min(at), CASE count(*) WHEN 1 THEN 'opened_by_staff' ELSE 'opened_often_by_staff' END,
    NULL::bigint, coalesce('staff:' || user_id, max(by)),
    jsonb_build_object('times', count(*), 'until', max(at))
FROM staff_access
WHERE people @> to_jsonb(%(person)s::bigint) AND act = 'detail'
GROUP BY user_id, date_trunc('hour', at)
"""

SOURCE = Source("staff", KINDS, SQL)
