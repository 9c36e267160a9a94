"""The embedded Postgres on a disk that is full for a while, with the launcher's supervisor."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from launcher.errors import DiskFullError, LauncherError
from launcher.postgres import Postgres, _error
from launcher.processes import RunFolder, free_port
from launcher.supervisor import Supervisor
from tests.launcher.conftest import look_until

MEGABYTES = 150
# A segment of the log and more: what is written until the server needs another one, and panics.
WRITE = "INSERT INTO written SELECT repeat(md5(n::text), 200) FROM generate_series(1, 500) AS n"


@pytest.fixture
def small_disk() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="jari-test-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        folder.rmdir()
        pytest.skip("only root can make a small disk")
    folder.chmod(0o711)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)
    folder.rmdir()


def fill(disk: Path) -> None:
    with suppress(OSError), (disk / "filling").open("ab") as file:
        while True:
            file.write(b"x" * 65_536)
            file.flush()


def write_on(link: psycopg.Connection) -> None:
    """A row that does not fit is refused; a log that does not fit ends the server."""
    while True:
        with suppress(psycopg.errors.DiskFull):
            link.execute(WRITE)
        link.execute("SELECT pg_logical_emit_message(true, 'x', repeat('x', 1000000))")


def test_postgres_is_back_as_soon_as_there_is_room(small_disk: Path) -> None:
    said: list[str] = []
    run = RunFolder(small_disk / "run")
    run.take()
    log = small_disk / "postgres.log"
    postgres = Postgres(small_disk / "postgres", log=log, password="secret")
    postgres.start(free_port())
    supervisor = Supervisor(run, said.append)
    supervisor.watch("postgres", postgres, lambda: postgres.start(postgres.port), log)
    with psycopg.connect(postgres.url(), autocommit=True) as link:
        link.execute("CREATE TABLE written (text text)")
        link.execute("INSERT INTO written VALUES ('kept')")
        fill(small_disk)
        with pytest.raises(psycopg.OperationalError):
            write_on(link)

    def is_starting_on_a_full_disk() -> bool:
        fill(small_disk)
        return any("It starts as soon as there is room." in line for line in said)

    look_until(supervisor, is_starting_on_a_full_disk, seconds=60)
    (small_disk / "filling").unlink()

    def answers() -> bool:
        with suppress(psycopg.OperationalError), psycopg.connect(postgres.url()) as link:
            return link.execute("SELECT count(*) FROM written WHERE text = 'kept'").fetchone() == (
                1,
            )
        return False

    look_until(supervisor, answers)
    postgres.stop()
    run.release()


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (
            'FATAL:  could not write lock file "postmaster.pid": No space left on device',
            DiskFullError,
        ),
        ('FATAL:  could not open file "pg_control": Permission denied', LauncherError),
    ],
)
def test_a_full_disk_is_told_from_what_stays(
    tmp_path: Path, said: str, kind: type[LauncherError]
) -> None:
    assert type(_error(f"LOG:  starting\n{said}\n", tmp_path)) is kind
