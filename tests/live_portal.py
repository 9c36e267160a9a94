"""A web server on a Postgres of its own, which a test may stop, freeze and start again."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.db import connection

from launcher.home import ROOT
from launcher.postgres import Postgres
from launcher.processes import LOOPBACK, free_port
from tests.roles import OPTION
from tests.waiting import until

# No proxy of the environment stands between a test and 127.0.0.1.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class LivePortal:
    """`python -m config.serve` with one process; Redis is that of the test run."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        server = connection.settings_dict
        self.postgres = Postgres(
            folder / "postgres",
            log=folder / "postgres.log",
            password=server["PASSWORD"],
            throwaway=True,
        )
        self._copy(server)
        self.postgres.start(free_port())
        self._environ = os.environ | {
            "DATABASE_URL": f"{self.postgres.url(server['NAME'])}?options={quote(OPTION)}",
            "DJANGO_SETTINGS_MODULE": "tests.live_settings",
            "JARI_HOME": str(folder / "var"),
        }
        self._web: subprocess.Popen[bytes] | None = None

    def _copy(self, server: dict[str, Any]) -> None:
        """The test run's server with its migrated database: in a second, where a migration takes
        most of a minute."""
        programs = self.postgres.prepare_account()
        self.postgres.folder.mkdir(mode=0o700, exist_ok=True)
        self.postgres._run(
            [
                *(programs / "bin" / "pg_basebackup", "--pgdata", self.postgres.data),
                *("--host", server["HOST"], "--port", str(server["PORT"])),
                *("--username", server["USER"], "--no-password", "--checkpoint=fast", "--no-sync"),
            ],
            account=self.postgres.account,
            env={"PATH": os.environ["PATH"], "PGPASSWORD": server["PASSWORD"]},
            cwd=self.postgres.folder,
        )

    def serve(self, **environ: str) -> None:
        with (self.folder / "web.log").open("ab") as log:
            self._web = subprocess.Popen(
                [
                    *(sys.executable, "-m", "config.serve"),
                    *("--bind", f"{LOOPBACK}:{self.port}", "--workers", "1"),
                ],
                cwd=ROOT,
                env=self._environ | environ,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        until(lambda: self.state_of("database") == "ok", self.log, patience=60)

    def log(self) -> str:
        return (self.folder / "web.log").read_text()[-4000:]

    def get(self, path: str, *, timeout: float = 20, **headers: str) -> tuple[int, str]:
        """Status and body; (0, "") without an answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://{LOOPBACK}:{self.port}{path}", headers=named)
        try:
            with _opener.open(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def state_of(self, part: str) -> str:
        with suppress(ValueError):
            state: str = json.loads(self.get("/readyz")[1]).get(part, "")
            return state
        return ""

    def signal_postgres(self, number: signal.Signals) -> None:
        """Send it to every process of the server, as a frozen machine freezes them all."""
        assert self.postgres.process
        shown = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.postgres.process.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        for pid in [self.postgres.process.pid, *map(int, shown.stdout.split())]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self) -> None:
        if self._web:
            self._web.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._web.wait(15)
            self._web.kill()
            self._web.wait()
        self.signal_postgres(signal.SIGCONT)
        self.postgres.stop()


@contextmanager
def live_portal() -> Iterator[LivePortal]:
    # Not below pytest's own folder, which Postgres' account may not enter where root runs tests.
    with tempfile.TemporaryDirectory(prefix="jari-test-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        portal = LivePortal(folder)
        try:
            yield portal
        finally:
            portal.stop()
