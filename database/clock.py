"""The database's clock, the only one that decides: `jari_now()` in SQL, this module in Python.

A node's own clock may be wrong by minutes or days. Every comparison with "now" uses:

- `Now()` in a query that is made anyway;
- `database_now()` for a decision of a service: one statement, unless a lock has read the clock
  (`booking.services.seats.lock_person`);
- `known_now()` for pages, forms and cookies: no statement, but a measurement of some seconds ago
  carried on by `time.monotonic`, which nobody sets.

`timezone.now()` is for log lines and for durations within one process only.
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
    """The database's clock at the start of the statement, as an expression."""

    function = "jari_now"
    arity = 0
    output_field = DateTimeField()


class AtNow(TypedDict):
    """Annotation of rows read with `annotate(now=Now())`."""

    now: datetime


def database_now() -> datetime:
    """The database's clock, by a statement of its own."""
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
# The connection that a forked process shares with its parent. It must not be used: two processes
# on one socket would read each other's answers.
_inherited: object = None


def _forked() -> None:
    global _inherited
    _inherited = connection.connection


os.register_at_fork(after_in_child=_forked)


def known_now() -> datetime:
    """The database's time, with a statement at most once in MEASURE_SECONDS.

    Accurate to half a round trip. Before its first connection a process falls back on its own
    clock.
    """
    if connection.connection is not None:
        measure_if_due()
    if _measured is None:
        return timezone.now()
    return _measured.instant + timedelta(seconds=monotonic() - _measured.ticks)


def known_today() -> date:
    """The calendar day of `known_now` in the portal's time zone."""
    return timezone.localdate(known_now())


def clock_ahead() -> timedelta | None:
    """By how much this node's clock is ahead of the database's; None if it is not known."""
    return _measured.ahead if _measured else None


def measure_if_due(**_signal: Any) -> None:
    """Measure if the last measurement is too old; also a signal handler for new connections."""
    if _measured is None or monotonic() - _measured.ticks > MEASURE_SECONDS:
        measure()


def measure() -> None:
    """Compare the clocks by the open connection; does nothing if it can't be used now."""
    global _measured
    raw = connection.connection
    # Not in a failed transaction nor during a COPY, where a statement would be an error.
    if raw is None or raw is _inherited or raw.closed or raw.info.transaction_status not in ABLE:
        return
    before = monotonic()
    try:
        # Not by Django's cursor, which would count the statement as the current page's.
        [instant] = raw.execute("SELECT jari_now()").fetchone()
    except Error:
        return  # a database that is gone, or not migrated yet
    ahead = timezone.now() - instant
    _warn_if_off(ahead)
    _measured = Measured(instant=instant, ticks=(before + monotonic()) / 2, ahead=ahead)


def _warn_if_off(ahead: timedelta) -> None:
    reported = _measured.ahead if _measured else timedelta(0)
    # Once, and again when the difference changes by more than a second.
    if is_off(ahead) and abs(ahead - reported) > timedelta(seconds=1):
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
