"""Keeps child processes running, their logs small, and what matters on the terminal."""

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from launcher.processes import RunFolder, spawn

LOG_BYTES = 10_000_000
OLD_LOGS = 5  # of each process, so that a minute of noise does not erase what was before it
LONGEST_PAUSE = 30.0
SETTLED_SECONDS = 60.0  # after this long, an end is news and not part of a series
IMPORTANT = re.compile(
    r"\b(ERROR|CRITICAL|FATAL|PANIC)\b|^Traceback|^\w+(\.\w+)*(Error|Exception): "
)
# Postgres calls every refused insert an ERROR, and refusing is what constraints are for.
IMPORTANT_TO_POSTGRES = re.compile(r"\b(FATAL|PANIC)\b")
LINES_A_MINUTE = 10


class Watched(Protocol):
    """Something with a process that can be started again: a child or a service."""

    process: subprocess.Popen[bytes] | None


@dataclass
class Child:
    """One command. `stop_signals` are sent one after another while it does not end."""

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
class _Care:
    """What the supervisor knows about one watched thing."""

    name: str
    thing: Watched
    start: Callable[[], None]
    started: float
    pause: float = 0.5
    due: float | None = None  # when to start it again


class Supervisor:
    def __init__(self, run: RunFolder, say: Callable[[str], None]) -> None:
        self.run = run
        self.say = say
        self.cares: list[_Care] = []
        self.logs: list[Log] = []

    def watch(self, name: str, thing: Watched, start: Callable[[], None], log: Path) -> None:
        """Look after `thing`, which runs already."""
        self._remember(thing)
        self.cares.append(_Care(name, thing, start, time.monotonic()))
        important = IMPORTANT_TO_POSTGRES if name == "postgres" else IMPORTANT
        self.logs.append(Log(name, log, important))

    def look(self) -> None:
        """One round: start again what has ended, tell what matters, keep the logs small."""
        for care in self.cares:
            self._look_at(care)
        for log in self.logs:
            for line in log.important_lines():
                self.say(f"{log.name}: {line}")
            log.keep_small()

    def ended(self) -> list[str]:
        return [care.name for care in self.cares if care.due is not None]

    def _look_at(self, care: _Care) -> None:
        now = time.monotonic()
        if care.due is None:
            code = care.thing.process.poll() if care.thing.process else 1
            if code is None:
                return
            if now - care.started > SETTLED_SECONDS:
                care.pause = 0.5
            care.due = now + care.pause
            self.say(f"{care.name} ended ({_how(code)}); starting it again in {care.pause:g} s")
            care.pause = min(care.pause * 2, LONGEST_PAUSE)
        elif now >= care.due:
            care.due, care.started = None, now
            try:
                care.start()
            except Exception as trouble:
                self.say(f"{care.name}: {trouble}")
            else:
                self._remember(care.thing)

    def _remember(self, thing: Watched) -> None:
        if thing.process:
            self.run.remember(thing.process)


def stop_all(children: Sequence[Child]) -> None:
    """Stop several at once, each with its own signals and patience."""
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
    """A child's log file: read on from where we were, and cut before it fills the disk."""

    def __init__(self, name: str, path: Path, important: re.Pattern[str] = IMPORTANT) -> None:
        self.name = name
        self.important = important
        self.path = path
        self.position = path.stat().st_size if path.exists() else 0
        self._rest = b""
        self._told: list[float] = []

    def important_lines(self) -> list[str]:
        lines = [line for line in self._new_lines() if self.important.search(line)]
        now = time.monotonic()
        self._told = [at for at in self._told if now - at < 60]
        room = max(LINES_A_MINUTE - len(self._told), 0)
        self._told += [now] * min(len(lines), room)
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
        *whole, self._rest = new.split(b"\n")
        return [line.decode(errors="replace") for line in whole]

    def keep_small(self) -> None:
        """Copy and cut: the child goes on writing to the same open file."""
        if self.path.exists() and self.path.stat().st_size > LOG_BYTES:
            for number in range(OLD_LOGS, 1, -1):
                younger = self._old(number - 1)
                if younger.exists():
                    younger.replace(self._old(number))
            shutil.copy(self.path, self._old(1))  # with its mode
            with self.path.open("r+b") as log:
                log.truncate(0)
            self.position, self._rest = 0, b""

    def _old(self, number: int) -> Path:
        return self.path.with_suffix(f".log.{number}")


def last_line(log: Path) -> str:
    """What a command said last, which is where Python and Django put the reason."""
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except FileNotFoundError:
        lines = []
    return lines[-1].strip() if lines else "it said nothing"


def _how(code: int) -> str:
    return f"exit {code}" if code >= 0 else f"signal {-code}"
