"""`python -m launcher run`, with the whole portal behind it."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import psycopg
import pytest

from launcher import stamps
from launcher.home import read_env
from launcher.processes import RunFolder, free_port, started_at
from tests.launcher.conftest import Start, plain_environ
from tests.waiting import until

FIRST_START_SECONDS = 600  # 90 by promise, on a machine that runs nothing else
LATER_START_SECONDS = 180  # 8 by promise
STOP_SECONDS = 60  # 2 by promise
# Connections of the portal by another account than its own.
NOT_APPLICATION = """
SELECT usename FROM pg_stat_activity
WHERE datname = current_database() AND usename <> %s
"""


@pytest.fixture
def home(folder: Path) -> Path:
    return folder / "var"


def get(port: int, path: str) -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.status, answer.read().decode()


def await_line(launcher: subprocess.Popen[str], text: str, seconds: float) -> str:
    """Read on until a line holds `text`; gives everything read."""
    alarm = time.monotonic() + seconds
    pipe = launcher.stdout.fileno()
    said = b""
    while text.encode() not in said:
        assert time.monotonic() < alarm, f"not within {seconds} s: {said.decode()}"
        if select.select([pipe], [], [], 0.2)[0]:
            part = os.read(pipe, 4096)
            assert part, f"it ended and said: {said.decode()}"
            said += part
    return said.decode()


def children(home: Path) -> list[int]:
    known = json.loads((home / "run" / "children.json").read_text())
    return [int(pid) for pid, at in known.items() if started_at(int(pid)) == at]


def await_child(home: Path, command: str, seconds: float) -> int:
    """The process with this in its command; one that has just ended is being started again."""
    alarm = time.monotonic() + seconds
    while True:
        for pid in children(home):
            if command in command_of(pid):
                return pid
        assert time.monotonic() < alarm, (home / "log" / "line.log").read_text()[-2000:]
        time.sleep(0.05)


def await_none(pids: list[int], seconds: float) -> None:
    alarm = time.monotonic() + seconds
    while left := [pid for pid in pids if started_at(pid)]:
        assert time.monotonic() < alarm, f"still running: {left}"
        time.sleep(0.05)


def test_a_portal_starts_stops_goes_on_and_survives_kill_9(home: Path, start_launcher: Start):
    port = free_port()
    settings = {"JARI_HOME": str(home), "PORT": str(port)}

    # The first start makes everything.
    launcher = start_launcher("run", **settings)
    said = await_line(launcher, "Ctrl-C stops it", FIRST_START_SECONDS)
    assert f"http://localhost:{port}/admin/" in said
    assert get(port, "/healthz") == (200, "ok\n")
    await_ready(port, 30)
    assert "<html" in get(port, "/")[1]
    secrets = read_env(home / "secrets.env")
    addresses = read_env(home / "addresses.env")
    with psycopg.connect(addresses["DATABASE_OWNER_URL"]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")

    # The portal itself is not the owner of its tables.
    with psycopg.connect(addresses["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT current_user, session_user").fetchone() == (
            "jari_app",
            "jari_app",
        )
        assert connection.execute(NOT_APPLICATION, ["jari_app"]).fetchall() == []
        for statement in ("DROP TABLE booking_slot", "DELETE FROM staff_access", "SET ROLE jari"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(statement)

    # A second launcher on the same home is refused, and does no harm.
    second = start_launcher("run", JARI_HOME=str(home), PORT=str(free_port()))
    assert second.communicate(timeout=30)[0].startswith("A portal is already running from ")
    assert second.returncode == 1

    # A killed web server is there again, on the same port.
    web = next(pid for pid in children(home) if "config.serve" in command_of(pid))
    os.kill(web, signal.SIGKILL)
    said = await_line(launcher, "web ended (signal 9); starting it again", 60)
    await_ready(port, 30)

    # Ctrl-C stops everything, in order and quietly.
    running = children(home)
    launcher.send_signal(signal.SIGINT)
    rest = launcher.communicate(timeout=STOP_SECONDS)[0]
    assert launcher.returncode == 0
    assert rest.splitlines()[-1].startswith("Stopped. The data is kept; `make run` goes on")
    assert "Traceback" not in rest
    await_none(running, 1)
    assert not (home / "addresses.env").exists()

    # Without its data it does not start, and makes no other.
    gone = (home / "postgres" / "data").rename(home / "gone")
    refused = start_launcher("run", **settings).communicate(timeout=30)[0]
    assert f"{home}/postgres/data is missing, but there was data in it" in refused
    gone.rename(home / "postgres" / "data")

    # A process that does not end holds up the first Ctrl-C; the second ends everything at once.
    launcher = start_launcher("run", **settings)
    await_line(launcher, "Ctrl-C stops it", LATER_START_SECONDS)
    stuck = await_child(home, "rqworker line", 30)
    running = children(home)
    os.kill(stuck, signal.SIGSTOP)
    launcher.send_signal(signal.SIGINT)
    await_line(launcher, "Ctrl-C again ends everything at once", 60)
    launcher.send_signal(signal.SIGTERM)  # as make does when it ends: changes nothing
    launcher.send_signal(signal.SIGINT)
    rest = launcher.communicate(timeout=STOP_SECONDS)[0]
    assert launcher.returncode == 0
    assert rest.splitlines()[-1].startswith("Ended at once. What was saved is kept")
    await_none(running, 1)
    assert not (home / "addresses.env").exists()

    # The next start goes on with the same data, and is killed the hard way.
    launcher = start_launcher("run", **settings)
    await_line(launcher, "Ctrl-C stops it", LATER_START_SECONDS)
    assert read_env(home / "secrets.env") == secrets
    assert kept(home) == 7
    orphans = children(home)
    launcher.kill()
    launcher.wait()

    # Nothing of it stands in the way of the next.
    launcher = start_launcher("run", **settings)
    await_line(launcher, "Ctrl-C stops it", LATER_START_SECONDS)
    await_none(orphans, 1)
    assert kept(home) == 7
    assert get(port, "/healthz") == (200, "ok\n")

    launcher.send_signal(signal.SIGTERM)
    launcher.communicate(timeout=STOP_SECONDS)
    assert launcher.returncode == 0
    lock = RunFolder(home / "run")
    assert lock.take(patience=0)
    lock.release()


def command_of(pid: int) -> str:
    shown = subprocess.run(
        # In a pipe too ps may cut off lines at 80 letters.
        ["ps", "-ww", "-o", "args=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.stdout


def await_ready(port: int, seconds: float) -> None:
    """Two processes answer, and each finds out for itself what it can reach."""
    known: dict[str, object] = {}

    def is_ready() -> bool:
        with contextlib.suppress(OSError):
            answer = json.loads(get(port, "/readyz")[1])
            known.clear()
            known.update(answer)
        return [known.get(part) for part in ("database", "redis", "worker")] == ["ok"] * 3

    until(is_ready, patience=seconds, why=lambda: f"not ready: {known}")


def kept(home: Path) -> int:
    with psycopg.connect(read_env(home / "addresses.env")["DATABASE_OWNER_URL"]) as connection:
        row = connection.execute("SELECT number FROM kept").fetchone()
    assert row
    return row[0]


def test_collected_files_are_no_reason_to_collect_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They lie in var/static, beside the folders that they come from."""
    given = ["static/a.css", "booking/static/b.css", "queue/waiting_room/static/c.css"]
    packages = ["booking/__init__.py", "queue/waiting_room/__init__.py", "requirements/run.txt"]
    for name in [*given, *packages, "var/static/a.css"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(stamps, "ROOT", tmp_path)

    sources = [str(path.relative_to(tmp_path)) for path in stamps.static_sources()]

    assert sorted(sources) == sorted([*given, "requirements/run.txt"])


def test_a_port_in_use_is_one_sentence(home: Path, start_launcher: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        launcher = start_launcher("run", JARI_HOME=str(home), PORT=str(port))
        said = launcher.communicate(timeout=30)[0]

    assert said == (
        f"Port {port} is in use by another program: choose another one, "
        f"for example PORT={port + 1} make run\n"
    )
    assert launcher.returncode == 1
    assert not (home / "postgres").exists()


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1"])
def test_an_odd_port_is_one_sentence(port: str, home: Path, start_launcher: Start) -> None:
    launcher = start_launcher("run", JARI_HOME=str(home), PORT=port)

    said = launcher.communicate(timeout=30)[0]

    assert said == f"PORT is {port!r}: set it to a number from 1 to 65535.\n"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc here")
def test_a_folder_that_takes_nothing_is_one_sentence(start_launcher: Start) -> None:
    launcher = start_launcher("run", JARI_HOME="/proc/jari", PORT=str(free_port()))

    said = launcher.communicate(timeout=30)[0]

    assert said.startswith("Could not write to /proc/jari (")
    assert said.endswith("): set JARI_HOME to a folder of yours.\n")
    assert launcher.returncode == 1


def test_a_read_only_folder_is_one_sentence_for_an_ordinary_user(
    someone, someones_folder: Path, anyones_python: str
) -> None:
    closed = someones_folder / "closed"
    closed.mkdir(mode=0o555)

    done = subprocess.run(
        [anyones_python, "-m", "launcher", "run"],
        cwd=someones_folder,
        env=plain_environ() | {"JARI_HOME": str(closed / "var"), "PORT": str(free_port())},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **someone.popen_options(),
    )

    assert done.stdout == ""
    assert done.stderr == (
        f"Could not write to {closed}/var (permission denied): "
        "set JARI_HOME to a folder of yours.\n"
    )
