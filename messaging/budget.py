"""Numbers and costs of messages by kind, and their budgets.

A job counts the table some seconds late: no page counts a million rows, and no counter row is
shared by everybody who asks for a code in the opening minute. Above a budget nothing is held
back: codes then need a proof of work (`eligibility.views`), and the operator is alarmed.
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

CODE = "code"  # Message.kind
KEPT_SECONDS = 5
ALARM_AGAIN = timedelta(minutes=10)

# The range on created_at reads only the pages that the BRIN index messages_by_time finds.
_COUNT = """
INSERT INTO messaging_spending (kind, last_hour, last_day)
SELECT kind, count(*) FILTER (WHERE created_at > jari_now() - interval '1 hour'), count(*)
FROM messaging_message WHERE created_at > jari_now() - interval '1 day' GROUP BY kind
ON CONFLICT (kind) DO UPDATE
SET last_hour = excluded.last_hour, last_day = excluded.last_day
"""


@dataclass(frozen=True)
class Budget:
    """Messages of a kind per hour and day above which an alarm is raised."""

    hour: int
    day: int


@dataclass(frozen=True)
class KindUsage:
    """The number of messages of one kind within the last hour and day, with its budget."""

    kind: str
    last_hour: int
    last_day: int
    budget: Budget

    @property
    def over(self) -> bool:
        return self.last_hour > self.budget.hour or self.last_day > self.budget.day

    @property
    def cost(self) -> float:
        """Cost of the last day."""
        return float(self.last_day * settings.MESSAGE_COST)


def budget_of(kind: str) -> Budget:
    budgets = settings.MESSAGE_BUDGETS
    return Budget(*(budgets.get(kind) or budgets["other"]))


def count() -> list[KindUsage]:
    """Count the messages, raise alarms, and return the kinds above their budget."""
    with transaction.atomic():
        # Kinds without messages of the last day are not in the result of _COUNT.
        Spending.objects.update(last_hour=0, last_day=0)
        with connection.cursor() as cursor:
            cursor.execute(_COUNT)
        above = [usage for usage in usage_by_kind() if usage.over]
        for usage in above:
            _alarm(usage)
    return above


def _alarm(usage: KindUsage) -> None:
    """Log an error when a kind exceeds its budget, and again every ALARM_AGAIN."""
    # Locked, so that of two counting jobs only one logs.
    row = Spending.objects.select_for_update().get(kind=usage.kind)
    now = known_now()
    if row.alarmed_at and row.alarmed_at > now - ALARM_AGAIN:
        return
    Spending.objects.filter(pk=row.pk).update(alarmed_at=now)
    log.error(
        "messages of kind %s are above budget: %d an hour (of %d), %d a day (of %d), cost %.0f",
        usage.kind,
        usage.last_hour,
        usage.budget.hour,
        usage.last_day,
        usage.budget.day,
        usage.cost,
    )


def usage_by_kind() -> list[KindUsage]:
    rows = Spending.objects.filter(last_day__gt=0).order_by("kind")
    return [
        KindUsage(spending.kind, spending.last_hour, spending.last_day, budget_of(spending.kind))
        for spending in rows
    ]


def codes_are_above_budget() -> bool:
    """Whether codes are above their budget, cached for KEPT_SECONDS in this process."""
    local = caches["local"]
    above: bool | None = local.get("codes-above-budget")
    if above is None:
        above = any(kind.over for kind in usage_by_kind() if kind.kind == CODE)
        local.set("codes-above-budget", above, timeout=KEPT_SECONDS)
    return above
