"""Barman on the tests' Postgres: WAL by streaming, base backups, as on a host of backups."""

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

from bench.barman import PROGRAM, write_config
from config.settings.recovery import Backups
from launcher import postgres
from launcher.processes import Account
from launcher.throwaway import base_folder

SECONDS = 60  # until a condition that is awaited counts as failed


@dataclass
class Archive:
    folder: Path
    backups: Backups
    slot: str

    def barman(self, *arguments: str) -> str:
        command = [PROGRAM, "--config", str(self.backups.config), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def back_up(self) -> None:
        self.barman("backup", "--wait", "--wait-timeout", str(SECONDS), "jari")

    def wait(self) -> None:
        """Until all that is committed now is in the archive: what is written after it is."""
        streaming = self.folder / "home" / "jari" / "streaming"
        with connected() as server:
            # Several, as a page of WAL may end in the middle of one.
            marks = [secrets.token_hex(16).encode() for _ in range(3)]
            for mark in marks:
                sql = "SELECT pg_logical_emit_message(false, '', %s::text, true)"
                server.execute(sql, [mark.decode()])

            def is_there() -> bool:
                received = []
                for file in streaming.iterdir():
                    with suppress(FileNotFoundError):  # whole now, under another name
                        received.append(file.read_bytes())
                return any(mark in content for mark in marks for content in received)

            self._await(is_there)

    def switch(self) -> None:
        """End the segment that is written, so that Barman has it whole."""
        with connected() as server:
            server.execute("SELECT pg_switch_wal()")
        self.wait()

    def wal(self) -> list[Path]:
        """Whole segments, the oldest first."""
        self.barman("archive-wal", "jari")
        kept = (self.folder / "home" / "jari" / "wals").rglob("*")
        return sorted(path for path in kept if len(path.name) == 24)

    @contextmanager
    def damaged(self, file: Path) -> Iterator[None]:
        whole = file.read_bytes()
        middle = len(whole) // 2
        with file.open("r+b") as damaged:
            damaged.seek(0 if len(file.name) == 24 else middle)
            damaged.write(b"\xff" * min(65536, middle))
        try:
            yield
        finally:
            file.write_bytes(whole)

    def _await(self, is_so) -> None:
        deadline = time.monotonic() + SECONDS
        while not is_so():
            assert time.monotonic() < deadline
            time.sleep(0.02)


def connected() -> psycopg.Connection:
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


@pytest.fixture(scope="module")
def archive() -> Iterator[Archive]:
    folder = Path(tempfile.mkdtemp(prefix="jari-backups-", dir=base_folder()))
    folder.chmod(0o711)
    slot = f"barman_{os.getpid()}"
    made = Archive(folder, _backups(folder), slot)
    url = urlsplit(os.environ["DATABASE_URL"])
    address = f"host={url.hostname} port={url.port} user={url.username} dbname=postgres "
    address += f"password={unquote(url.password or '')}"
    write_config(folder, address=address, programs=postgres.installation() / "bin", slot=slot)
    made.barman("receive-wal", "--create-slot", "jari")
    command = [PROGRAM, "--config", str(made.backups.config), "receive-wal", "jari"]
    receiver = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        made._await(lambda: list((folder / "home/jari").glob("streaming/0*")))
        made.switch()
        made.wal()
        made.back_up()
        yield made
    finally:
        receiver.terminate()
        receiver.wait()
        _drop(made)
        shutil.rmtree(folder)


def _backups(folder: Path) -> Backups:
    programs = postgres.installation()
    if os.geteuid() == 0:
        programs = postgres._programs_for(Account.unprivileged(), programs)
    drills = folder / "drills"
    return Backups(PROGRAM, folder / "barman.conf", "jari", str(programs / "bin"), drills, "nobody")


def _drop(made: Archive) -> None:
    with connected() as server:
        gone = "SELECT NOT active FROM pg_replication_slots WHERE slot_name = %s"
        made._await(lambda: server.execute(gone, [made.slot]).fetchone() == (True,))
        server.execute("SELECT pg_drop_replication_slot(%s)", [made.slot])


@pytest.fixture
def backups(archive: Archive, settings) -> Archive:
    """With a folder for drills in which none has been."""
    shutil.rmtree(archive.backups.folder, ignore_errors=True)
    settings.BACKUPS = archive.backups
    return archive
