"""`make run`: the whole portal on one machine, until Ctrl-C."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path

from launcher.home import NO_WRITING, ROOT, Home, could_not_write, home_folder, write_env
from launcher.postgres import Postgres
from launcher.processes import RunFolder, end_with, is_free, spawn, stop, usual_port
from launcher.supervisor import Child, Supervisor, last_line, stop_all
from launcher.trouble import Trouble
from launcher.valkey import Valkey

READY_SECONDS = 90
# What the portal needs to be ready. The other workers load Django after that, and so do not hold
# up whoever waits for the first page; until then their jobs wait.
FIRST = ("web", "line", "cron")
DATABASE = "jari"


class Stop(BaseException):
    """Ctrl-C, SIGTERM, or the terminal was closed."""


class Hurry(BaseException):
    """A second Ctrl-C, while the first is being answered."""


def run(environ: Mapping[str, str]) -> int:
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, _raise_stop)
    if environ.get("MAKELEVEL"):
        end_with(os.getppid())
    portal = Portal(environ)
    try:
        portal.start()
        while True:
            portal.supervisor.look()
            time.sleep(0.2)
    except Stop:
        return 0
    except OSError as refused:
        if refused.errno not in NO_WRITING:
            raise
        raise Trouble(could_not_write(portal.home.folder, refused)) from refused
    finally:
        _stop(portal)


def _stop(portal: "Portal") -> None:
    """Stop in order; a second Ctrl-C ends everything at once.

    A second SIGTERM or SIGHUP is ignored: when make or the terminal goes away, both arrive.
    """
    try:
        signal.signal(signal.SIGINT, _raise_hurry)
        for sig in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, signal.SIG_IGN)
        portal.stop()
    except (Hurry, Stop):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        portal.end_at_once()


def _raise_stop(*_: object) -> None:
    raise Stop


def _raise_hurry(*_: object) -> None:
    raise Hurry


def say(line: str) -> None:
    try:
        print(line, flush=True)  # noqa: T201
    except OSError:
        return  # the terminal is gone; the portal goes on until it is told to stop


class Portal:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self.given = dict(environ)
        self.home = Home(home_folder(environ))
        self.port = _port(environ.get("PORT") or "8000")
        self.bind = environ.get("JARI_BIND") or "127.0.0.1"
        self.run = RunFolder(self.home.run)
        self.supervisor = Supervisor(self.run, say)
        self.postgres: Postgres | None = None
        self.valkey: Valkey | None = None
        self.children: dict[str, Child] = {}
        self.env: dict[str, str] = {}
        self.ours: list[str] = []  # the variables that we set, and manage.py needs too
        self.sample: subprocess.Popen[bytes] | None = None
        self.holds_lock = False

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        began = time.monotonic()
        self.home.prepare()
        self._take_lock()
        self.run.end_leftovers()
        if not is_free(self.port, self.bind):
            raise Trouble(
                f"Port {self.port} is in use by another program: choose another one, "
                f"for example PORT={self.port + 1} make run"
            )
        say(f"Jari is starting; its data is in {_short(self.home.folder)}/")
        self._start_services()
        say("  database and Redis are up; preparing tables, sample campaign and static files…")
        self._prepare_database_and_files()
        written = {name: self.env[name] for name in self.ours}
        write_env(
            self.home.addresses_file, written, note="The running portal; made anew each time."
        )
        say("  starting web server, workers and cron…")
        self._start_children(FIRST)
        self._wait_until_ready()
        if self.sample:
            self._finish(self.sample, "load_sample")
        self._start_children(name for name in worker_commands() if name not in FIRST)
        self._tell(time.monotonic() - began)

    def stop(self) -> None:
        """Finish what is under way, then stop what it depends on.

        A request may still leave a job to a worker that has stopped: it waits in Valkey.
        """
        self.run.say_stopping()
        if self.children:
            say("Stopping… (Ctrl-C again ends everything at once)")
        stop_all(list(self.children.values()))
        for service in (self.valkey, self.postgres):
            if service:
                service.stop()
        self._leave()
        if self.children:
            say("Stopped. The data is kept; `make run` goes on with it.")

    def end_at_once(self) -> None:
        """Drop what is under way; what was committed stays, and Postgres replays it next time."""
        for child in self.children.values():
            child.ask_to_stop(signal.SIGKILL)
        stop_all(list(self.children.values()))
        if self.valkey:
            self.valkey.stop()
        if self.postgres:
            self.postgres.stop(signal.SIGQUIT)
        self._leave()
        say("Ended at once. What was saved is kept; `make run` goes on with it.")

    def _leave(self) -> None:
        if self.holds_lock:
            self.home.addresses_file.unlink(missing_ok=True)
            self.run.list.unlink(missing_ok=True)
            self.run.release()
            self.holds_lock = False

    def _take_lock(self) -> None:
        self.holds_lock = self.run.take()
        if not self.holds_lock:
            raise Trouble(
                f"A portal is already running from {_short(self.home.folder)}/: stop it first, "
                "or give this one another JARI_HOME and PORT."
            )

    def _start_services(self) -> None:
        keys = self.home.load_secrets()
        ours: dict[str, str] = {}
        if not self.given.get("DATABASE_URL"):
            ours["DATABASE_URL"] = self._start_postgres(keys["POSTGRES_PASSWORD"])
        if not self.given.get("REDIS_URL"):
            ours["REDIS_URL"] = self._start_valkey(keys["VALKEY_PASSWORD"])
        ours |= {
            "PORT": str(self.port),
            "STATIC_ROOT": str(self.home.static),
            "JARI_SAMPLE": "1",
        }
        given = {name: value for name, value in self.given.items() if value}
        django = {"DJANGO_SETTINGS_MODULE": "config.settings.dev", "PYTHONUNBUFFERED": "1"}
        self.env = django | keys | ours | given | {"JARI_HOME": str(self.home.folder)}
        self.ours = list(ours)

    def _start_postgres(self, password: str) -> str:
        log = self.home.log / "postgres.log"
        mark = self.home.postgres_mark
        server = Postgres(self.home.postgres, log=log, password=password, mark=mark)
        self.postgres = server
        server.start(usual_port(self.home.run / "postgres.port"))
        self.supervisor.watch("postgres", server, lambda: server.start(server.port), log)
        server.create_database(DATABASE)
        return server.url(DATABASE)

    def _start_valkey(self, password: str) -> str:
        log = self.home.log / "valkey.log"
        server = Valkey(self.home.valkey, log=log, password=password)
        self.valkey = server
        server.start(usual_port(self.home.run / "valkey.port"))
        self.supervisor.watch("valkey", server, lambda: server.start(server.port), log)
        return server.url()

    def _prepare_database_and_files(self) -> None:
        """Tables and sample campaign, and static files beside them.

        What was done for the same files and the same cluster is not done again: a known database
        is only asked whether it is empty, while the web server starts."""
        files = FileStamp(self.home.static / ".stamp", _static_sources())
        cluster = self.postgres.identity if self.postgres else b""
        tables = FileStamp(self.home.run / "migrated", _migrations(), cluster)
        known = bool(cluster) and tables.fresh
        collect = None if files.fresh else self._step("collectstatic", "--noinput", "--verbosity=0")
        try:
            if not known:
                self._finish(self._step("migrate", "--noinput", "--verbosity=1"), "migrate")
                tables.keep()
            if _yes(self.env["JARI_SAMPLE"]):
                self.sample = self._step("load_sample", "--if-empty", "--logins", "--skip-checks")
                if not known:
                    self._finish(self.sample, "load_sample")
            if not self.postgres and not self.given.get("JARI_SAMPLE"):
                self._show_codes_only_if_the_sample_is_ours()
            if collect:
                self._finish(collect, "collectstatic")
                files.keep()
        finally:
            if collect:
                stop(collect, signal.SIGTERM, patience=2)

    def _show_codes_only_if_the_sample_is_ours(self) -> None:
        """A database of somebody's own may hold real people, whose codes belong on no page."""
        url = self.env["DATABASE_URL"].encode()
        loaded_by_us = FileStamp(self.home.run / "sample", [], url)
        if self._said_by_sample()[0]:  # what it loaded, if it did
            loaded_by_us.keep()
        self.env["JARI_SAMPLE"] = "1" if loaded_by_us.fresh else "0"

    def _step(self, command: str, *arguments: str) -> subprocess.Popen[bytes]:
        log = self.home.log / f"{command}.log"
        log.unlink(missing_ok=True)
        return spawn(_manage(command, *arguments), log=log, env=self.env, cwd=ROOT)

    def _finish(self, step: subprocess.Popen[bytes], command: str) -> None:
        try:
            code = step.wait()
        except Stop:
            stop(step, signal.SIGTERM, patience=5)
            raise
        if code:
            log = self.home.log / f"{command}.log"
            raise Trouble(f"manage.py {command} failed: {last_line(log)} (all of it: {log})")

    def _start_children(self, names: Iterable[str]) -> None:
        commands = {
            "web": web_command(self.bind, self.port),
            **worker_commands(),
            "cron": _manage("rqcron", "config.cron", "--skip-checks"),
        }
        for name in names:
            command = commands[name]
            # RQ finishes what it does on the first signal and drops it on the second.
            signals = (signal.SIGTERM,) * (2 if name in worker_commands() else 1)
            log = self.home.log / f"{name}.log"
            child = Child(name, command, log, self.env, ROOT, stop_signals=signals)
            self.children[name] = child
            child.start()
            self.supervisor.watch(name, child, child.start, log)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        known: Mapping[str, object] = {}
        while time.monotonic() < deadline:
            self.supervisor.look()
            known = self._ask()
            if known.get("ready") and known.get("redis") == known.get("worker") == "ok":
                return
            time.sleep(0.1)
        missing = [name for name, state in known.items() if state in ("unreachable", "none")]
        asked = ", ".join(missing or ["web"])
        raise Trouble(
            f"The portal did not become ready within {READY_SECONDS} s ({asked}): "
            f"see {_short(self.home.log)}/. The web server said last: "
            f"{last_line(self.home.log / 'web.log')}"
        )

    def _ask(self) -> Mapping[str, object]:
        try:
            _get(f"http://{self.bind}:{self.port}/healthz")
            answer = json.loads(_get(f"http://{self.bind}:{self.port}/readyz"))
        except (OSError, ValueError):
            return {}
        return dict(answer)

    def _tell(self, seconds: float) -> None:
        say(f"\nJari is ready after {seconds:.1f} s.\n")
        say(f"  Citizens   {self.address}/")
        say(f"  Staff      {self.address}/admin/")
        say(f"  Messages   {_short(self.home.folder / 'outbox')}/")
        say(f"  Logs       {_short(self.home.log)}/")
        if _yes(self.env["JARI_SAMPLE"]):
            self._tell_logins()
        say("\nCtrl-C stops it; the data stays.")

    def _tell_logins(self) -> None:
        logins = self._said_by_sample()[1]
        say(f"\n{logins}" if logins else "\nThis database holds no sample campaign.")

    def _said_by_sample(self) -> tuple[str, str]:
        """What load_sample has loaded, and the log-ins; either may be empty."""
        loaded, _line, logins = (self.home.log / "load_sample.log").read_text().partition("\n\n")
        return (
            ("", loaded.strip()) if loaded.startswith("\n") else (loaded.strip(), logins.rstrip())
        )


