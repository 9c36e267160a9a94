"""`make hours`: the tests that speak of a time of day or of a day, at seven moments.

Postgres, Valkey and Python run under libfaketime, shifted by the same number of seconds, so that
their clocks agree and go on at the usual speed.
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
from launcher.home import ROOT
from launcher.throwaway import ThrowawayServices
from launcher.trouble import Trouble

KST = timezone(timedelta(hours=9), "KST")  # Seoul has no summer time
FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
NAME = "faketime/libfaketime.so.1"
MISSING = (
    "libfaketime was not found, which shifts the clocks of Postgres and Python: install it "
    "(Debian: apt-get install libfaketime), or set LIBFAKETIME to the path of libfaketime.so.1."
)
# Marked by tests/clock_marker.py, which finds none in the folders that are ignored.
EVERYTHING = "clock"
QUICK = "clock and not django_db(transaction=True)"
IGNORED = ["--ignore=tests/browser", "--ignore=tests/launcher"]


@dataclass(frozen=True)
class Moment:
    """A time in Seoul, and why the tests are run then.

    `races` are the tests on several connections. They take more than half of the time, and use the
    same rules at every hour: one moment is enough, the one at which most went wrong.
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
        os.environ.pop(name, None)  # nobody's clock is shifted but that of servers of our own
    results = []
    with ThrowawayServices() as services:
        for moment in MOMENTS:
            _say(f"\n{moment} in Seoul: {moment.why}")
            os.environ.update(shifted_clock(library, moment.at))
            services.restart()
            results.append(_pytest(services, ["-m", selection(moment), *IGNORED, *arguments]))
    _say("")
    for moment, (_code, summary) in zip(MOMENTS, results, strict=True):
        _say(f"{moment}  {summary}")
    return int(any(code for code, _summary in results))


def selection(moment: Moment) -> str:
    return EVERYTHING if moment.races else QUICK


def shifted_clock(library: str, at: datetime) -> dict[str, str]:
    """The environment in which a program that starts now finds it to be `at`."""
    ahead = round((at - datetime.now(UTC)).total_seconds())
    return {
        "LD_PRELOAD": library,
        "FAKETIME": f"{ahead:+d}",
        # Timeouts, and event loops that count them, go by the monotonic clock.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # Python compares the times of .py and .pyc files.
        "NO_FAKE_STAT": "1",
        "PYTHONPATH": str(Path(__file__).parent / "shifted_clock"),
    }


def _pytest(services: ThrowawayServices, arguments: list[str]) -> tuple[int, str]:
    """One run under the clock that is set; its exit code, and the line it ends with."""
    command = [sys.executable, "-m", "pytest", "-q", "--reuse-db", "-p", "no:cacheprovider"]
    ours = services.urls | {"JARI_TEST_SERVICES": " ".join(services.urls)}
    with tempfile.TemporaryDirectory(dir=services.folder) as folder:
        # Of its own: pytest would take the folders of runs beside it for months old.
        Path(folder).chmod(0o711)
        with subprocess.Popen(  # noqa: S603
            [*command, *arguments],
            cwd=ROOT,
            env=os.environ | ours | {"TMPDIR": folder},
            stdout=subprocess.PIPE,
            text=True,
        ) as run:
            try:
                return _tell_on(run)
            finally:
                run.terminate()  # when we are told to end before it does


def _tell_on(run: "subprocess.Popen[str]") -> tuple[int, str]:
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
    # On Debian below a folder for the kind of machine.
    found = (path for folder in FOLDERS for path in _below(Path(folder)) if path.is_file())
    return str(next(found, "")) or None


def _below(folder: Path) -> list[Path]:
    return [folder / NAME, *sorted(folder.glob(f"*-linux-gnu*/{NAME}"))]


def provide_library() -> str:
    """The path of libfaketime; as root on Debian it is installed. Trouble where there is none."""
    if sys.platform != "linux":
        raise Trouble("make hours shifts clocks by libfaketime, which works on Linux only.")
    apt = shutil.which("apt-get")
    if not find_library() and not os.environ.get("LIBFAKETIME") and apt and os.geteuid() == 0:
        sys.stderr.write("Installing libfaketime…\n")
        install(apt, "libfaketime")
    library = find_library()
    if not library:
        raise Trouble(MISSING)
    return library


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201
