"""`make hours`: one shifted clock for Postgres, Valkey and Python, and a run that tells."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.utils import timezone

from launcher import hours
from launcher.errors import LauncherError
from launcher.home import ROOT
from tests.clock import Clock
from tests.clock_marker import DAYS, INSTANTS, begins_at, names_any
from tests.factories import CohortFactory, PersonFactory, SlotFactory
from tests.launcher.conftest import plain_environ
from tests.moments import moments_of, shared_out

NEW_YEARS_EVE = next(moment.at for moment in hours.MOMENTS if moment.at.month == 12)
# What time it is, asked of each, and again when the clock was set; and waits that a shifted clock
# must not make endless.
PROBE = """
import asyncio, json, os, queue, sys, threading, time
from datetime import datetime
from pathlib import Path
import psycopg, redis
from launcher.hours import SHIFT_FILE, set_clock

def times():
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        before = time.time()
        row = connection.execute("SELECT extract(epoch FROM clock_timestamp()), pg_sleep(0.01)")
        postgres = float(row.fetchone()[0])
        after = time.time()
    seconds, microseconds = redis.Redis.from_url(os.environ["REDIS_URL"]).time()
    time.sleep(0.01)
    return [before, postgres, after, seconds + microseconds / 1e6, time.time()]

assert not threading.Event().wait(0.01)
try:
    queue.Queue().get(timeout=0.01)
except queue.Empty:
    asyncio.run(asyncio.sleep(0.01))
answers = [times()]
later = datetime.fromisoformat(sys.argv[1])
set_clock(Path(os.environ[SHIFT_FILE]), later)
while min(times()) < later.timestamp():
    time.sleep(0.1)
print(json.dumps([*answers, times()]))
"""


@pytest.fixture
def library() -> str:
    found = hours.find_library()
    if sys.platform != "linux" or not found:
        pytest.skip("libfaketime is not here")
    return found


def test_postgres_valkey_and_python_agree_on_the_shifted_time(library: str, folder: Path) -> None:
    shift, later = folder / "shift", NEW_YEARS_EVE + timedelta(days=60)
    hours.set_clock(shift, NEW_YEARS_EVE)
    python = [sys.executable, "-c", PROBE, later.isoformat()]
    done = subprocess.run(
        [sys.executable, "-m", "launcher", "services", "--", *python],
        cwd=ROOT,
        env=plain_environ() | hours.shifted_clock(library, shift) | {"TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    for at, times in zip([NEW_YEARS_EVE, later], json.loads(done.stdout), strict=True):
        assert times == sorted(times)
        until = at + timedelta(minutes=20)
        assert at.timestamp() - 1 <= times[0] <= times[-1] < until.timestamp()


@pytest.fixture
def green_at_midnight_only(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Tests outside of the suite."""
    monkeypatch.setattr("launcher.throwaway.tempfile.tempdir", str(folder))
    file = folder / "test_the_hour.py"
    file.write_text(
        "from datetime import datetime\n"
        "def test_it_is_early(): assert datetime.now().astimezone().hour in (0, 15)\n"
        "def test_nothing_of_the_kind(): assert False\n"
    )
    return file


def test_a_run_tells_of_each_moment_and_fails_when_one_does(
    library: str,
    green_at_midnight_only: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Else the run within takes itself for a worker of the one that it is in.
    for name in [name for name in os.environ if name.startswith("PYTEST_XDIST")]:
        monkeypatch.delenv(name)
    settings = ["-c", str(ROOT / "pyproject.toml")]
    code = hours.run([*settings, "--at", "2027-0", str(green_at_midnight_only)])

    said = capfd.readouterr().out.splitlines()
    assert code == 1
    assert [line for line in said if line.startswith("20")] == [
        "2027-06-20 12:00  1 failed  (noon of a Sunday)",
        "2027-07-01 00:10  1 passed  (just after midnight, last month in UTC)",
        *(f"{moment}  nothing  ({moment.why})" for moment in hours.MOMENTS[2:]),
    ]


def test_what_runs_once_is_spread_over_all_moments() -> None:
    names = [f"tests/test_{number}.py::test_it" for number in range(100)]

    once = [moments_of(name, at_all=False) for name in names]

    assert {len(moments) for moments in once} == {1}
    assert {str(moment) for moments in once for moment in moments} == set(map(str, hours.MOMENTS))
    assert once == [moments_of(name, at_all=False) for name in names]
    assert moments_of("tests/test_1.py::test_it", at_all=True) == hours.MOMENTS


def item_of(name: str, case: int, moment: hours.Moment) -> SimpleNamespace:
    callspec = SimpleNamespace(params={"_moment": moment}, indices={"case": case, "_moment": 0})
    return SimpleNamespace(nodeid=f"{name}[{case}-{moment}]", callspec=callspec)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 10])
