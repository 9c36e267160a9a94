"""The room's pace and cap for the time of a rehearsal, and back again.

What was before is written to a file first. A rehearsal that was killed leaves the file, and the
next one puts the room back.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings

from waiting_room.exceptions import CantChange
from waiting_room.models import Room
from waiting_room.services import set_pace

BY = "command:rehearse"


class StillRunning(Exception):
    """Another rehearsal has changed a room and is not over."""


@dataclass(frozen=True)
class Numbers:
    max_active: int
    max_per_minute: int

    @classmethod
    def of(cls, room: Room) -> "Numbers":
        return cls(room.max_active, room.max_per_minute)


@dataclass(frozen=True)
class Change:
    """What a rehearsal changed: `pid` is its process."""

    cohort: str
    before: Numbers
    during: Numbers
    pid: int


def note() -> Path:
    return settings.HOME / "rehearsal-pace.json"


@contextmanager
def changed(
    room: Room, *, pace: int | None, cap: int | None, say: Callable[[str], object]
) -> Iterator[None]:
    """The room with this pace (calls a minute) and cap (people inside), until the block ends."""
    before = Numbers.of(room)
    during = Numbers(cap or before.max_active, pace or before.max_per_minute)
    if during == before:
        yield
        return
    change = Change(room.cohort.code, before, during, os.getpid())
    _write(change)
    try:
        set_pace(room=room, by=BY, **asdict(during))
        yield
    finally:
        say(put_back(change))


def put_back(change: Change) -> str:
    """Undo a change, unless somebody has set other numbers since; says what was done."""
    room = Room.objects.select_related("cohort").filter(cohort__code=change.cohort).first()
    was = f"{change.before.max_per_minute} a minute, {change.before.max_active} inside"
    if room is None:
        said = f"The room of {change.cohort} is gone."
    elif Numbers.of(room) == change.during:
        try:
            set_pace(room=room, by=BY, **asdict(change.before))
            said = f"The room of {change.cohort} has its numbers again: {was}."
        except CantChange as refusal:
            said = f"The room of {change.cohort} keeps its numbers: {refusal}"
    elif Numbers.of(room) == change.before:
        said = f"The room of {change.cohort} still has its numbers: {was}."
    else:
        said = f"The room of {change.cohort} was set anew meanwhile and stays as it is."
    note().unlink(missing_ok=True)
    return said


def mend() -> str:
    """Put back what a killed rehearsal left behind; empty if there is nothing.

    Raises StillRunning.
    """
    try:
        left = json.loads(note().read_text())
    except FileNotFoundError:
        return ""
    change = Change(
        left["cohort"], Numbers(**left["before"]), Numbers(**left["during"]), left["pid"]
    )
    if _runs(change.pid):
        raise StillRunning
    return "A rehearsal was killed before it could put the room back. " + put_back(change)


def _write(change: Change) -> None:
    """Whole and on the disk before the room is changed."""
    path = note()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    with unfinished.open("w") as file:
        json.dump(asdict(change), file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _runs(pid: int) -> bool:
    """Whether that rehearsal is still there; its number may belong to something else by now."""
    if pid == os.getpid():
        return False
    import psutil  # comes with Locust, without which nothing is rehearsed

    with suppress(psutil.Error):
        return "rehearse" in psutil.Process(pid).cmdline()
    return False
