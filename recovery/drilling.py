"""A drill: the newest backup and all WAL become a server, which is held against what was signed.

Nothing is believed that was not restored: the verifiers run on the restored database, in a
process that knows no other, and the published logs say what must be in it.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from database.clock import known_now
from recovery import barman, folders, keys, published, second_site
from recovery.exceptions import DrillFailed
from recovery.models import Drill
from recovery.published import Published
from recovery.scratch import ScratchServer
from recovery.second_site import position_of_primary

SEGMENT = 16 << 20  # bytes
# Of the portal's processes; the process that examines must not reach anything but its database.
FOREIGN = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "JARI_CACHE_URL", "JARI_HOME")
NO_REDIS = "redis://127.0.0.1:1/0"


@dataclass(frozen=True)
class Order:
    """What is to be restored, and what it is held against."""

    target: datetime | None = None  # None: as far as the WAL goes
    checkpoints: Path | None = None  # signed ones, beside those of the portal's database
    alone: bool = False  # the portal's database is gone: it is neither asked nor written to
    new_keys: bool = False  # keys were changed since the last drill
    follow: bool = False  # as a second site: a standby from the archive alone, then promoted


def drill(order: Order, report: Callable[[str], None]) -> Drill:
    """Restore, examine, write down; returns the row, unsaved if the portal's database is gone.

    Raises KeysMissing before anything is restored. All else that goes wrong is in the row."""
    folder = settings.BACKUPS.folder
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    if not order.new_keys:
        keys.check(folder)
    row = Drill(started_at=known_now(), target_at=order.target, passed=False)
    try:
        problems = _restore_and_examine(order, row, report)
    except DrillFailed as error:
        problems = [str(error)]
    row.problems = "\n".join(problems)
    row.passed = not problems
    row.ended_at = known_now()
    if row.passed:
        keys.write(folder)
    if not order.alone:
        row.save()
    return row


def _restore_and_examine(order: Order, row: Drill, report: Callable[[str], None]) -> list[str]:
    """Fills the row; returns what is wrong with the restored database."""
    logs = _signed(order)
    backup = barman.newest_backup(order.target)
    row.backup = backup.name
    with ExitStack() as stack:
        server = ScratchServer(stack.enter_context(folders.of_a_drill(settings.BACKUPS.folder)))
        stack.callback(server.stop)
        report(f"Copying backup {backup.name} …")
        began = time.monotonic()
        barman.restore(backup, server.data)
        server.wal.mkdir()
        last = barman.fetch_wal(backup.first_segment, server.wal)
        position = None if order.alone else position_of_primary()
        barman.fetch(last, server.wal)  # what came in while the others were fetched
        row.copy_seconds = time.monotonic() - began
        report(f"Replaying the WAL up to {order.target or 'its end'} …")
        began = time.monotonic()
        if order.follow:
            server.follow()
            last, position = second_site.follow(server, last, report)
        else:
            server.start(order.target)
        row.replay_seconds = time.monotonic() - began
        report("Verifying …")
        began = time.monotonic()
        found = _examine(server, logs)
        row.verify_seconds = time.monotonic() - began
    row.newest_at = datetime.fromisoformat(found["newest"]) if found["newest"] else backup.ended_at
    problems: list[str] = found["problems"]
    if not order.target:
        problems += _gap(found["replayed"], last)
        _note_loss(row, found["replayed"], position)
    report(", ".join(f"{count} {what}" for what, count in found["counts"].items()) + " restored.")
    return problems


def _signed(order: Order) -> list[Published]:
    logs = [] if order.alone else published.of_portal(order.target)
    return logs + (published.of_folder(order.checkpoints) if order.checkpoints else [])


def _gap(replayed: int, last: str) -> Sequence[str]:
    """Postgres takes a damaged file for the end of the WAL, and opens without what follows it."""
    begins = (int(last[8:16], 16) << 32) + int(last[16:], 16) * SEGMENT
    if replayed >= begins:
        return []
    return [
        f"The archive is damaged or has a gap: the replay ended {(begins - replayed) >> 20} MiB "
        f"before {last}, the last file of WAL."
    ]


def _note_loss(row: Drill, replayed: int, position: tuple[int, datetime] | None) -> None:
    if position is None or row.newest_at is None:
        return
    written, at = position
    row.lost_bytes = max(written - replayed, 0)
    seconds = (at - row.newest_at).total_seconds()
    row.lost_seconds = max(seconds, 0.0) if row.lost_bytes else 0.0


def _examine(server: ScratchServer, logs: Sequence[Published]) -> dict[str, Any]:
    """What `manage.py examine_restored` says of the restored database; raises DrillFailed."""
    # Keys stay: whether they open what was restored is one of the questions.
    dropped = {*FOREIGN, *(f"{name}_FILE" for name in FOREIGN)}
    env = {name: value for name, value in os.environ.items() if name not in dropped}
    env |= {
        "DATABASE_URL": server.url(),
        "REDIS_URL": NO_REDIS,
        "JARI_HOME": str(server.folder),
    }
    done = subprocess.run(  # noqa: S603
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "examine_restored"],
        input=json.dumps([log.as_json() for log in logs]),
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it did not say why"]
        raise DrillFailed(f"The restored database could not be examined: {lines[-1]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
