"""Where a fault plays: in a cluster of this machine's own, or on one machine as `make run` is."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from bench.chaos.journals import Provider, fetch
from launcher.cluster.run import Cluster, is_whole
from launcher.errors import LauncherError
from launcher.home import OWNER_URL, ROOT, Home, fill_environment, home_folder
from launcher.portal import print_line
from launcher.processes import free_port

READY_SECONDS = 120
SETTLE_SECONDS = 90
OTHERS = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")  # no fault is for them


class Stage(Protocol):
    home: Home
    env: dict[str, str]
    owner: dict[str, str]  # DATABASE_OWNER_URL
    provider: Provider

    @property
    def address(self) -> str: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def look(self) -> None:
        """One round of the supervisor, where this process is it."""

    def is_whole(self) -> bool:
        """Whether all is as before the fault."""


class Hosts(Cluster):
    """`make cluster`, with this process as the supervisor of each host."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.provider = Provider(free_port())
        super().__init__(dict(environ) | {"JARI_MESSAGE_CHANNELS": self.provider.channels})

    def look(self) -> None:
        self.supervisor.look()

    def is_whole(self) -> bool:
        runs = self.hosts is not None and is_whole(self.hosts) and not self.supervisor.ended()
        return runs and self.is_ready()


class Machine:
    """`make run`, whose launcher is a process that can be killed."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.home = Home(home_folder(environ) / "machine")
        self.port = free_port()
        self.provider = Provider(free_port())
        self.own = dict(environ) | {
            "JARI_HOME": str(self.home.folder),
            "PORT": str(self.port),
            "JARI_MESSAGE_CHANNELS": self.provider.channels,
        }
        self.env: dict[str, str] = {}
        self.owner: dict[str, str] = {}
        self.launcher: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        """Return when people may come; LauncherError if that takes READY_SECONDS."""
        self.home.folder.mkdir(parents=True, exist_ok=True)
        with (self.home.folder / "launcher.log").open("ab") as log:
            self.launcher = subprocess.Popen(
                [sys.executable, "-m", "launcher", "run"],
                env=self.own, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        if not wait_for(self, self.is_whole, READY_SECONDS):
            raise LauncherError(f"The portal did not start: see {log.name}.")
        self.env = dict(self.own)
        fill_environment(self.env)
        self.env["DJANGO_SETTINGS_MODULE"] = "config.settings.dev"
        self.owner = {OWNER_URL: self.env.pop(OWNER_URL)}

    def stop(self) -> None:
        if self.launcher and self.launcher.poll() is None:
            self.launcher.send_signal(signal.SIGINT)
            try:
                self.launcher.wait(30)
            except subprocess.TimeoutExpired:
                self.launcher.kill()

    def look(self) -> None:
        """Its launcher looks after it."""

    def is_whole(self) -> bool:
        status, text = fetch(f"{self.address}/readyz")
        states = json.loads(text) if status == 200 else {}
        return states.get("redis") == states.get("worker") == "ok"


def wait_for(stage: Stage, condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it became true in time; the stage is looked after meanwhile."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        stage.look()
        time.sleep(0.1)
    return True


def settle(stage: Stage) -> None:
    """Return when all is as before the fault, so that the next one meets a whole portal."""
    if not wait_for(stage, stage.is_whole, SETTLE_SECONDS):
        raise LauncherError(f"The portal was not whole again after {SETTLE_SECONDS} s.")


def go_on(stage: Stage, seconds: float) -> None:
    """So long a fault lasts."""
    wait_for(stage, lambda: False, seconds)


def manage(
    stage: Stage, command: str, *arguments: str, more: Mapping[str, str] | None = None
) -> int:
    """Run a management command, with a log of its own; returns its code."""
    with (stage.home.log / f"chaos-{command}.log").open("wb") as out:
        running = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), command, *arguments],
            env=stage.env | dict(more or {}), cwd=ROOT, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    wait_for(stage, lambda: running.poll() is not None, 120)
    if running.poll() is None:
        running.kill()
        print_line(f"{command} took too long.")
    return running.wait()


def environ(port: str) -> dict[str, str]:
    """Of a portal with a sample campaign, apart from that of `make run`."""
    home = os.environ.get("JARI_HOME") or str(ROOT / "var" / "chaos")
    own = {name: value for name, value in os.environ.items() if name not in OTHERS}
    return {"PORT": port} | own | {"JARI_HOME": home, "JARI_SAMPLE": "1"}
