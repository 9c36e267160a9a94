"""`make hours`: one shifted clock for Postgres, Valkey and Python, and a run that tells."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from launcher import hours
from launcher.errors import LauncherError
from launcher.home import ROOT
from tests.clock_marker import speaks_of_time
from tests.factories import PersonFactory, SlotFactory
from tests.launcher.conftest import plain_environ

NEW_YEARS_EVE = next(moment.at for moment in hours.MOMENTS if moment.at.month == 12)
# What time it is, asked of each; and waits that a shifted clock must not make endless.
PROBE = """
import asyncio, json, os, queue, threading, time
import psycopg, redis
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    before = time.time()
    row = connection.execute("SELECT extract(epoch FROM clock_timestamp()), pg_sleep(0.01)")
    postgres = float(row.fetchone()[0])
    after = time.time()
seconds, microseconds = redis.Redis.from_url(os.environ["REDIS_URL"]).time()
time.sleep(0.01)
assert not threading.Event().wait(0.01)
try:
    queue.Queue().get(timeout=0.01)
except queue.Empty:
    asyncio.run(asyncio.sleep(0.01))
print(json.dumps([before, postgres, after, seconds + microseconds / 1e6, time.time()]))
"""


@pytest.fixture
def library() -> str:
    found = hours.find_library()
    if sys.platform != "linux" or not found:
        pytest.skip("libfaketime is not here")
    return found


def test_postgres_valkey_and_python_agree_on_the_shifted_time(library: str, folder: Path) -> None:
    clock = hours.shifted_clock(library, NEW_YEARS_EVE)
    done = subprocess.run(
        [sys.executable, "-m", "launcher", "services", "--", sys.executable, "-c", PROBE],
        cwd=ROOT,
        env=plain_environ() | clock | {"TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    times = json.loads(done.stdout)
    assert times == sorted(times)
    eve = NEW_YEARS_EVE.timestamp()
    assert eve - 1 <= times[0] <= times[-1] < eve + timedelta(minutes=20).total_seconds()


@pytest.fixture
def at_two_moments(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Path]:
    """A test that is green at ten past midnight only, outside of the suite."""
    environ = dict(os.environ)
    monkeypatch.setattr(hours, "MOMENTS", hours.MOMENTS[:2])
    monkeypatch.setattr("launcher.throwaway.tempfile.tempdir", str(folder))
    file = folder / "test_the_hour.py"
    file.write_text(
        "from datetime import datetime\n"
        "def test_it_is_early(): assert datetime.now().astimezone().hour in (0, 15)\n"
        "def test_nothing_of_the_kind(): assert False\n"
    )
    yield file
    os.environ.clear()
    os.environ.update(environ)


def test_a_run_tells_of_each_moment_and_fails_when_one_does(
    library: str, at_two_moments: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = hours.run(["-c", str(ROOT / "pyproject.toml"), "-n", "0", str(at_two_moments)])

    first, second = capsys.readouterr().out.splitlines()[-2:]
    assert code == 1
    assert first.startswith("2027-06-16 00:10  1 passed, 1 deselected in ")
    assert second.startswith("2027-06-16 07:00  1 failed, 1 deselected in ")


def names_a_day() -> None:
    SlotFactory(starts_at=timezone.now())


def asks_a_helper() -> object:
    return names_a_day()


def replaces_the_hour() -> object:
    return timezone.now().replace(hour=9)


def moves_the_clock(clock: Callable[[str], None]) -> None:
    clock("09:00")


def knows_no_time() -> None:
    PersonFactory(name="오늘")


@pytest.mark.parametrize(
    ("function", "speaks"),
    [
        (names_a_day, True),
        (asks_a_helper, True),
        (replaces_the_hour, True),
        (moves_the_clock, True),
        (knows_no_time, False),
    ],
)
def test_what_speaks_of_a_time_is_found_by_its_names(
    function: Callable[..., object], speaks: bool
) -> None:
    assert speaks_of_time(function) is speaks


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
