"""Restarts child processes, limits their logs, and prints their errors on the terminal."""

import contextlib
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from launcher.errors import DiskFullError
from launcher.processes import RunFolder, spawn

LOG_BYTES = 10_000_000
OLD_LOGS = 5  # per process, so that a burst of lines does not push out earlier ones
LONGEST_PAUSE = 30.0
# Between starts on a full disk: Postgres gives up its recovery there, which costs a second, and has
# to be back as soon as there is room again.
FULL_DISK_PAUSE = 2.0
SETTLED_SECONDS = 60.0  # after running this long, the pause before a restart is short again
IMPORTANT = re.compile(
    r"\b(ERROR|CRITICAL|FATAL|PANIC)\b|^Traceback|^\w+(\.\w+)*(Error|Exception): "
)
# Postgres logs each refused INSERT as ERROR, which is how the portal's constraints work.
IMPORTANT_TO_POSTGRES = re.compile(r"\b(FATAL|PANIC)\b")
# A standby says FATAL for each try while its primary is replaced.
OF_SERVER = {"postgres": IMPORTANT_TO_POSTGRES, "pg": re.compile(r"\bPANIC\b")}
LINES_A_MINUTE = 10


class Restartable(Protocol):
    """A child or a service: it has a process, which can be started again."""

    process: subprocess.Popen[bytes] | None


@dataclass
class Child:
    """A command's process. `stop_signals` are sent in turn, `patience` seconds apart."""

    name: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str]
    cwd: Path
    stop_signals: Sequence[signal.Signals] = (signal.SIGTERM,)
    patience: float = 10.0
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        self.process = spawn(self.command, log=self.log, env=self.env, cwd=self.cwd)

    def ask_to_stop(self, sig: signal.Signals) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)


@dataclass
class _Watch:
    """The supervisor's state of one process. Times are of the monotonic clock."""

    name: str
    target: Restartable
    start: Callable[[], None]
    started: float
    pause: float = 0.5
    due: float | None = None  # when to start it again
    disk_is_full: bool = False  # as its last start found


class Supervisor:
    """Watches processes; `report` prints a line for the user."""

    def __init__(self, run: RunFolder, report: Callable[[str], None]) -> None:
        self.run = run
        self.report = report
        self.watches: list[_Watch] = []
        self.logs: list[Log] = []
        self._unlisted = False  # whether the list of children lacks one

    def watch(self, name: str, target: Restartable, start: Callable[[], None], log: Path) -> None:
        """Restart `target`, which runs already, by `start` whenever it ends."""
        self._remember(target)
        self.watches.append(_Watch(name, target, start, time.monotonic()))
        important = OF_SERVER.get(name.partition("-")[0], IMPORTANT)
        self.logs.append(Log(name, log, important))

    def unwatch(self, name: str) -> None:
        """Leave a process alone from now on, also when it has ended."""
        self.watches = [watch for watch in self.watches if watch.name != name]
        self.logs = [log for log in self.logs if log.name != name]

    def look(self) -> None:
        """One round: restart ended processes, report important log lines, rotate logs."""
        for watch in self.watches:
            self._look_at(watch)
        if self._unlisted:
            self._list_again()
        for log in self.logs:
            for line in log.important_lines():
                self.report(f"{log.name}: {line}")
            log.rotate()

    def ended(self) -> list[str]:
        return [watch.name for watch in self.watches if watch.due is not None]

    def _look_at(self, watch: _Watch) -> None:
        now = time.monotonic()
        if watch.due is None:
            code = watch.target.process.poll() if watch.target.process else 1
            if code is not None:
                self._plan_start(watch, now, code)
        elif now >= watch.due:
            watch.due, watch.started = None, now
            self._start(watch)

    def _plan_start(self, watch: _Watch, now: float, code: int) -> None:
        if watch.disk_is_full:  # said once
            watch.due = now + FULL_DISK_PAUSE
            return
        if now - watch.started > SETTLED_SECONDS:
            watch.pause = 0.5
        watch.due = now + watch.pause
        self.report(f"{watch.name} ended ({_how(code)}); starting it again in {watch.pause:g} s")
        # Doubled each time, so that a process that can't start doesn't load the machine.
        watch.pause = min(watch.pause * 2, LONGEST_PAUSE)

    def _start(self, watch: _Watch) -> None:
        was_full, watch.disk_is_full = watch.disk_is_full, False
        try:
            watch.start()
        except DiskFullError as error:
            watch.disk_is_full, watch.pause = True, 0.5
            if not was_full:
                self.report(f"{watch.name}: {error} It starts as soon as there is room.")
        except Exception as error:
            self.report(f"{watch.name}: {error}")
        else:
            self._remember(watch.target)

    def _remember(self, target: Restartable) -> None:
        """List the process for the next run. A full disk must not end the portal: the process is
        listed at a later look (`_list_again`)."""
        if target.process is None:
            return
        try:
            self.run.remember(target.process)
        except OSError:
            self._unlisted = True

    def _list_again(self) -> None:
        self._unlisted = False
        for watch in self.watches:
            self._remember(watch.target)


