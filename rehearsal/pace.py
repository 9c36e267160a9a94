"""Changes a room's pace and cap for a rehearsal and restores them afterwards.

The limits before are written to a file first. A killed rehearsal leaves the file, and the next
one restores the room.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings
from django.db import Error, connection
from psycopg_pool import PoolTimeout

from waiting_room.exceptions import CantChange
from waiting_room.models import Room
from waiting_room.services.rooms import set_pace

BY = "command:rehearse"
DATABASE_SECONDS = 60


class StillRunning(Exception):
    """Another rehearsal that changed a room is still running."""


@dataclass(frozen=True)
class PaceLimits:
    max_active: int  # people inside
    max_per_minute: int  # calls

    @classmethod
    def of(cls, room: Room) -> "PaceLimits":
        return cls(room.max_active, room.max_per_minute)


@dataclass(frozen=True)
class Change:
    """What the rehearsal with process id `pid` changed."""

    cohort: str
    before: PaceLimits
    during: PaceLimits
    pid: int


def state_path(cohort: str) -> Path:
    path: Path = settings.HOME / f"rehearsal-pace-{cohort}.json"
    return path


@contextmanager
def changed(
    room: Room, *, pace: int | None, cap: int | None, report: Callable[[str], object]
) -> Iterator[None]:
    """Set pace (calls a minute) and cap (people inside) of the room until the block ends.

    `report` gets a sentence about the restored limits.
    """
    before = PaceLimits.of(room)
    during = PaceLimits(cap or before.max_active, pace or before.max_per_minute)
    if during == before:
        yield
        return
    # First the file, then the room: a kill in between leaves only a file that says so.
    change = Change(room.cohort.code, before, during, os.getpid())
    _write(change)
    try:
        set_pace(room=room, by=BY, **asdict(during))
        yield
    finally:
        report(_restore_patiently(change))


def _restore_patiently(change: Change) -> str:
    """Undo a change; a database that is away, as a rehearsal's fault may have it, is waited for."""
    ends = time.monotonic() + DATABASE_SECONDS
    while True:
        try:
            return restore(change)
        except (Error, PoolTimeout):
            # A connection that died with its server is replaced by a new one.
            connection.close()
            if time.monotonic() > ends:
                return "The database is away: the next rehearsal will put the room back."
        time.sleep(1)


def restore(change: Change) -> str:
    """Undo a change, unless other limits were set since; returns a sentence about it."""
    room = Room.objects.select_related("cohort").filter(cohort__code=change.cohort).first()
    limits = f"{change.before.max_per_minute} a minute, {change.before.max_active} inside"
    if room is None:
        outcome = f"The room of {change.cohort} is gone."
    elif PaceLimits.of(room) == change.during:
        try:
            set_pace(room=room, by=BY, **asdict(change.before))
            outcome = f"The room of {change.cohort} has its numbers again: {limits}."
        except CantChange as refusal:
            outcome = f"The room of {change.cohort} keeps its numbers: {refusal}"
    elif PaceLimits.of(room) == change.before:
        outcome = f"The room of {change.cohort} still has its numbers: {limits}."
    else:
        outcome = f"The room of {change.cohort} was set anew meanwhile and stays as it is."
    state_path(change.cohort).unlink(missing_ok=True)
    return outcome


def restore_left_over() -> str:
    """Restore the rooms of a killed rehearsal; returns a sentence, empty if there are none.

    Raises StillRunning.
    """
    sentences = []
    for path in sorted(settings.HOME.glob("rehearsal-pace-*.json")):
        state = json.loads(path.read_text())
        change = Change(
            state["cohort"],
            PaceLimits(**state["before"]),
            PaceLimits(**state["during"]),
            state["pid"],
        )
        if _is_running(change.pid):
            raise StillRunning
        sentences.append(restore(change))
    if not sentences:
        return ""
    return " ".join(["A rehearsal was killed before it could put the room back.", *sentences])


def _write(change: Change) -> None:
    """Write the file durably before the room is changed: fsync, then rename."""
    path = state_path(change.cohort)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    with unfinished.open("w") as file:
        json.dump(asdict(change), file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _is_running(pid: int) -> bool:
    """Whether that rehearsal still runs; its pid may have been reused by another program."""
    if pid == os.getpid():
        return False
    import psutil  # optional: only a rehearsal needs it

    with suppress(psutil.Error):
        return "rehearse" in psutil.Process(pid).cmdline()
    return False
