"""Child processes that end with the launcher, and those that an earlier run left behind."""

import contextlib
import ctypes
import fcntl
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from launcher.errors import LauncherError

LOOPBACK = "127.0.0.1"
PR_SET_PDEATHSIG = 1
STOPPING = "stopping"


@dataclass(frozen=True)
class Account:
    """The user and group that a process runs as. Postgres refuses to run as root."""

    uid: int
    gid: int

    @classmethod
    def unprivileged(cls) -> "Account":
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError:
            return cls(65534, 65534)
        return cls(nobody.pw_uid, nobody.pw_gid)

    def popen_options(self) -> dict[str, Any]:
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def death_signal_setter(sig: signal.Signals) -> Callable[[], None] | None:
    """A preexec_fn that makes the kernel send `sig` to the child when this process dies, also by
    SIGKILL. Linux only; elsewhere the next start ends leftovers (`end_leftovers`)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def set_death_signal() -> None:
        prctl(PR_SET_PDEATHSIG, int(sig), 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the call above
            os.kill(os.getpid(), signal.SIGKILL)

    return set_death_signal


def end_with(parent: int, sig: signal.Signals = signal.SIGTERM) -> None:
    """Make the kernel send `sig` to this process when `parent` dies, such as a killed make."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(sig), 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), sig)


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    account: Account | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child that writes to `log`. It has a session of its own: Ctrl-C reaches only the
    launcher, which stops its children in order."""
    with appending(log) if log else contextlib.nullcontext(subprocess.DEVNULL) as out:
        output: IO[bytes] | int = out
        return subprocess.Popen(  # noqa: S603  (fixed commands)
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=death_signal_setter(death_signal),
            **(account.popen_options() if account else {}),
        )


def appending(log: Path) -> IO[bytes]:
    """Open a log file for appending, readable by its owner only."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.fchmod(descriptor, 0o600)  # an existing file keeps its mode at open
    return os.fdopen(descriptor, "ab")


def stop(process: subprocess.Popen[bytes], sig: signal.Signals, *, patience: float) -> None:
    """Send `sig`, and SIGKILL after `patience` seconds; returns when the process has ended."""
    if process.poll() is None:
        process.send_signal(sig)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int, host: str = LOOPBACK) -> bool:
    with socket.socket() as probe:
        # Servers set it too: connections of the last run in TIME_WAIT don't block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def usual_port(file: Path) -> int:
    """The port of the last run if it is free, so that other programs' settings stay valid; else a
    new one. `file` stores it."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        port = int(file.read_text())
        if is_free(port):
            return port
    port = free_port()
    file.write_text(f"{port}\n")
    return port


def started_at(pid: int) -> str | None:
    """When a process started, in the system's own format; None if it does not run.

    With the pid it identifies a process, as pids are reused."""
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        # proc_pid_stat(5): the name in parentheses may contain spaces; field 3 is the state (Z: a
        # zombie), field 22 the start in clock ticks since boot.
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    ps = subprocess.run(  # noqa: S603
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    words = ps.stdout.split()
    return None if not words or words[0].startswith("Z") else " ".join(words[1:])


class RunFolder:
    """The lock of one JARI_HOME, and the list of its child processes.

    The lock ends with the launcher's process, however it ends; from the list the next run ends
    children that are left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.list = folder / "children.json"
        self.children: dict[str, str | None] = {}
        self._lock: IO[str] | None = None

    def take(self, *, patience: float = 1.0) -> bool:
        """Take the lock; False if another launcher holds it. Waits for one that is stopping."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = (self.folder / "lock").open("a+")
        deadline = time.monotonic() + patience
        while not _locked(lock):
            if self.is_stopping and patience:
                deadline = time.monotonic() + patience
            if time.monotonic() >= deadline:
                lock.close()
                return False
            time.sleep(0.05)
        self._lock = lock
        lock.truncate(0)  # removes the mark of an earlier launcher that was stopping
        return True

    @property
    def is_stopping(self) -> bool:
        return (self.folder / "lock").read_text() == STOPPING

    def mark_stopping(self) -> None:
        """Let another launcher wait for the lock (`take`)."""
        if self._lock:
            self._lock.write(STOPPING)
            self._lock.flush()

    def release(self) -> None:
        if self._lock:
            self._lock.close()
            self._lock = None

    def remember(self, process: subprocess.Popen[bytes]) -> None:
        """Add a child to the list, and drop those that have ended."""
        self.children = {pid: t for pid, t in self.children.items() if started_at(int(pid)) == t}
        self.children[str(process.pid)] = started_at(process.pid)
        # Renamed when complete: a launcher killed while writing must leave a readable list.
        fresh = self.list.with_suffix(".new")
        fresh.write_text(json.dumps(self.children))
        fresh.replace(self.list)

    def end_leftovers(self, *, patience: float = 10) -> None:
        """End the children of a run that was killed, unless they ended by their death signal."""
        try:
            children = json.loads(self.list.read_text())
        except (FileNotFoundError, ValueError):
            return
        pids = [int(pid) for pid, at in children.items() if at and started_at(int(pid)) == at]
        end_processes(pids, patience=patience)
        self.list.unlink(missing_ok=True)


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def end_processes(pids: Sequence[int], *, patience: float) -> None:
    """Send SIGTERM, then SIGKILL, to processes that are not children of this one (see `stop`)."""
    alive = {pid: at for pid in pids if (at := started_at(pid))}
    for sig, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5)):
        for pid in alive:
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                continue
            except PermissionError as error:
                raise LauncherError(
                    f"Process {pid} of an earlier run belongs to another user: stop it first."
                ) from error
        deadline = time.monotonic() + seconds
        while alive and time.monotonic() < deadline:
            time.sleep(0.05)
            alive = {pid: at for pid, at in alive.items() if started_at(pid) == at}
