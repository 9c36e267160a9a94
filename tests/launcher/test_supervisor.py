import errno
import json
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher import supervisor as supervising
from launcher.errors import DiskFullError
from launcher.home import ROOT
from launcher.postgres import Postgres
from launcher.processes import RunFolder, spawn
from launcher.supervisor import Child, Log, Supervisor, stop_all
from tests.launcher.conftest import look_until


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def watch(tmp_path: Path, said: list[str]) -> Callable[..., tuple[Supervisor, Child]]:
    def watch(script: str, **options: object) -> tuple[Supervisor, Child]:
        supervisor = Supervisor(RunFolder(tmp_path), said.append)
        log = tmp_path / "child.log"
        child = Child("child", [sys.executable, "-c", script], log, {}, ROOT, **options)  # type: ignore[arg-type]
        child.start()
        supervisor.watch("child", child, child.start, log)
        return supervisor, child

    return watch


def test_a_killed_child_is_started_again_and_told(watch, said: list[str]) -> None:
    supervisor, child = watch("import time; time.sleep(60)")
    first = child.process

    first.kill()
    look_until(supervisor, lambda: child.process is not first)

    assert child.process.poll() is None
    assert said == ["child ended (signal 9); starting it again in 0.5 s"]
    stop_all([child])


def test_a_child_that_keeps_ending_is_given_longer_pauses(watch, said: list[str]) -> None:
    supervisor, _ = watch("raise SystemExit(3)")

    look_until(supervisor, lambda: len(said) >= 3)

    pauses = [re.sub(r".*exit 3.* in (\S+) s", r"\1", line) for line in said[:3]]
    assert pauses == ["0.5", "1", "2"]


def test_a_service_on_a_full_disk_is_started_as_soon_as_there_is_room(
    watch, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor, child = watch("import time; time.sleep(60)")
    monkeypatch.setattr(supervising, "FULL_DISK_PAUSE", 0.0)
    start, is_full, first = child.start, [True] * 4, child.process

    def start_if_there_is_room() -> None:
        child.process = None
        if is_full and is_full.pop():
            raise DiskFullError("The disk is full.")
        start()

    supervisor.watches[0].start = start_if_there_is_room
    first.kill()
    look_until(supervisor, lambda: child.process not in (None, first))

    # Said once; and the pauses have not grown.
    assert said == [
        "child ended (signal 9); starting it again in 0.5 s",
        "child: The disk is full. It starts as soon as there is room.",
    ]
    assert supervisor.watches[0].pause == 0.5
    stop_all([child])


def test_a_list_of_children_that_cannot_be_written_ends_nothing_and_is_written_later(
    watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor, child = watch("import time; time.sleep(60)")
    remember = supervisor.run.remember

    def full(_process: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(supervisor.run, "remember", full)
    first = child.process
    first.kill()
    look_until(supervisor, lambda: child.process is not first)
    monkeypatch.setattr(supervisor.run, "remember", remember)
    supervisor.look()

    assert str(child.process.pid) in json.loads((tmp_path / "children.json").read_text())
    stop_all([child])


def test_a_child_that_ignores_the_first_signal_gets_the_second_and_then_kill(
    watch, tmp_path: Path
) -> None:
    script = (
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('term', flush=True))\n"
        "signal.signal(signal.SIGQUIT, lambda *_: print('quit', flush=True))\n"
        "print('up', flush=True)\n"
        "while True: time.sleep(1)\n"
    )
    signals = (signal.SIGTERM, signal.SIGQUIT)
    supervisor, child = watch(script, stop_signals=signals, patience=0.5)
    log = tmp_path / "child.log"
    look_until(supervisor, lambda: "up" in log.read_text())

    stop_all([child])

    assert child.process.wait(5) == -signal.SIGKILL
    assert log.read_text().split() == ["up", "term", "quit"]


def test_important_lines_reach_the_terminal_and_the_rest_stays_in_the_log(
    watch, said: list[str]
) -> None:
    script = (
        "import time\n"
        "print('2026 INFO all is well')\n"
        "print('2026 ERROR jari the disk is full', flush=True)\n"
        "time.sleep(60)\n"
    )
    supervisor, child = watch(script)

    look_until(supervisor, lambda: bool(said))

    assert said == ["child: 2026 ERROR jari the disk is full"]
    stop_all([child])


def test_a_row_that_postgres_refuses_is_no_news(tmp_path: Path) -> None:
    supervisor = Supervisor(RunFolder(tmp_path), lambda line: None)
    path = tmp_path / "postgres.log"
    supervisor.watch("postgres", Postgres(tmp_path, log=path, password=""), lambda: None, path)
    path.write_text("ERROR:  duplicate key value\nFATAL:  no space left\n")

    assert supervisor.logs[0].important_lines() == ["FATAL:  no space left"]


def test_a_flood_of_errors_is_cut_short_on_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    log = Log("web", path)
    path.write_text("ERROR again\n" * 500)

    assert log.important_lines() == ["ERROR again"] * 10 + [f"… more in {path}"]
    assert log.important_lines() == []


def test_a_log_is_cut_before_it_fills_the_disk_and_its_writer_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "LOG_BYTES", 100)
    path = tmp_path / "web.log"
    log = Log("web", path)
    with path.open("a") as writer:
        writer.write("x" * 200 + "\n")
        writer.flush()
        log.rotate()
        writer.write("ERROR after the cut\n")

    assert log.important_lines() == ["ERROR after the cut"]
    assert path.read_text() == "ERROR after the cut\n"
    assert (tmp_path / "web.log.1").read_text() == "x" * 200 + "\n"


def test_a_flood_of_noise_leaves_what_was_logged_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "LOG_BYTES", 10)
    path = tmp_path / "web.log"
    log = Log("web", path)
    for number in range(7):
        path.write_text(f"{number} " + "x" * 20)
        log.rotate()

    old = [(tmp_path / f"web.log.{number}").read_text()[0] for number in range(1, 6)]
    assert old == ["6", "5", "4", "3", "2"]
    assert not (tmp_path / "web.log.6").exists()


def test_a_log_is_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervising, "LOG_BYTES", 1)
    path = tmp_path / "web.log"
    path.write_text("an earlier version made it\n")
    path.chmod(0o644)
    spawn(["true"], log=path).wait()
    Log("web", path).rotate()

    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == {"web.log": 0o600, "web.log.1": 0o600}
