"""What is asked of Barman, which keeps the backups (decision 62)."""

import json
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from recovery.exceptions import DrillFailed

SEGMENTS_OF_A_LOG = 0x100  # of 16 MiB, as Postgres has them by default


@dataclass(frozen=True)
class Backup:
    """A base backup, with the first segment of WAL that it needs."""

    name: str
    ended_at: datetime
    first_segment: str


def newest_backup(before: datetime | None) -> Backup:
    """The newest whole one, or that which was whole `before` a time; raises DrillFailed."""
    server = settings.BACKUPS.server
    listed: list[dict[str, Any]] = json.loads(_ask("--format=json", "list-backups", server))[server]
    complete = sorted(
        (int(backup["end_time_timestamp"]), backup["backup_id"])
        for backup in listed
        if backup["status"] == "DONE"
    )
    usable = [pair for pair in complete if before is None or pair[0] <= before.timestamp()]
    if not usable:
        raise DrillFailed(
            f"Barman has no whole backup of {server}"
            + (f" from before {before:%Y-%m-%d %H:%M:%S %Z}." if before else ".")
        )
    ended, name = usable[-1]
    shown = json.loads(_ask("--format=json", "show-backup", server, name))[server]
    return Backup(
        name, datetime.fromtimestamp(ended, UTC), shown["base_backup_information"]["begin_wal"]
    )


def restore(backup: Backup, folder: Path) -> None:
    """Copy the base backup into `folder`, which must not exist; raises DrillFailed.

    `--get-wal`, as the WAL comes later, when the primary's position was asked (`fetch_wal`)."""
    _ask("restore", "--get-wal", settings.BACKUPS.server, backup.name, str(folder))


def fetch_wal(first: str, folder: Path) -> str:
    """Fetch all WAL from the segment `first` on, over changes of timeline; returns the last one.

    DrillFailed if not even the first one is there."""
    last = ""
    timeline, segment = first[:8], first
    while True:
        if fetch(segment, folder):
            last, segment = segment, _after(segment)
            continue
        following = f"{int(timeline, 16) + 1:08X}"
        # Another timeline begins where a standby was promoted, in the segment that was written.
        if not fetch(f"{following}.history", folder):
            break
        timeline = following
        segment = timeline + (last or segment)[8:]
    if not last:
        raise DrillFailed(f"The archive lacks {first}, the first WAL that the backup needs.")
    return last


def fetch(name: str, folder: Path) -> bool:
    """Fetch one file of WAL, also one that is still being received; False if there is none."""
    backups = settings.BACKUPS
    arguments = ("--partial", f"--output-directory={folder}", backups.server, name)
    if _run("get-wal", *arguments).returncode == 0:
        return True
    (folder / name).unlink(missing_ok=True)  # an empty one, made before it was looked for
    return False


def _after(segment: str) -> str:
    number = int(segment[8:16], 16) * SEGMENTS_OF_A_LOG + int(segment[16:], 16) + 1
    return f"{segment[:8]}{number // SEGMENTS_OF_A_LOG:08X}{number % SEGMENTS_OF_A_LOG:08X}"


def _ask(*arguments: str) -> str:
    """What Barman answers; DrillFailed with its own words if it fails."""
    done = _run(*arguments)
    if done.returncode:
        lines = [
            line.strip().removeprefix("ERROR: ").removeprefix("EXCEPTION: ")
            for line in (done.stderr + done.stdout).splitlines()
            if "ERROR" in line or "EXCEPTION" in line or "error" in line
        ]
        raise DrillFailed(f"Barman: {lines[0] if lines else 'it failed and did not say why.'}")
    return done.stdout


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    backups = settings.BACKUPS
    command = [backups.barman, "--config", str(backups.config), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError as error:
        raise DrillFailed(f"{backups.barman} can't be started ({error.strerror}).") from None
