"""Child processes that end when we end, and what an earlier run may have left behind."""

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

from launcher.trouble import Trouble

LOOPBACK = "127.0.0.1"
PR_SET_PDEATHSIG = 1
STOPPING = "stopping"


@dataclass(frozen=True)
class Account:
    """Whom a process runs as. Postgres refuses to run as root."""

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


def ends_with_us(sig: signal.Signals) -> Callable[[], None] | None:
    """A preexec_fn that has the kernel send `sig` to the child when this process dies, even by
    kill -9. Linux only; elsewhere the next start ends what is left (`end_leftovers`)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask_the_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, int(sig), 0, 0, 0)
        if os.getppid() != parent:  # we died before the line above
            os.kill(os.getpid(), signal.SIGKILL)

    return ask_the_kernel


def end_with(parent: int, sig: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send us `sig` when `parent` dies, so that killing make ends the portal."""
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
    """Start a child that writes to `log`, in a session of its own, so that Ctrl-C reaches only us
    and we stop things in the right order."""
    with appending(log) if log else contextlib.nullcontext(subprocess.DEVNULL) as out:
        output: IO[bytes] | int = out
        return subprocess.Popen(  # noqa: S603  (our own commands)
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=ends_with_us(death_signal),
            **(account.popen_options() if account else {}),
        )


def appending(log: Path) -> IO[bytes]:
    """A log file for writing on, which nobody else on the machine may read."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.fchmod(descriptor, 0o600)  # also one that an earlier version made
    return os.fdopen(descriptor, "ab")


def stop(process: subprocess.Popen[bytes], sig: signal.Signals, *, patience: float) -> None:
    """Ask with `sig`, and after `patience` seconds insist."""
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
        # As servers do: a connection of the last run in TIME_WAIT is no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def usual_port(file: Path) -> int:
    """The port used last time if it is still free, so that psql and friends find it again."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        port = int(file.read_text())
        if is_free(port):
            return port
    port = free_port()
    file.write_text(f"{port}\n")
    return port


def started_at(pid: int) -> str | None:
    """When a process started, in whatever words the system uses; None when there is none.

    Together with the number this tells one process from a later one of the same number."""
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
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
    """Holds the lock of one home and the list of its children.

    The lock goes away with our process however it ends; the list tells the next run which
    processes are still ending."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.list = folder / "children.json"
        self.children: dict[str, str | None] = {}
        self._lock: IO[str] | None = None

    def take(self, *, patience: float = 1.0) -> bool:
        """Take the lock; False when another launcher has it. One that is stopping is awaited."""
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
        lock.truncate(0)
        return True

    @property
    def is_stopping(self) -> bool:
        return (self.folder / "lock").read_text() == STOPPING

    def say_stopping(self) -> None:
        if self._lock:
            self._lock.write(STOPPING)
            self._lock.flush()

    def release(self) -> None:
        if self._lock:
            self._lock.close()
            self._lock = None

    def remember(self, process: subprocess.Popen[bytes]) -> None:
        self.children = {pid: t for pid, t in self.children.items() if started_at(int(pid)) == t}
        self.children[str(process.pid)] = started_at(process.pid)
        fresh = self.list.with_suffix(".new")
        fresh.write_text(json.dumps(self.children))
        fresh.replace(self.list)

    def end_leftovers(self, *, patience: float = 10) -> None:
        """End the children of a run that was killed; they have mostly ended by themselves."""
        try:
            known = json.loads(self.list.read_text())
        except (FileNotFoundError, ValueError):
            return
        pids = [int(pid) for pid, at in known.items() if at and started_at(int(pid)) == at]
        end_processes(pids, patience=patience)
        self.list.unlink(missing_ok=True)


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def end_processes(pids: Sequence[int], *, patience: float) -> None:
    """SIGTERM, then SIGKILL, for processes that are not our children (else see `stop`)."""
    alive = {pid: at for pid in pids if (at := started_at(pid))}
    for sig, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5)):
        for pid in alive:
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                continue
            except PermissionError as refused:
                raise Trouble(
                    f"Process {pid} of an earlier run belongs to another user: stop it first."
                ) from refused
        deadline = time.monotonic() + seconds
        while alive and time.monotonic() < deadline:
            time.sleep(0.05)
            alive = {pid: at for pid, at in alive.items() if started_at(pid) == at}
