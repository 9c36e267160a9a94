"""Which gateway takes a message: the next one where the first is silent, and none while all rest.

A gateway that hangs (takes the connection and says nothing) would hold the worker for every message
behind it. It is waited for some seconds once, then left alone, for longer each time it is found
silent; one that refuses several messages in a row, likewise. While it rests its messages go by the
next gateway of the channel, or wait without using up their tries.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from database.clock import Now, database_now
from messaging.exceptions import GatewaysRest
from messaging.models import Gateway
from outside.patience import THREADS, TookTooLong, part

log = logging.getLogger(__name__)

# A gateway is waited for so long in all; three of them in a row must end before the database ends
# the transaction in which the message is locked.
SECONDS = 4.0
# Messages in a row that were refused; a silent one rests at once.
REFUSALS = 3
SHORTEST, LONGEST = timedelta(seconds=15), timedelta(minutes=2)
ALARM_AGAIN = timedelta(minutes=10)


def send(names: Sequence[str], by: Callable[[str], bool]) -> bool:
    """Whether one of the gateways took it, asked in their order as `by(name)`; GatewaysRest if all
    of them rest."""
    known = {row.name: row for row in Gateway.objects.filter(name__in=names)}
    now = database_now()
    awake = [name for name in names if not _rests(known.get(name), now)]
    if not awake:
        raise GatewaysRest("No gateway answers at the moment.")
    failed: dict[str, bool] = {}  # and whether it was silent
    try:
        for name in awake:
            try:
                if part(f"gateway-{name}").ask(partial(by, name), seconds=SECONDS, most=THREADS):
                    if name in known:
                        _answers_again(known[name])
                    return True
                failed[name] = False
            except TookTooLong:
                failed[name] = True
        return False
    finally:
        # Written at the end, since the rows stay locked until the message is done with.
        for name, silent in failed.items():
            _note_failure(name, silent=silent)


def _rests(row: Gateway | None, now: datetime) -> bool:
    return row is not None and row.rests_until is not None and row.rests_until > now


def _note_failure(name: str, *, silent: bool) -> None:
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


def _answers_again(row: Gateway) -> None:
    if Gateway.objects.filter(pk=row.pk).delete()[0] and row.alarmed_at:
        log.warning("gateway %s takes messages again", row.name)


def resting() -> set[str]:
    """The gateways that are not asked at the moment."""
    return set(Gateway.objects.filter(rests_until__gt=Now()).values_list("name", flat=True))


def out_of_order() -> list[Gateway]:
    """Those that did not take what they were last asked to, and rested for it."""
    return list(Gateway.objects.exclude(rests_until=None).order_by("name"))
