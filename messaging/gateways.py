"""Failover between the gateways of a channel, and rests for gateways that fail.

A gateway that hangs (accepts the connection and does not answer) would hold the worker for each
message. After one timeout, or several refusals in a row, it rests, with exponential backoff.
Meanwhile its messages go by the next gateway of the channel, or wait without using up tries.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from database.clock import Now, database_now
from messaging.exceptions import GatewaysRest
from messaging.models import Gateway
from outside.dependencies import THREADS, TookTooLong, dependency

log = logging.getLogger(__name__)

# Total timeout of a gateway. Three in a row must fit into the database's limit for idle
# transactions, since the message stays locked meanwhile.
SECONDS = 4.0
# Refusals in a row before a gateway rests; after a timeout it rests at once.
REFUSALS = 3
SHORTEST, LONGEST = timedelta(seconds=15), timedelta(minutes=2)
ALARM_AGAIN = timedelta(minutes=10)


def send(names: Sequence[str], deliver: Callable[[str], bool]) -> str:
    """Call `deliver(name)` for each gateway in order until one returns True; its name, or "".

    Raises GatewaysRest if all of them rest.
    """
    rows = {row.name: row for row in Gateway.objects.filter(name__in=names)}
    now = database_now()
    awake = [name for name in names if not _rests(rows.get(name), now)]
    if not awake:
        raise GatewaysRest("No gateway answers at the moment.")
    failed: dict[str, bool] = {}  # by name: whether it timed out
    try:
        for name in awake:
            try:
                if dependency(f"gateway-{name}").call(
                    partial(deliver, name), seconds=SECONDS, most=THREADS
                ):
                    if name in rows:
                        _forget_failures(rows[name])
                    return name
                failed[name] = False
            except TookTooLong:
                failed[name] = True
        return ""
    finally:
        # Last, because the locks on the rows are held until the end of the message's transaction.
        for name, silent in failed.items():
            _count_failure(name, silent=silent)


def _rests(row: Gateway | None, now: datetime) -> bool:
    return row is not None and row.rests_until is not None and row.rests_until > now


def _count_failure(name: str, *, silent: bool) -> None:
    Gateway.objects.get_or_create(name=name)
    row = Gateway.objects.select_for_update().get(name=name)
    row.failures += 1
    if silent or row.failures >= REFUSALS:
        now = database_now()
        row.rests_until = now + min(SHORTEST * 2 ** min(row.failures - 1, 5), LONGEST)
        if row.alarmed_at is None or row.alarmed_at < now - ALARM_AGAIN:
            row.alarmed_at = now
            log.error("gateway %s takes no messages since %s", name, f"{row.since:%H:%M:%S}")
    row.save()


def _forget_failures(row: Gateway) -> None:
    if Gateway.objects.filter(pk=row.pk).delete()[0] and row.alarmed_at:
        log.warning("gateway %s takes messages again", row.name)


def resting() -> set[str]:
    """Names of the gateways that rest now."""
    return set(Gateway.objects.filter(rests_until__gt=Now()).values_list("name", flat=True))


def out_of_order() -> list[Gateway]:
    """Gateways that failed last and have rested since, by name."""
    return list(Gateway.objects.exclude(rests_until=None).order_by("name"))
