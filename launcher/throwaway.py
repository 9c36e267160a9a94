"""Services for one test run, in a temporary folder that is removed with them."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

from launcher.postgres import Postgres
from launcher.processes import RunFolder, free_port
from launcher.valkey import Valkey

PREFIX = "jari-services-"
NOT_LOCKED_YET_SECONDS = 5  # a folder younger than this may belong to a run that is starting


class ThrowawayServices:
    """Starts Postgres and Valkey unless the environment names them; `urls` has those started.

    With `durable` Postgres has its own defaults and waits for the disk, as that of a portal."""

    def __init__(self, *, durable: bool = False) -> None:
        self.durable = durable
        self.folder = Path()
        self.urls: dict[str, str] = {}
        self._running: list[Postgres | Valkey] = []
        self._run: RunFolder | None = None

    def __enter__(self) -> Self:
        base = base_folder()
        sweep(base)
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        self.folder.chmod(0o711)  # as root, Postgres passes through as another user
        self._run = RunFolder(self.folder)
        self._run.take()
        try:
            if not os.environ.get("DATABASE_URL"):
                self._start("DATABASE_URL", partial(Postgres, durable=self.durable), "postgres")
            if not os.environ.get("REDIS_URL"):
                self._start("REDIS_URL", Valkey, "valkey")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(
        self, variable: str, kind: Callable[..., Postgres] | Callable[..., Valkey], name: str
    ) -> None:
        service = kind(
            self.folder / name,
            log=self.folder / f"{name}.log",
            password=secrets.token_hex(16),
            throwaway=True,
        )
        self._running.append(service)
        service.start(free_port())
        assert self._run
        assert service.process
        self._run.remember(service.process)
        self.urls[variable] = service.url()

    def stop(self) -> None:
        for service in reversed(self._running):
            service.stop()
        self._running.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._run:
            self._run.release()


def sweep(base: Path) -> None:
    """Remove folders and processes of killed runs, whose locks are free."""
    with tempfile.NamedTemporaryFile(dir=base) as probe:
        # Of the file system: the clock of this process may be shifted (launcher/hours.py).
        now = Path(probe.name).stat().st_mtime
    for folder in base.glob(f"{PREFIX}*"):
        run = RunFolder(folder)
        try:
            status = folder.stat()
            is_new = now - status.st_mtime < NOT_LOCKED_YET_SECONDS
            if status.st_uid == os.geteuid() and not is_new and run.take(patience=0):
                run.end_leftovers(patience=2)
                shutil.rmtree(folder, ignore_errors=True)
                run.release()
        except OSError:
            continue


def base_folder() -> Path:
    """The temporary folder, or /tmp if root's own is closed to the user that Postgres runs as."""
    base = Path(tempfile.gettempdir()).resolve()
    if os.geteuid() == 0:
        for folder in [base, *base.parents]:
            if not folder.stat().st_mode & 0o001:
                return Path("/tmp")  # noqa: S108
    return base
