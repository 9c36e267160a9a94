"""Starts and stops the cluster, in order."""

import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from launcher.cluster import programs
from launcher.cluster.hosts import NODES, WEB_NODES, Host, Hosts
from launcher.errors import LauncherError
from launcher.home import ROLE_PASSWORDS, ROOT, Home, home_folder
from launcher.portal import (
    DATABASE,
    Portal,
    node_commands,
    print_line,
    run_portal,
    status_command,
)
from launcher.postgres import APPLICATION, OWNER, Postgres, reachable
from launcher.processes import LOOPBACK, Account
from launcher.supervisor import Child, stop_all

PRIMARY_SECONDS = 90


class Cluster(Portal):
    """A portal whose services are a cluster, and which has two nodes of each of its processes."""

    command = "make cluster"

    def __init__(self, environ: Mapping[str, str]) -> None:
        home = str(cluster_home(environ).folder)
        services = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")
        own = {name: value for name, value in environ.items() if name not in services}
        super().__init__(own | {"JARI_HOME": home})
        self.hosts: Hosts | None = None
        self.services: list[Host] = []
        self.lost: list[Host] = []  # their machines are gone until `bring_back`

    def start_services(self) -> None:
        programs.provide()
        keys = self.home.load_secrets()
        self.hosts = hosts = Hosts(_folder(self.home), self.home.log, self.home.run, self.port)
        owner_password, app_password = (keys[name] for name in ROLE_PASSWORDS)
        self.services = hosts.all(keys["POSTGRES_PASSWORD"], app_password)
        self._start_hosts(self.services)
        self._wait(lambda: is_whole(hosts), "no Postgres has two standbys")
        self._make_database(keys)
        pooled = ",".join(hosts.address(f"pgbouncer-{node}") for node in WEB_NODES)
        direct = hosts.address("primary")
        self.build_env(
            keys,
            {
                "DATABASE_URL": f"postgres://{APPLICATION}:{app_password}@{pooled}/{DATABASE}"
                "?connect_timeout=2",
                "DATABASE_OWNER_URL": f"postgres://{OWNER}:{owner_password}@{direct}/{DATABASE}",
                "REDIS_URL": hosts.redis_url(),
                "JARI_PROXIES": "1",
            },
        )

    def _start_hosts(self, started: list[Host]) -> None:
        for host in started:
            host.start()
            self.supervisor.watch(host.name, host, host.start, host.log)

    def lose(self, name: str) -> None:
        """kill -9 a service, and start it no more: its machine is gone."""
        host = next(host for host in self.services if host.name == name)
        self.supervisor.unwatch(name)
        host.ask_to_stop(signal.SIGKILL)
        self.lost.append(host)

    def bring_back(self) -> None:
        lost, self.lost = self.lost, []
        self._start_hosts(lost)

    def _make_database(self, keys: Mapping[str, str]) -> None:
        assert self.hosts
        primary = Postgres(
            self.home.postgres, log=self.home.log, password=keys["POSTGRES_PASSWORD"]
        )
        primary.port = self.hosts.ports["primary"]
        roles = dict(zip((OWNER, APPLICATION), (keys[n] for n in ROLE_PASSWORDS), strict=True))
        self._wait(lambda: _succeeds(lambda: primary.create_database(DATABASE, roles)), "refused")

    def _wait(self, is_there: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PRIMARY_SECONDS
        while not is_there():
            self.supervisor.look()
            if time.monotonic() > deadline:
                raise LauncherError(f"The cluster did not start ({what}): see {self.home.log}/.")
            time.sleep(0.2)

    def commands(self) -> dict[str, list[str]]:
        """Each process of the portal, on two nodes."""
        assert self.hosts
        of_node: dict[str, list[str]] = {}
        for node in WEB_NODES:
            port = self.hosts.ports[f"web-{node}"]
            status = status_command(LOOPBACK, self.hosts.ports[f"status-{node}"])
            named = node_commands(LOOPBACK, port) | {"status": status}
            of_node |= {f"{name}-{node}": command for name, command in named.items()}
        return of_node

    def child_env(self, name: str) -> dict[str, str]:
        """A node's processes go by its own PgBouncer, and by no other."""
        assert self.hosts
        node = name.rpartition("-")[2]
        pooled = ",".join(self.hosts.address(f"pgbouncer-{n}") for n in WEB_NODES)
        own = self.hosts.address(f"pgbouncer-{node}")
        url = self.env["DATABASE_URL"].replace(pooled, own)
        return self.env | {"DATABASE_URL": url, "JARI_NODE": node}

    def _print_addresses(self, seconds: float) -> None:
        super()._print_addresses(seconds)
        print_line("Who leads: make cluster ARGS=--status, in another terminal.")

    def is_ready(self) -> bool:
        """Whether people may come: a web node is ready, and Redis and a worker of the line too."""
        states = self._readiness()
        return states.get("ready") is True and states.get("redis") == states.get("worker") == "ok"

    def stop_services(self, *, at_once: bool = False) -> None:
        """What the portal needs last stops first; Postgres before etcd, which knows the primary."""
        for role in ("pgbouncer", "haproxy", "pg", "sentinel", "valkey", "etcd"):
            group: list[Child] = [h for h in self.services if h.name.partition("-")[0] == role]
            for host in group if at_once else []:
                host.ask_to_stop(signal.SIGKILL)
            stop_all(group)
        for server in self.hosts.postgres.values() if self.hosts else []:
            server.end_leftover()


def cluster_home(environ: Mapping[str, str]) -> Home:
    """A folder of its own, beside that of `make run`."""
    return Home(home_folder({"JARI_HOME": environ.get("JARI_HOME") or str(ROOT / "var/cluster")}))


def _succeeds(step: Callable[[], None]) -> bool:
    try:
        step()
    except LauncherError:
        return False
    return True


def _folder(home: Home) -> Path:
    """The folder of the hosts; LauncherError if root's other accounts can't come to it."""
    folder = home.folder / "hosts"
    folder.mkdir(mode=0o711, exist_ok=True)
    if os.geteuid() == 0 and not reachable(folder, Account.unprivileged()):
        raise LauncherError(
            f"As root, the cluster's services run as another user, who can't come to {folder}: "
            "set JARI_HOME to a folder that others may pass through, as /var/lib/jari-cluster."
        )
    return folder


def ask(url: str | urllib.request.Request, seconds: float = 2.0) -> object:
    """JSON of a service on this machine; None if there is no answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=seconds) as answer:
            return json.loads(answer.read())
    except (OSError, ValueError):
        return None


def members(ports: Mapping[str, int]) -> list[dict[str, object]]:
    """Postgres' members as the first Patroni that answers knows them; [] if none does."""
    for node in NODES:
        answer = ask(f"http://{LOOPBACK}:{ports[f'patroni-{node}']}/cluster")
        if isinstance(answer, dict) and answer.get("members"):
            return list(answer["members"])
    return []


def is_whole(hosts: Hosts) -> bool:
    """Whether there is a primary with both standbys, one of them the synchronous one."""
    found = [(member["role"], member["state"]) for member in members(hosts.ports)]
    wanted = [("leader", "running"), ("replica", "streaming"), ("sync_standby", "streaming")]
    return sorted(found) == sorted(wanted)


def run(environ: Mapping[str, str]) -> int:
    return run_portal(Cluster(environ))
