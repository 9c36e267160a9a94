"""The database's clock, the only one that decides: `jari_now()` in SQL, from Python by this module.

A node's own clock may be wrong by minutes or days; whatever compares with "now" takes it from here:

- `Now()` in a query, where a statement is made anyway;
- `database_now()` for a decision of a service: one statement, unless a lock told the time already
  (`booking.services.seats.lock_person`);
- `known_now()` for pages, forms and cookies: no statement, but the time as this process measured it
  a few seconds ago, carried on by a clock that nobody sets (`time.monotonic`).

`timezone.now()` is left to log lines and to what is measured within one process.
"""

import logging
import os
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any, TypedDict

from django.db import connection
from django.db.models import DateTimeField, Func
from django.utils import timezone
from psycopg import Error
from psycopg.pq import TransactionStatus

log = logging.getLogger(__name__)

MEASURE_SECONDS = 10.0  # how old a measurement may grow where a connection is at hand
OFF_SECONDS = 2.0  # a clock that is further off is reported
ABLE = (TransactionStatus.IDLE, TransactionStatus.INTRANS)
UNITS = [(86400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds")]


class Now(Func):
    """The database's clock as an expression; as the statement began."""

    function = "jari_now"
    arity = 0
    output_field = DateTimeField()


class AtNow(TypedDict):
    """Of rows read with `annotate(now=Now())`: the clock, in the same statement."""

    now: datetime


def database_now() -> datetime:
    """The database's clock, in a statement of its own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT jari_now()")
        now: datetime = cursor.fetchone()[0]
    return now


@dataclass(frozen=True)
class Measured:
    """The database's clock at an instant of this process's monotonic clock."""

    instant: datetime
    ticks: float
    ahead: timedelta  # by how much the clock of this node was ahead of the database's


_measured: Measured | None = None
# The connection that a forked process has in common with its parent: two processes that speak on
# one socket get each other's answers.
_inherited: object = None


def _forked() -> None:
    global _inherited
    _inherited = connection.connection


os.register_at_fork(after_in_child=_forked)


def known_now() -> datetime:
    """The database's time without a statement of its own in all but one call in ten seconds.

    Right to half the time of a round trip. A process that has never reached the database has
    nothing but its own clock.
    """
    if connection.connection is not None:
        measure_if_due()
    if _measured is None:
        return timezone.now()
    return _measured.instant + timedelta(seconds=monotonic() - _measured.ticks)


def known_today() -> date:
    """The day in Seoul by `known_now`."""
    return timezone.localdate(known_now())


def clock_ahead() -> timedelta | None:
    """By how much this node's clock is ahead of the database's; None if it is not known."""
    return _measured.ahead if _measured else None


def measure_if_due(**_signal: Any) -> None:
    """Measure anew where the last measurement is old; also called for each new connection."""
    if _measured is None or monotonic() - _measured.ticks > MEASURE_SECONDS:
        measure()


def measure() -> None:
    """Compare the clocks, by the connection that is open."""
    global _measured
    raw = connection.connection
    # Not in a transaction that failed, nor in the middle of a COPY.
    if raw is None or raw is _inherited or raw.closed or raw.info.transaction_status not in ABLE:
        return
    before = monotonic()
    try:
        # Beside Django's cursor: this is no statement of the page that happens to be made.
        [instant] = raw.execute("SELECT jari_now()").fetchone()
    except Error:
        return  # a database that is gone, or not migrated yet
    ahead = timezone.now() - instant
    _warn_if_off(ahead)
    _measured = Measured(instant=instant, ticks=(before + monotonic()) / 2, ahead=ahead)


def _warn_if_off(ahead: timedelta) -> None:
    known = _measured.ahead if _measured else timedelta(0)
    # Once, and again when it has moved.
    if is_off(ahead) and abs(ahead - known) > timedelta(seconds=1):
        log.warning("%s", clock_line(ahead))


def is_off(ahead: timedelta) -> bool:
    return abs(ahead.total_seconds()) > OFF_SECONDS


def clock_line(ahead: timedelta) -> str:
    """How far this node's clock is off, for those who run it."""
    seconds = round(abs(ahead.total_seconds()))
    size, unit = next(((size, unit) for size, unit in UNITS if seconds >= 2 * size), UNITS[-1])
    amount = f"{seconds // size} {unit}"
    way = "ahead of" if ahead > timedelta(0) else "behind"
    return f"The clock of this node is {amount} {way} the database's, which decides."
