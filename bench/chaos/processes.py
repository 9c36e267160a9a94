"""Processes of the cluster, by the part they play."""

import os
import signal
import subprocess
from contextlib import suppress

from bench.chaos.jobs import QUEUES, primary
from bench.chaos.stages import Hosts, wait_for
from launcher.cluster.hosts import WEB_NODES
from launcher.cluster.run import members
from launcher.cluster.status import cron_node, web_states
from launcher.errors import LauncherError

TURN_SECONDS = 60


def leader(hosts: Hosts, role: str = "leader") -> str:
    """The member of this role, as `pg-a`."""
    assert hosts.hosts
    found = [m["name"] for m in members(hosts.hosts.ports) if m["role"] == role]
    if not found:
        raise LauncherError(f"No Postgres is {role}.")
    return str(found[0])


def kill(hosts: Hosts, name: str) -> None:
    """kill -9 the process of this name."""
    children = [*hosts.services, *hosts.children.values()]
    process = next(child.process for child in children if child.name == name)
    assert process
    process.kill()


def _postmaster(hosts: Hosts, name: str) -> int:
    assert hosts.hosts
    server = hosts.hosts.postgres[name.removeprefix("pg-")]
    return int((server.data / "postmaster.pid").read_text().splitlines()[0])


def kill_postgres(hosts: Hosts, name: str) -> None:
    """kill -9 the postmaster, whose children end with it."""
    os.kill(_postmaster(hosts, name), signal.SIGKILL)


def lose(hosts: Hosts, name: str) -> None:
    """Patroni before Postgres, as it would hand the primary over in order."""
    hosts.lose(name)
    kill_postgres(hosts, name)


def signal_member(hosts: Hosts, name: str, number: signal.Signals) -> None:
    """To every process of a member, as a machine that stands still stops them all."""
    patroni = next(host.process for host in hosts.services if host.name == name)
    postmaster = _postmaster(hosts, name)
    shown = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(postmaster)], capture_output=True, text=True, check=False
    )
    assert patroni
    for pid in [patroni.pid, postmaster, *map(int, shown.stdout.split())]:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def cron_of(hosts: Hosts) -> str:
    """The node whose cron acts; LauncherError if none does."""
    node = cron_node(hosts.home)
    if node is None:
        raise LauncherError("No cron acts.")
    return node


def restart(hosts: Hosts, node: str) -> None:
    """Stop all processes of a node, and return when they work again: HAProxy sends people there,
    and each queue has a worker of each node.

    Their supervisor starts them, as systemd would the new version."""
    name = f"web-{node}"
    children = [child for role, child in hosts.children.items() if role.endswith(f"-{node}")]
    before = {child.name: child.process.pid for child in children if child.process}

    def is_up() -> bool:
        return dict(web_states(hosts.home)).get(name, "").startswith("UP")

    def is_new() -> bool:
        return all(child.process and child.process.pid != before[child.name] for child in children)

    def works() -> bool:
        queues = primary(hosts)
        # A worker that stops takes itself off these.
        return all(queues.scard(f"rq:workers:{name}") >= len(WEB_NODES) for name in QUEUES)

    for child in children:
        child.ask_to_stop(signal.SIGTERM)
    wait_for(hosts, lambda: not is_up(), TURN_SECONDS)
    if not wait_for(hosts, lambda: is_new() and is_up() and works(), TURN_SECONDS):
        raise LauncherError(f"Node {node} did not come back.")
