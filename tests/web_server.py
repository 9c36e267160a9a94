"""The real web server on the test's own database, as a process that a test may kill."""

import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings

from launcher.portal import web_command
from launcher.processes import LOOPBACK, free_port
from tests.roles import database_url
from tests.waiting import until

# No proxy of the environment stands between a test and 127.0.0.1.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class WebServer:
    """`config.serve`; nobody starts it again."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.port, self._log = free_port(), folder / "web.log"
        self.url = f"http://{LOOPBACK}:{self.port}"
        environ = os.environ | {
            "DATABASE_URL": database_url(),
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "PYTHONPATH": f"{settings.BASE_DIR}:{settings.BASE_DIR / 'queue'}",
            "JARI_HOME": str(folder),
        }
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                web_command(LOOPBACK, self.port),
                cwd=settings.BASE_DIR,
                env=environ | variables,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log(self) -> str:
        return self._log.read_text()[-2000:]

    def is_healthy(self) -> bool:
        with suppress(OSError), _opener.open(f"{self.url}/healthz", timeout=20) as answer:
            return bool(answer.status == 200)
        return False

    def kill(self) -> None:
        """kill -9 of all its processes, as a machine that is lost."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(30)


@contextmanager
def web_servers(*folders: Path, **variables: str) -> Iterator[list[WebServer]]:
    """One for each folder, which is its JARI_HOME; they start side by side."""
    servers = [WebServer(folder, **variables) for folder in folders]
    try:
        for server in servers:
            until(server.is_healthy, server.log, patience=60)
        yield servers
    finally:
        for server in servers:
            server.stop()
