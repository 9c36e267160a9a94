"""`make hours`: runs the tests that depend on the time of day or the date at four moments.

Postgres, Valkey and Python run under libfaketime, shifted by the same number of seconds, so that
their clocks agree and run at normal speed. The number is in a file that tests/moments.py rewrites
for each moment: services, collection and migrations are started once.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from launcher.browser import install
from launcher.errors import LauncherError
from launcher.home import ROOT
from launcher.throwaway import base_folder

KST = timezone(timedelta(hours=9), "KST")  # Seoul has no summer time
FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
NAME = "faketime/libfaketime.so.1"
MISSING = (
    "libfaketime was not found, which shifts the clocks of Postgres and Python: install it "
    "(Debian: apt-get install libfaketime), or set LIBFAKETIME to the path of libfaketime.so.1."
)
# Of libfaketime: the file with the number of seconds.
SHIFT_FILE = "FAKETIME_TIMESTAMP_FILE"
LIBRARY = "LIBFAKETIME"
# For the pytest controller, which runs no tests; each worker starts services of its own.
UNUSED_URLS = {
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}
# The marker is set by tests/clock_marker.py, which marks none in the ignored folders.
SELECTION = ["-m", "clock", "--ignore=tests/browser", "--ignore=tests/launcher"]


@dataclass(frozen=True)
class Moment:
    """A time in Seoul, and why the tests run at it."""

    at: datetime
    why: str

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"


def _seoul(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=KST)


# Each shows what no other does (docs/developing.md). In order of time: servers are not made for
# clocks that go back.
MOMENTS = [
    Moment(_seoul("2027-06-20 12:00"), "noon of a Sunday"),
    Moment(_seoul("2027-07-01 00:10"), "just after midnight, last month in UTC"),
    Moment(_seoul("2027-12-31 23:40"), "just before midnight, the end of a year"),
    Moment(_seoul("2028-02-29 03:30"), "before clinics open, a day that other years lack"),
]


def run(arguments: list[str]) -> int:
    """Run the tests at each moment; 0 only when all are green at all of them."""
    library = provide_library()
    # Its own TMPDIR: pytest removes old temporary folders, and those of other runs would seem
    # months old.
    with tempfile.TemporaryDirectory(prefix="jari-hours-", dir=base_folder()) as folder:
        Path(folder).chmod(0o711)  # the user that root's Postgres runs as passes through
        variables = os.environ | UNUSED_URLS | {LIBRARY: library, "TMPDIR": folder}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "1"]
        command += ["-p", "tests.moments", *SELECTION, *arguments]
        with subprocess.Popen(command, cwd=ROOT, env=variables) as pytest:  # noqa: S603
            try:
                return pytest.wait()
            finally:
                pytest.terminate()  # if this process is interrupted first


def set_clock(shift_file: Path, at: datetime) -> None:
    """Let every process that uses `shift_file` believe, a second later, that it is `at`."""
    uses_file = os.environ.get(SHIFT_FILE) == str(shift_file)
    before = int(shift_file.read_text()) if uses_file else 0
    ahead = before + round((at - datetime.now(UTC)).total_seconds())
    # Replaced as a whole, so that nobody reads half a number.
    new_file = shift_file.with_suffix(".new")
    new_file.write_text(f"{ahead:+d}\n")
    new_file.chmod(0o644)
    new_file.replace(shift_file)


def shifted_clock(library: str, shift_file: Path) -> dict[str, str]:
    """Environment variables for programs started now, whose clock `shift_file` then shifts."""
    return {
        "LD_PRELOAD": library,
        SHIFT_FILE: str(shift_file),
        # The file is read once a second: a read for each look at the clock would cost as much as
        # an SQL statement.
        "FAKETIME_CACHE_DURATION": "1",
        # Timeouts and event loops use the monotonic clock.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # Python compares modification times of .py and .pyc files.
        "NO_FAKE_STAT": "1",
        "PYTHONPATH": str(Path(__file__).parent / "shifted_clock"),
    }


def find_library() -> str | None:
    named = os.environ.get(LIBRARY)
    if named:
        return named if Path(named).is_file() else None
    paths = (path for folder in FOLDERS for path in _below(Path(folder)) if path.is_file())
    return str(next(paths, "")) or None


def _below(folder: Path) -> list[Path]:
    # Debian has a folder for each architecture in between, such as x86_64-linux-gnu.
    return [folder / NAME, *sorted(folder.glob(f"*-linux-gnu*/{NAME}"))]


def provide_library() -> str:
    """The path of libfaketime, installed first as root on Debian; LauncherError without one."""
    if sys.platform != "linux":
        raise LauncherError("make hours shifts clocks by libfaketime, which works on Linux only.")
    apt = shutil.which("apt-get")
    if not find_library() and not os.environ.get(LIBRARY) and apt and os.geteuid() == 0:
        sys.stderr.write("Installing libfaketime…\n")
        install(apt, "libfaketime")
    library = find_library()
    if not library:
        raise LauncherError(MISSING)
    return library