def test_the_cases_of_a_test_share_the_moments(count: int) -> None:
    cases = range(count)
    items = [item_of("test_it", case, moment) for moment in hours.MOMENTS for case in cases]
    drawn = [item_of("test_race", case, hours.MOMENTS[2]) for case in cases]

    chosen = list(shared_out([*items, *drawn]))

    assert chosen[-count:] == drawn
    assert len(chosen) - count == max(count, len(hours.MOMENTS))
    assert {item.callspec.indices["case"] for item in chosen} == set(cases)
    assert {str(item.callspec.params["_moment"]) for item in chosen[:-count]} == set(
        map(str, hours.MOMENTS)
    )


def names_a_day() -> None:
    SlotFactory(starts_at=timezone.now())


def asks_a_helper() -> object:
    return names_a_day()


def replaces_the_hour() -> object:
    return timezone.now().replace(hour=9)


def moves_on(time: Clock) -> None:
    time.forward(minutes=10)


def began_an_hour_ago() -> None:
    CohortFactory()


def knows_no_time() -> None:
    PersonFactory(name="오늘")


@pytest.mark.parametrize(
    ("function", "speaks", "asks"),
    [
        (names_a_day, True, True),
        (asks_a_helper, True, True),
        (replaces_the_hour, True, True),
        (moves_on, True, False),
        (began_an_hour_ago, False, True),
        (knows_no_time, False, False),
    ],
)
def test_what_goes_by_a_clock_is_found_by_its_names(
    function: Callable[..., object], speaks: bool, asks: bool
) -> None:
    assert (names_any(function, DAYS), names_any(function, INSTANTS)) == (speaks, asks)


def at_nine(time: Clock) -> None:
    """On an ordinary day."""
    time.at("09:00")
    SlotFactory()


def at_nine_later(time: Clock) -> None:
    SlotFactory()
    time.at("09:00")


def begins_in_a_helper(time: Clock) -> None:
    at_nine(time)


def test_a_test_that_begins_by_setting_the_clock_is_known() -> None:
    functions = [at_nine, begins_in_a_helper, at_nine_later, moves_on, knows_no_time]

    assert [begins_at(one) for one in functions] == [True, True, False, False, False]


def test_root_on_debian_is_given_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[tuple[str, str]] = []
    found = iter([None, "/usr/lib/libfaketime.so.1"])
    monkeypatch.delenv("LIBFAKETIME", raising=False)
    monkeypatch.setattr(hours.sys, "platform", "linux")
    monkeypatch.setattr(hours.os, "geteuid", lambda: 0)
    monkeypatch.setattr(hours.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(hours, "find_library", lambda: next(found))
    monkeypatch.setattr(hours, "install", lambda *given: installed.append(given))

    assert hours.provide_library() == "/usr/lib/libfaketime.so.1"
    assert installed == [("/usr/bin/apt-get", "libfaketime")]


@pytest.mark.parametrize(
    ("platform", "user", "sentence"),
    [
        ("linux", 1000, r"^libfaketime was not found, .*, or set LIBFAKETIME to the path"),
        ("darwin", 0, r"^make hours shifts clocks by libfaketime, which works on Linux only\.$"),
    ],
)
def test_everybody_else_is_told_in_one_sentence(
    platform: str, user: int, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIBFAKETIME", "/no/such/library")
    monkeypatch.setattr(hours.sys, "platform", platform)
    monkeypatch.setattr(hours.os, "geteuid", lambda: user)

    with pytest.raises(LauncherError, match=sentence):
        hours.provide_library()
