"""How many messages are written, what they cost, and when it is too much.

Counted by a job, of what stands in the database, some seconds late: no page counts a million rows,
and no row is shared by all who ask for a code in the opening minute. Above its budget nothing is
kept back: codes ask for work first (`eligibility.views`), and the operator is told.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core.cache import caches
from django.db import connection, transaction

from database.clock import known_now
from messaging.models import Spending

log = logging.getLogger(__name__)

CODE = "code"
KEPT_SECONDS = 5
ALARM_AGAIN = timedelta(minutes=10)

_COUNT = """
INSERT INTO messaging_spending (kind, last_hour, last_day)
SELECT kind, count(*) FILTER (WHERE created_at > jari_now() - interval '1 hour'), count(*)
FROM messaging_message WHERE created_at > jari_now() - interval '1 day' GROUP BY kind
ON CONFLICT (kind) DO UPDATE
SET last_hour = excluded.last_hour, last_day = excluded.last_day
"""


@dataclass(frozen=True)
class Budget:
    """How many messages of a kind an hour and a day may bring before it is an alarm."""

    hour: int
    day: int


@dataclass(frozen=True)
class Spent:
    """What one kind of message took lately, beside its budget; costs are of one day."""

    kind: str
    last_hour: int
    last_day: int
    budget: Budget

    @property
    def over(self) -> bool:
        return self.last_hour > self.budget.hour or self.last_day > self.budget.day

    @property
    def cost(self) -> float:
        return float(self.last_day * settings.MESSAGE_COST)


def budget_of(kind: str) -> Budget:
    budgets = settings.MESSAGE_BUDGETS
    return Budget(*(budgets.get(kind) or budgets["other"]))


def count() -> list[Spent]:
    """Count anew and raise the alarm where a budget is passed; the kinds above theirs."""
    with transaction.atomic():
        Spending.objects.update(last_hour=0, last_day=0)
        with connection.cursor() as cursor:
            cursor.execute(_COUNT)
        above = [one for one in spent() if one.over]
        for one in above:
            _alarm(one)
    return above


def _alarm(one: Spent) -> None:
    """Once when it begins, and again while it goes on."""
    row = Spending.objects.select_for_update().get(kind=one.kind)
    now = known_now()
    if row.alarmed_at and row.alarmed_at > now - ALARM_AGAIN:
        return
    Spending.objects.filter(pk=row.pk).update(alarmed_at=now)
    log.error(
        "messages of kind %s are above budget: %d an hour (of %d), %d a day (of %d), cost %.0f",
        one.kind,
        one.last_hour,
        one.budget.hour,
        one.last_day,
        one.budget.day,
        one.cost,
    )


def spent() -> list[Spent]:
    rows = Spending.objects.filter(last_day__gt=0).order_by("kind")
    return [Spent(row.kind, row.last_hour, row.last_day, budget_of(row.kind)) for row in rows]


def codes_are_above_budget() -> bool:
    """As of some seconds ago."""
    local = caches["local"]
    above: bool | None = local.get("codes-above-budget")
    if above is None:
        above = any(kind.over for kind in spent() if kind.kind == CODE)
        local.set("codes-above-budget", above, timeout=KEPT_SECONDS)
    return above
