"""Folders of drills, and what a drill that was killed left in them."""

import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK = "lock"
STOP_SECONDS = 10


@contextmanager
def of_a_drill(base: Path) -> Iterator[Path]:
    """A new folder, closed to other accounts and removed at the end; what killed drills left is
    removed now."""
    for left in base.glob("drill-*"):
        _remove_if_left(left)
    folder = Path(tempfile.mkdtemp(prefix="drill-", dir=base))
    try:
        with (folder / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_if_left(folder: Path) -> None:
    # Another drill that still runs has the lock, and its folder stays.
    with suppress(OSError), (folder / LOCK).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _end_server(folder / "data")
        shutil.rmtree(folder, ignore_errors=True)


def _end_server(data: Path) -> None:
    """End the server of a killed drill, if the number in its file still is that server."""
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except (OSError, ValueError, IndexError):
        return
    if str(data) not in command.split("\0"):
        return
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGQUIT)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
