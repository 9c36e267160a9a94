"""A standby that has nothing of its primary but the archive, as a second site is one."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import LiteralString

import psycopg
from django.db import connection

from recovery import barman
from recovery.exceptions import DrillFailed
from recovery.scratch import ScratchServer

COMMITS = 5  # of the primary, each of which the standby must have
LATE_SECONDS = 60.0
LOOK_SECONDS = 0.1
REPLAYED: LiteralString = "SELECT pg_last_wal_replay_lsn() - '0/0'::pg_lsn >= %s"
PROMOTED: LiteralString = "SELECT NOT pg_is_in_recovery()"

Position = tuple[int, datetime]


def position_of_primary() -> Position:
    """How far the primary has written, in bytes of WAL, and when, by the clock of its commits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint, clock_timestamp()")
        position: Position = cursor.fetchone()
    return position


def follow(server: ScratchServer, last: str, report: Callable[[str], None]) -> tuple[str, Position]:
    """Wait for each of some commits of the primary to be at the standby, then promote it.

    Returns the last file of WAL that was fetched, and the primary's position before that. Raises
    DrillFailed for a commit that does not come."""
    waits = []
    with psycopg.connect(server.url(), autocommit=True) as standby:
        for _commit in range(COMMITS):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_logical_emit_message(true, 'jari drill', 'follow')")
            position = position_of_primary()
            began = time.monotonic()
            while not _answers(standby, REPLAYED, [position[0]]):
                _stop_if_late(began, "did not get a commit of the primary")
                last = barman.fetch_wal(last, server.wal)
                server.hand_over(server.wal)
            waits.append(time.monotonic() - began)
        report(f"It followed: {COMMITS} commits were there after {max(waits):.1f} s at the latest.")
        began = time.monotonic()
        server.promote()
        while not _answers(standby, PROMOTED, []):
            _stop_if_late(began, "was not promoted")
        report(f"Promoted in {time.monotonic() - began:.1f} s.")
    return last, position


def _answers(standby: "psycopg.Connection", question: LiteralString, values: list[int]) -> bool:
    row = standby.execute(question, values).fetchone()
    return bool(row and row[0])


def _stop_if_late(began: float, what: str) -> None:
    """Wait a moment; raises DrillFailed after LATE_SECONDS."""
    if time.monotonic() - began > LATE_SECONDS:
        raise DrillFailed(f"The standby {what} within {LATE_SECONDS:.0f} s.")
    time.sleep(LOOK_SECONDS)
