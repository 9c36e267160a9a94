"""`make run`: runs the portal with its services on one machine until Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from launcher.errors import LauncherError
from launcher.home import (
    DJANGO_SECRETS,
    NO_WRITING,
    OWNER_URL,
    ROLE_PASSWORDS,
    ROOT,
    Home,
    could_not_write,
    home_folder,
    write_env,
)
from launcher.postgres import APPLICATION, OWNER, Postgres
from launcher.processes import RunFolder, end_with, is_free, spawn, stop, usual_port
from launcher.stamps import FileStamp, migrations, static_sources
from launcher.supervisor import Child, Supervisor, last_line, stop_all
from launcher.valkey import Valkey

READY_SECONDS = 90
# Started first: the processes that readiness needs. The other workers start when the portal is
# ready, so that loading Django in them does not delay the first page.
FIRST = ("web", "line", "cron")
DATABASE = "jari"


# BaseException: no `except Exception` on the way may swallow a request to stop.
class StopRequested(BaseException):
    """Ctrl-C, SIGTERM, or a closed terminal."""


class KillRequested(BaseException):
    """A second Ctrl-C while the portal is stopping."""


def run(environ: Mapping[str, str]) -> int:
    return run_portal(Portal(environ))


def run_portal(portal: "Portal") -> int:
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, _raise_stop)
    if portal.environ.get("MAKELEVEL"):  # started by make: end with it, also if it is killed
        end_with(os.getppid())
    try:
        portal.start()
        while True:
            portal.supervisor.look()
            time.sleep(0.2)
    except StopRequested:
        return 0
    except OSError as error:
        if error.errno not in NO_WRITING:
            raise
        raise LauncherError(could_not_write(portal.home.folder, error)) from error
    finally:
        _stop(portal)


def _stop(portal: "Portal") -> None:
    """Stop in order; a second Ctrl-C kills everything at once.

    Further SIGTERM and SIGHUP are ignored, as a closing terminal sends both.
    """
    try:
        signal.signal(signal.SIGINT, _raise_kill)
        for sig in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, signal.SIG_IGN)
        portal.stop()
    except (KillRequested, StopRequested):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        portal.end_at_once()


def _raise_stop(*_: object) -> None:
    raise StopRequested


def _raise_kill(*_: object) -> None:
    raise KillRequested


def print_line(line: str) -> None:
    try:
        print(line, flush=True)  # noqa: T201
    except OSError:
        return  # the terminal is closed; the portal runs on until a signal stops it


class Portal:
    """The services and child processes of one portal.

    Services whose URL stands in `environ` are not started.
    """

    command = "make run"  # what starts it again

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = dict(environ)
        self.home = Home(home_folder(environ))
        self.port = _port(environ.get("PORT") or "8000")
        self.bind = environ.get("JARI_BIND") or "127.0.0.1"
        self.run = RunFolder(self.home.run)
        self.supervisor = Supervisor(self.run, print_line)
        self.postgres: Postgres | None = None
        self.valkey: Valkey | None = None
        self.children: dict[str, Child] = {}
        self.env: dict[str, str] = {}
        self.own_variables: dict[str, str] = {}  # set here, and written down for manage.py
        self.owner: dict[str, str] = {}  # DATABASE_OWNER_URL, if known
        self.sample: subprocess.Popen[bytes] | None = None
        self.holds_lock = False

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        """Start everything and return when pages are served; LauncherError if that fails."""
        began = time.monotonic()
        self.home.prepare()
        self._take_lock()
        self.run.end_leftovers()  # before the check of the port, which one of them may hold
        if not is_free(self.port, self.bind):
            raise LauncherError(
                f"Port {self.port} is in use by another program: choose another one, "
                f"for example PORT={self.port + 1} make run"
            )
        print_line(f"Jari is starting; its data is in {_short(self.home.folder)}/")
        self.start_services()
        print_line(
            "  database and Redis are up; preparing tables, sample campaign and static files…"
        )
        self._prepare_database_and_files()
        write_env(
            self.home.addresses_file,
            self.own_variables | {"JARI_SAMPLE": self.env["JARI_SAMPLE"]},
            note="The running portal; made anew each time.",
        )
        print_line("  starting web server, workers and cron…")
        commands = self.commands()
        first = [name for name in commands if name.partition("-")[0] in FIRST]
        self._start_children({name: commands[name] for name in first})
        self._wait_until_ready()
        if self.sample:
            self._finish(self.sample, "load_sample")
        self._start_children({n: command for n, command in commands.items() if n not in first})
        self._print_addresses(time.monotonic() - began)

    def stop(self) -> None:
        """Stop the processes after they finished their work, then the services they depend on.

        A job that a last request enqueues for a stopped worker waits in Valkey.
        """
        self.run.mark_stopping()
        if self.children:
            print_line("Stopping… (Ctrl-C again ends everything at once)")
        stop_all(list(self.children.values()))
        self.stop_services()
        self._leave()
        if self.children:
            print_line(f"Stopped. The data is kept; `{self.command}` goes on with it.")

    def end_at_once(self) -> None:
        """Kill the processes and drop their work. Postgres replays its log next time."""
        for child in self.children.values():
            child.ask_to_stop(signal.SIGKILL)
        stop_all(list(self.children.values()))
        self.stop_services(at_once=True)
        self._leave()
        print_line(f"Ended at once. What was saved is kept; `{self.command}` goes on with it.")

    def stop_services(self, *, at_once: bool = False) -> None:
        if self.valkey:
            self.valkey.stop()
        if self.postgres:
            self.postgres.stop(signal.SIGQUIT if at_once else None)

    def _leave(self) -> None:
        """Release the lock of JARI_HOME, with the files of a running portal."""
        if self.holds_lock:
            self.home.addresses_file.unlink(missing_ok=True)
            self.run.list.unlink(missing_ok=True)
            self.run.release()
            self.holds_lock = False

    def _take_lock(self) -> None:
        self.holds_lock = self.run.take()
        if not self.holds_lock:
            raise LauncherError(
                f"A portal is already running from {_short(self.home.folder)}/: stop it first, "
                "or give this one another JARI_HOME and PORT."
            )

    def start_services(self) -> None:
        """Start Postgres and Valkey unless their URLs are set, and build the children's `env`."""
        keys = self.home.load_secrets()
        own: dict[str, str] = {}
        if not self.environ.get("DATABASE_URL"):
            own |= self._start_postgres(keys)
        if not self.environ.get("REDIS_URL"):
            own["REDIS_URL"] = self._start_valkey(keys["VALKEY_PASSWORD"])
        self.build_env(keys, own)

    def build_env(self, keys: Mapping[str, str], services: Mapping[str, str]) -> None:
        own = dict(services) | {
            "PORT": str(self.port),
            "STATIC_ROOT": str(self.home.static),
            "JARI_SAMPLE": "1",
        }
        # An empty variable counts as unset. Set ones override secrets.env and the values above.
        environ = {name: value for name, value in self.environ.items() if value}
        django = {"DJANGO_SETTINGS_MODULE": "config.settings.dev", "PYTHONUNBUFFERED": "1"}
        django |= {name: keys[name] for name in DJANGO_SECRETS}
        self.env = django | own | environ | {"JARI_HOME": str(self.home.folder)}
        self.own_variables = {name: self.env[name] for name in own}
        # The owner's address is for `migrate` alone.
        self.owner = {OWNER_URL: self.env.pop(OWNER_URL)} if OWNER_URL in self.env else {}

    def _start_postgres(self, keys: Mapping[str, str]) -> dict[str, str]:
        """Returns the addresses of the database: the application's, and the owner's."""
        log = self.home.log / "postgres.log"
        mark = self.home.postgres_mark
        password = keys["POSTGRES_PASSWORD"]
        server = Postgres(self.home.postgres, log=log, password=password, mark=mark)
        self.postgres = server
        server.start(usual_port(self.home.run / "postgres.port"))
        self.supervisor.watch("postgres", server, lambda: server.start(server.port), log)
        roles = (OWNER, APPLICATION)
        passwords = {role: keys[name] for role, name in zip(roles, ROLE_PASSWORDS, strict=True)}
        server.create_database(DATABASE, passwords)
        return {
            "DATABASE_URL": server.url(DATABASE, APPLICATION, passwords[APPLICATION]),
            OWNER_URL: server.url(DATABASE, OWNER, passwords[OWNER]),
        }

    def _start_valkey(self, password: str) -> str:
        log = self.home.log / "valkey.log"
        server = Valkey(self.home.valkey, log=log, password=password)
        self.valkey = server
        server.start(usual_port(self.home.run / "valkey.port"))
        self.supervisor.watch("valkey", server, lambda: server.start(server.port), log)
        return server.url()

    def _prepare_database_and_files(self) -> None:
        """Migrate, load the sample campaign, and collect static files at the same time.

        Steps that were done for the same files and the same cluster are skipped. For a migrated
        database only load_sample runs, while the web server starts, and loads if it is empty.
        """
        files = FileStamp(self.home.static / ".stamp", static_sources())
        cluster = self.postgres.identity if self.postgres else b""
        tables = FileStamp(self.home.run / "migrated", migrations(), cluster)
        is_migrated = bool(cluster) and tables.is_current
        collect = (
            None if files.is_current else self._step("collectstatic", "--noinput", "--verbosity=0")
        )
        try:
            if not is_migrated:
                self._finish(self._step("migrate", "--noinput", "--verbosity=1"), "migrate")
                tables.keep()
            if _yes(self.env["JARI_SAMPLE"]):
                self.sample = self._step("load_sample", "--if-empty", "--logins", "--skip-checks")
                if not is_migrated:
                    self._finish(self.sample, "load_sample")
            if not self.postgres and not self.environ.get("JARI_SAMPLE"):
                self._show_codes_only_of_own_sample()
            if collect:
                self._finish(collect, "collectstatic")
                files.keep()
        finally:
            if collect:
                stop(collect, signal.SIGTERM, patience=2)

    def _show_codes_only_of_own_sample(self) -> None:
        """Switch JARI_SAMPLE off for a database whose sample wasn't loaded from this JARI_HOME.

        An external database may hold real people, whose sign-in codes must not appear on a page.
        """
        url = self.env["DATABASE_URL"].encode()
        own_sample = FileStamp(self.home.run / "sample", [], url)
        loaded, _logins = self._sample_output()
        if loaded:
            own_sample.keep()
        self.env["JARI_SAMPLE"] = "1" if own_sample.is_current else "0"

    def _step(self, command: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a management command, with a log of its own."""
        log = self.home.log / f"{command}.log"
        log.unlink(missing_ok=True)
        env = self.env | self.owner if command == "migrate" else self.env
        return spawn(_manage(command, *arguments), log=log, env=env, cwd=ROOT)

    def _finish(self, step: subprocess.Popen[bytes], command: str) -> None:
        """Wait for a step; LauncherError with its last line if it failed."""
        try:
            code = step.wait()
        except StopRequested:
            stop(step, signal.SIGTERM, patience=5)
            raise
        if code:
            log = self.home.log / f"{command}.log"
            raise LauncherError(f"manage.py {command} failed: {last_line(log)} (all of it: {log})")

    def commands(self) -> dict[str, list[str]]:
        """Name → command of each process."""
        return node_commands(self.bind, self.port)

    def child_env(self, _name: str) -> dict[str, str]:
        return self.env

    def _start_children(self, commands: Mapping[str, list[str]]) -> None:
        for name, command in commands.items():
            # RQ finishes the running job on the first signal and drops it on the second.
            signals = (signal.SIGTERM,) * (2 if "rqworker" in command else 1)
            log = self.home.log / f"{name}.log"
            env = self.child_env(name)
            child = Child(name, command, log, env, ROOT, stop_signals=signals)
            self.children[name] = child
            child.start()
            self.supervisor.watch(name, child, child.start, log)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        states: Mapping[str, object] = {}
        while time.monotonic() < deadline:
            self.supervisor.look()
            states = self._readiness()
            if states.get("ready") and states.get("redis") == states.get("worker") == "ok":
                return
            time.sleep(0.1)
        missing = [name for name, state in states.items() if state in ("unreachable", "none")]
        parts = ", ".join(missing or ["web"])
        raise LauncherError(
            f"The portal did not become ready within {READY_SECONDS} s ({parts}): "
            f"see {_short(self.home.log)}/. The web server said last: "
            f"{last_line(self.home.log / 'web.log')}"
        )

    def _readiness(self) -> Mapping[str, object]:
        """The content of /readyz; {} while the web server does not answer."""
        try:
            _get(f"http://{self.bind}:{self.port}/healthz")
            answer = json.loads(_get(f"http://{self.bind}:{self.port}/readyz"))
        except (OSError, ValueError):
            return {}
        return dict(answer)

    def _print_addresses(self, seconds: float) -> None:
        print_line(f"\nJari is ready after {seconds:.1f} s.\n")
        print_line(f"  Citizens   {self.address}/")
        print_line(f"  Staff      {self.address}/admin/")
        print_line(f"  Messages   {_short(self.home.folder / 'outbox')}/")
        print_line(f"  Logs       {_short(self.home.log)}/")
        if _yes(self.env["JARI_SAMPLE"]):
            self._print_logins()
        print_line("\nCtrl-C stops it; the data stays.")

    def _print_logins(self) -> None:
        _loaded, logins = self._sample_output()
        print_line(f"\n{logins}" if logins else "\nThis database holds no sample campaign.")

    def _sample_output(self) -> tuple[str, str]:
        """The two parts of load_sample's output: what it loaded, and the log-ins; "" if absent."""
        loaded, _line, logins = (self.home.log / "load_sample.log").read_text().partition("\n\n")
        return (
            ("", loaded.strip()) if loaded.startswith("\n") else (loaded.strip(), logins.rstrip())
        )


def web_command(bind: str, port: int) -> list[str]:
    return [sys.executable, "-m", "config.serve", "--bind", f"{bind}:{port}", "--workers", "2"]


def status_command(bind: str, port: int) -> list[str]:
    """Of a node with a proxy in front, which asks it when no web server lives."""
    return [sys.executable, "-m", "config.status_server", "--bind", f"{bind}:{port}"]


def node_commands(bind: str, port: int) -> dict[str, list[str]]:
    """Name → command of each process that a node runs."""
    return {
        "web": web_command(bind, port),
        **worker_commands(),
        "cron": _manage("rqcron", "config.cron", "--skip-checks"),
    }


def worker_commands() -> dict[str, list[str]]:
    """Name → command of each worker. The tick and the sign-in codes have a worker of their own, so
    that no import or export delays them."""
    queues = {
        "line": ["line"],
        "codes": ["codes"],
        "messages": ["messages"],
        "jobs": ["default"],
        "exports": ["exports"],
    }
    options = ["--worker-ttl", "60", "--skip-checks"]  # migrate has checked
    return {name: _manage("rqworker", *served, *options) for name, served in queues.items()}


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *arguments]


def _get(url: str) -> bytes:
    """GET from this machine, without the proxy that the environment may name."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as answer:
        return bytes(answer.read())


def _yes(text: str) -> bool:
    return text.lower() in ("1", "true", "yes", "on", "y", "ok", "t")  # as django-environ reads it


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise LauncherError(f"PORT is {text!r}: set it to a number from 1 to 65535.")
    return int(text)


def _short(path: Path) -> str:
    """`path` relative to the working directory, if it lies below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
