"""`make hours`: runs the tests that depend on the time of day or the date at seven moments.

Postgres, Valkey and Python run under libfaketime, shifted by the same number of seconds, so that
their clocks agree and run at normal speed.
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
from launcher.throwaway import ThrowawayServices

KST = timezone(timedelta(hours=9), "KST")  # Seoul has no summer time
FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
NAME = "faketime/libfaketime.so.1"
MISSING = (
    "libfaketime was not found, which shifts the clocks of Postgres and Python: install it "
    "(Debian: apt-get install libfaketime), or set LIBFAKETIME to the path of libfaketime.so.1."
)
# Pytest expressions; the marker is set by tests/clock_marker.py, which marks none in IGNORED.
EVERYTHING = "clock"
QUICK = "clock and not django_db(transaction=True)"
IGNORED = ["--ignore=tests/browser", "--ignore=tests/launcher"]


@dataclass(frozen=True)
class Moment:
    """A time in Seoul, and why the tests run at it.

    `races`: also run the tests on several connections. They take more than half of the time and
    use the same rules at every hour, so one moment suffices: the one with the most failures.
    """

    at: datetime
    why: str
    races: bool = False

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"


def _seoul(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=KST)


MOMENTS = [
    Moment(_seoul("2027-06-16 00:10"), "just after midnight, yesterday in UTC", races=True),
    Moment(_seoul("2027-06-16 07:00"), "before clinics open, yesterday in UTC"),
    Moment(_seoul("2027-06-16 12:00"), "noon"),
    Moment(_seoul("2027-06-16 18:00"), "when clinics close"),
    Moment(_seoul("2027-06-16 23:40"), "just before midnight"),
    Moment(_seoul("2027-12-31 23:40"), "the end of a month and of a year"),
    Moment(_seoul("2028-02-29 10:00"), "the day that other years lack"),
]


def run(arguments: list[str]) -> int:
    """Run the tests at each moment; 0 only when all are green at all of them."""
    library = provide_library()
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)  # only the clocks of throw-away servers can be shifted
    results = []
    with ThrowawayServices() as services:
        for moment in MOMENTS:
            _print(f"\n{moment} in Seoul: {moment.why}")
            os.environ.update(shifted_clock(library, moment.at))
            services.restart()
            results.append(_pytest(services, ["-m", selection(moment), *IGNORED, *arguments]))
    _print("")
    for moment, (_code, summary) in zip(MOMENTS, results, strict=True):
        _print(f"{moment}  {summary}")
    return int(any(code for code, _summary in results))


def selection(moment: Moment) -> str:
    return EVERYTHING if moment.races else QUICK


def shifted_clock(library: str, at: datetime) -> dict[str, str]:
    """Environment variables for programs started now, whose clock then shows `at`."""
    ahead = round((at - datetime.now(UTC)).total_seconds())
    return {
        "LD_PRELOAD": library,
        "FAKETIME": f"{ahead:+d}",
        # Timeouts and event loops use the monotonic clock.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # Python compares modification times of .py and .pyc files.
        "NO_FAKE_STAT": "1",
        "PYTHONPATH": str(Path(__file__).parent / "shifted_clock"),
    }


def _pytest(services: ThrowawayServices, arguments: list[str]) -> tuple[int, str]:
    """Run pytest under the current shifted clock; returns its exit code and last line."""
    command = [sys.executable, "-m", "pytest", "-q", "--reuse-db", "-p", "no:cacheprovider"]
    variables = services.urls | {"JARI_TEST_SERVICES": " ".join(services.urls)}
    with tempfile.TemporaryDirectory(dir=services.folder) as folder:
        # Its own TMPDIR: pytest removes old temporary folders, and those of other runs would seem
        # months old.
        Path(folder).chmod(0o711)
        with subprocess.Popen(  # noqa: S603
            [*command, *arguments],
            cwd=ROOT,
            env=os.environ | variables | {"TMPDIR": folder},
            stdout=subprocess.PIPE,
            text=True,
        ) as run:
            try:
                return _pass_output(run)
            finally:
                run.terminate()  # if this process is interrupted first


def _pass_output(run: "subprocess.Popen[str]") -> tuple[int, str]:
    """Print the run's output as it comes; returns its exit code and last line."""
    last = ""
    for line in run.stdout or ():
        sys.stdout.write(line)
        sys.stdout.flush()
        last = line.strip(" =\n") or last
    return run.wait(), last


def find_library() -> str | None:
    named = os.environ.get("LIBFAKETIME")
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
    if not find_library() and not os.environ.get("LIBFAKETIME") and apt and os.geteuid() == 0:
        sys.stderr.write("Installing libfaketime…\n")
        install(apt, "libfaketime")
    library = find_library()
    if not library:
        raise LauncherError(MISSING)
    return library


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201