def stop_all(children: Sequence[Child]) -> None:
    """Stop children at the same time, each by its own signals, the last of them SIGKILL."""
    running = [child for child in children if child.process]
    rounds = max((len(child.stop_signals) for child in running), default=0)
    for number in range(rounds + 1):
        for child in running:
            last = number >= len(child.stop_signals)
            child.ask_to_stop(signal.SIGKILL if last else child.stop_signals[number])
        deadline = time.monotonic() + max((child.patience for child in running), default=0)
        while running and time.monotonic() < deadline:
            running = [child for child in running if child.process and child.process.poll() is None]
            time.sleep(0.02)


class Log:
    """A child's log file: returns new important lines, and is rotated by size."""

    def __init__(self, name: str, path: Path, important: re.Pattern[str] = IMPORTANT) -> None:
        self.name = name
        self.important = important
        self.path = path
        self.position = path.stat().st_size if path.exists() else 0
        self._rest = b""  # of a line that is not complete yet
        self._shown: list[float] = []  # when lines of the last minute were returned

    def important_lines(self) -> list[str]:
        """New important lines, at most LINES_A_MINUTE of them in a minute."""
        lines = [line for line in self._new_lines() if self.important.search(line)]
        now = time.monotonic()
        self._shown = [at for at in self._shown if now - at < 60]
        room = max(LINES_A_MINUTE - len(self._shown), 0)
        self._shown += [now] * min(len(lines), room)
        if room and len(lines) > room:
            return [*lines[:room], f"… more in {self.path}"]
        return lines[:room]

    def _new_lines(self) -> list[str]:
        size = self.path.stat().st_size if self.path.exists() else 0
        if size <= self.position:
            self.position = min(size, self.position)
            return []
        with self.path.open("rb") as log:
            log.seek(self.position)
            new = self._rest + log.read(1_000_000)
            self.position = log.tell()
        *lines, self._rest = new.split(b"\n")
        return [line.decode(errors="replace") for line in lines]

    def rotate(self) -> None:
        """Copy and truncate a large log: the child keeps writing to the same open file."""
        if self.path.exists() and self.path.stat().st_size > LOG_BYTES:
            for number in range(OLD_LOGS, 1, -1):
                younger = self._old(number - 1)
                if younger.exists():
                    younger.replace(self._old(number))
            # On a full disk the old lines go, so that the log makes room instead of none.
            with contextlib.suppress(OSError):
                shutil.copy(self.path, self._old(1))  # with its mode
            with self.path.open("r+b") as log:
                log.truncate(0)
            self.position, self._rest = 0, b""

    def _old(self, number: int) -> Path:
        return self.path.with_suffix(f".log.{number}")


def last_line(log: Path) -> str:
    """The last line of a log, where Python and Django put the reason of a failure."""
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except FileNotFoundError:
        lines = []
    return lines[-1].strip() if lines else "it said nothing"


def _how(code: int) -> str:
    return f"exit {code}" if code >= 0 else f"signal {-code}"
