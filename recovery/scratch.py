"""A server of Postgres on restored data, which nobody else can reach and which is removed."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings

from recovery.exceptions import DrillFailed

REPLAY_SECONDS = 12 * 3600  # at most
STOP_SECONDS = 30
# Nothing of the production's configuration counts here: no archive, no standby, no port.
SETTINGS = {
    "listen_addresses": "",
    "archive_mode": "off",
    "archive_command": "",
    "primary_conninfo": "",
    "primary_slot_name": "",
    "synchronous_standby_names": "",
    "shared_preload_libraries": "",
    "ssl": "off",
    "logging_collector": "off",
    "log_min_messages": "log",
    "hot_standby": "off",
    "recovery_target_timeline": "latest",
    "fsync": "off",  # it lives as long as the drill
}


class ScratchServer:
    """`folder` has the restored data in data/ and its WAL in wal/."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data, self.wal = folder / "data", folder / "wal"
        self.log = folder / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, target: datetime | None) -> None:
        """Replay the WAL, up to `target` or its end, and open the server. Raises DrillFailed."""
        options = {}
        if target:
            options = {
                "recovery_target_time": target.isoformat(sep=" "),
                "recovery_target_action": "promote",
            }
        self._run(options)

    def follow(self) -> None:
        """Become a standby that has nothing but the files in wal/. Raises DrillFailed."""
        (self.data / "recovery.signal").unlink(missing_ok=True)
        (self.data / "standby.signal").touch()
        options = {"hot_standby": "on", "wal_retrieve_retry_interval": "100ms"}
        self._run(options | self._of_primary())

    def promote(self) -> None:
        """Have a standby open for writing, as `pg_ctl promote` does."""
        assert self._process
        (self.data / "promote").touch()
        self._process.send_signal(signal.SIGUSR1)

    def _of_primary(self) -> dict[str, str]:
        """Settings that a standby must not have lower than its primary."""
        done = subprocess.run(  # noqa: S603
            [str(_programs() / "pg_controldata"), "-D", str(self.data)],
            capture_output=True, text=True, check=True, env={"LC_ALL": "C"},
        )  # fmt: skip
        found = re.findall(r"^(max_\w+) setting:\s+(\d+)$", done.stdout, re.MULTILINE)
        # It writes max_locks_per_xact and max_prepared_xacts.
        return {name.replace("xact", "transaction"): value for name, value in found}

    def _run(self, more: dict[str, str]) -> None:
        empty = self.folder / "postgresql.conf"
        empty.write_text("")
        trusted = self.folder / "pg_hba.conf"
        # The folder of the socket is closed to other accounts.
        trusted.write_text("local all all trust\n")
        options = SETTINGS | {
            "config_file": str(empty),
            "hba_file": str(trusted),
            "unix_socket_directories": str(self.folder),
            "restore_command": f'cp "{self.wal}/%f" "%p"',
        }
        options |= more
        self.hand_over(self.folder)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [
                    str(_programs() / "postgres"), "-D", str(self.data),
                    *(f"--{name}={value}" for name, value in options.items()),
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.data,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
                start_new_session=True, **self._account(),
            )  # fmt: skip
        self._wait()

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)  # its data is thrown away
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def url(self) -> str:
        """Address of the restored database, for the account and name of the portal's."""
        database = settings.DATABASES["default"]
        user, name = (
            quote(database["USER"] or "postgres", safe=""),
            quote(database["NAME"], safe=""),
        )
        return f"postgres://{user}@/{name}?host={quote(str(self.folder), safe='')}"

    def hand_over(self, folder: Path) -> None:
        """As root, give what lies in `folder` to the account that Postgres runs as, which root may
        not be."""
        if os.geteuid() != 0:
            return
        account = pwd.getpwnam(settings.BACKUPS.account)
        for parent, _folders, files in os.walk(folder):
            for path in (parent, *(os.path.join(parent, name) for name in files)):
                os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)

    def _account(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        account = pwd.getpwnam(settings.BACKUPS.account)
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def _wait(self) -> None:
        """Until postmaster.pid says that the server can be asked: after the replay, and as a
        standby when what was restored is whole."""
        assert self._process
        deadline = time.monotonic() + REPLAY_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            if self._status() == "ready":
                return
            time.sleep(0.05)
        self.stop()
        raise DrillFailed(f"Postgres could not replay the archive: {self._reason()}")

    def _status(self) -> str:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()[7].strip()
        except (FileNotFoundError, IndexError):
            return ""

    def _reason(self) -> str:
        fatal = re.findall(r"(?:FATAL|PANIC):\s+(.+)", self._output())
        return str(fatal[0]) if fatal else f"it ended without a reason (see {self.log.name})."

    def _output(self) -> str:
        return self.log.read_text(errors="replace")


def _programs() -> Path:
    """The folder of Postgres' programs; DrillFailed if it is not known."""
    if settings.BACKUPS.programs:
        return Path(settings.BACKUPS.programs)
    asked = shutil.which("pg_config")
    if not asked:
        raise DrillFailed("Set JARI_POSTGRES_PROGRAMS to the folder of Postgres' programs.")
    done = subprocess.run([asked, "--bindir"], capture_output=True, text=True, check=False)  # noqa: S603
    return Path(done.stdout.strip())
