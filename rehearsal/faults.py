"""Faults that a rehearsal makes in the portal that `make run` started on this machine."""

import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil
from django.conf import settings


class FaultRefused(Exception):
    """This fault can't be made here; the message says why."""


def refuse_elsewhere(kinds: Iterable[str], *, hosts: Iterable[str]) -> None:
    """Raise FaultRefused unless all of these faults can be made in this machine's own portal."""
    named = ", ".join(sorted(set(kinds)))
    if not named:
        return
    if list(hosts):
        raise FaultRefused(
            f"{named}: faults are for the portal that runs here. Leave --host out, give "
            "--no-faults, or make the faults of a cluster by make chaos."
        )
    if not (settings.HOME / "addresses.env").exists():
        raise FaultRefused(f"{named}: no portal of make run runs from {settings.HOME}.")
    if "kill_postgres" in named and not _postmaster().exists():
        raise FaultRefused("kill_postgres: the database is not the portal's own, on this machine.")


def make(kind: str) -> str:
    """Make a fault; returns a sentence about what was done."""
    return _ACTS[kind]()


def own_processes() -> "Iterable[tuple[psutil.Process, str]]":
    """The processes of this portal, with their command lines."""
    for process in psutil.process_iter(["cmdline", "environ"]):
        # By JARI_HOME, since other portals may run on the same machine.
        home = (process.info["environ"] or {}).get("JARI_HOME", "")
        if home == str(settings.HOME):
            yield process, " ".join(process.info["cmdline"] or [])


def _kill(word: str, name: str) -> str:
    killed = 0
    for process, command in own_processes():
        if word in command:
            process.kill()
            killed += 1
    return f"{killed} {name} were killed with kill -9."


def _kill_web() -> str:
    return _kill("config.serve", "web processes")


def _kill_worker() -> str:
    return _kill(" rqworker", "workers")


def _kill_cron() -> str:
    return _kill(" rqcron", "crons")


def _postmaster() -> Path:
    path: Path = settings.HOME / "postgres" / "data" / "postmaster.pid"
    return path


def _kill_postgres() -> str:
    os.kill(int(_postmaster().read_text().split()[0]), signal.SIGKILL)
    return "Postgres was killed with kill -9."


def _empty_redis() -> str:
    import django_rq

    django_rq.get_connection("line").flushall()
    return "Redis was emptied."


_ACTS: dict[str, Callable[[], str]] = {
    "kill_web": _kill_web,
    "kill_worker": _kill_worker,
    "kill_cron": _kill_cron,
    "kill_postgres": _kill_postgres,
    "empty_redis": _empty_redis,
}