class FileStamp:
    """Whether files are the same as when the work on them was last done."""

    def __init__(self, file: Path, sources: Iterable[Path], more: bytes = b"") -> None:
        self.file = file
        digest = hashlib.sha256(more)
        for path in sorted(sources):
            status = path.stat()
            digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
        self.stamp = digest.hexdigest()

    @property
    def fresh(self) -> bool:
        return self.file.exists() and self.file.read_text() == self.stamp

    def keep(self) -> None:
        self.file.write_text(self.stamp)


def _migrations() -> list[Path]:
    """Our own, and the lock file for those of the packages."""
    ours = [*ROOT.glob("*/migrations/*.py"), *ROOT.glob("queue/*/migrations/*.py")]
    return [*ours, ROOT / "requirements" / "run.txt"]


def _static_sources() -> list[Path]:
    """Our own static files, and the lock file for those of the packages.

    Of packages only: `var/static` is where they are collected, and changes each time."""
    packages = [*ROOT.glob("*/__init__.py"), *ROOT.glob("queue/*/__init__.py")]
    folders = [ROOT / "static", *(package.parent / "static" for package in packages)]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    settings = [ROOT / "requirements" / "run.txt", *ROOT.glob("config/settings/*.py")]
    return [*files, *settings]


def web_command(bind: str, port: int) -> list[str]:
    return [sys.executable, "-m", "config.serve", "--bind", f"{bind}:{port}", "--workers", "2"]


def worker_commands() -> dict[str, list[str]]:
    """Each worker by its name. The tick and the sign-in codes have one each: nothing that takes
    long, an import or an export, may ever be in their way."""
    queues = {
        "line": ["line"],
        "codes": ["codes"],
        "messages": ["messages"],
        "jobs": ["default"],
        "exports": ["exports"],
    }
    options = ["--worker-ttl", "60", "--skip-checks"]  # migrate has checked
    return {name: _manage("rqworker", *of, *options) for name, of in queues.items()}


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *arguments]


def _get(url: str) -> bytes:
    """Asks this machine itself, past any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as answer:
        return bytes(answer.read())


def _yes(text: str) -> bool:
    return text.lower() in ("1", "true", "yes", "on", "y", "ok", "t")  # as django-environ reads it


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise Trouble(f"PORT is {text!r}: set it to a number from 1 to 65535.")
    return int(text)


def _short(path: Path) -> str:
    """As a person standing in the repository would write it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
