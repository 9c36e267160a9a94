"""How old the last proof is that the backups are good, and how far copies are behind."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection

from database.clock import database_now
from recovery.models import Drill

OK = "ok"


@dataclass(frozen=True)
class Measure:
    """A metric: its name after `jari_`, what it is, and values by the label `label`."""

    name: str
    about: str
    values: list[tuple[str, float]]
    label: str = ""


def drill_line() -> str:
    """ "ok", or since when no drill has passed; where none are expected always "ok"."""
    if not settings.DRILL_DAYS:
        return OK
    last = Drill.objects.filter(passed=True).order_by("-ended_at", "-pk").first()
    if last is None:
        return "none has passed yet"
    days = (database_now() - last.ended_at).days
    return f"none has passed for {days} days" if days >= settings.DRILL_DAYS else OK


def measures() -> Iterator[Measure]:
    yield from _drills()
    yield from _standbys()
    yield from _slots()
    yield _archive()


def _drills() -> Iterator[Measure]:
    passed = Drill.objects.filter(passed=True).order_by("-ended_at", "-pk").first()
    yield Measure(
        "drill_age_seconds",
        "Since the last drill that passed",
        [("", (database_now() - passed.ended_at).total_seconds())] if passed else [],
    )
    yield Measure(
        "drill_seconds",
        "The last drill that passed took, with copying, replay and verifying",
        [("", passed.seconds)] if passed else [],
    )
    yield Measure(
        "drill_lost_seconds",
        "Commits of so long would have been lost with the primary, by the last drill that passed",
        [("", passed.lost_seconds)] if passed and passed.lost_seconds is not None else [],
    )


def _standbys() -> Iterator[Measure]:
    rows = _rows("SELECT * FROM recovery_standbys()")
    visible = [row for row in rows if row["name"] is not None]
    yield Measure(
        "standby_lag_seconds",
        "Until a commit is on the disk of a standby or of the backups",
        [(row["name"], row["lag_seconds"]) for row in visible],
        "standby",
    )
    yield Measure(
        "standby_behind_bytes",
        "WAL that a standby or the backups do not have on disk",
        [(row["name"], float(row["behind_bytes"] or 0)) for row in visible],
        "standby",
    )
    wanted = _rows("SELECT current_setting('synchronous_standby_names') <> '' AS wanted")
    yield Measure(
        "synchronous_wanted",
        "1 where a commit waits for a second machine",
        [("", float(wanted[0]["wanted"]))],
    )
    yield Measure(
        "synchronous_standbys",
        "Standbys that a commit may wait for",
        # Without the right to look, each row is empty: unknown is not none.
        [("", float(sum(row["synchronous"] for row in visible)))]
        if len(visible) == len(rows)
        else [],
    )


def _slots() -> Iterator[Measure]:
    rows = _rows(
        "SELECT slot_name AS name, (pg_current_wal_lsn() - restart_lsn)::bigint AS kept"
        " FROM pg_replication_slots WHERE slot_type = 'physical' AND restart_lsn IS NOT NULL"
        " ORDER BY slot_name"
    )
    yield Measure(
        "slot_kept_bytes",
        "WAL that the primary keeps for a standby or the backups",
        [(row["name"], float(row["kept"])) for row in rows],
        "slot",
    )


def _archive() -> Measure:
    """Seconds since a file was archived, where one waits; nothing without archive_command."""
    rows = _rows(
        """
        SELECT extract(epoch FROM clock_timestamp() - coalesce(last_archived_time, stats_reset))
            AS seconds,
            last_failed_time > coalesce(last_archived_time, '-infinity')
            OR (pg_split_walfile_name(pg_walfile_name(pg_current_wal_lsn()))).segment_number
            - (pg_split_walfile_name(last_archived_wal)).segment_number > 1 AS waits
        FROM pg_stat_archiver
        WHERE current_setting('archive_mode') <> 'off'
            AND (last_archived_wal IS NULL OR last_archived_wal ~ '^[0-9A-F]{24}$')
        """
    )
    return Measure(
        "archive_lag_seconds",
        "Since a file of WAL was archived, while one waits for it",
        [("", float(row["seconds"] or 0) if row["waits"] else 0.0) for row in rows],
    )


def _rows(sql: str) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
