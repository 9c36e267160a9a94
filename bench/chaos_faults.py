"""What happens to the cluster. Each fault says in one sentence what it did."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from launcher.cluster.hosts import WEB_NODES
from launcher.cluster.run import Cluster, members
from launcher.cluster.status import cron_node, valkey_primary, web_states
from launcher.errors import LauncherError

TURN_SECONDS = 60


def nothing(_cluster: Cluster) -> None:
    pass


@dataclass(frozen=True)
class Fault:
    name: str
    how: str
    act: Callable[[Cluster], str]
    undo: Callable[[Cluster], None] = nothing


def leader(cluster: Cluster, role: str = "leader") -> str:
    """The member of this role, as `pg-a`."""
    assert cluster.hosts
    found = [m["name"] for m in members(cluster.hosts.ports) if m["role"] == role]
    if not found:
        raise LauncherError(f"No Postgres is {role}.")
    return str(found[0])


def kill(cluster: Cluster, name: str) -> None:
    """kill -9 the process of this name."""
    children = [*cluster.services, *cluster.children.values()]
    process = next(child.process for child in children if child.name == name)
    assert process
    process.kill()


def kill_postgres(cluster: Cluster, name: str) -> None:
    """kill -9 the postmaster, whose children end with it."""
    assert cluster.hosts
    server = cluster.hosts.postgres[name.removeprefix("pg-")]
    os.kill(int((server.data / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)


def back(cluster: Cluster) -> None:
    cluster.bring_back()


def primary(cluster: Cluster) -> str:
    name = leader(cluster)
    kill_postgres(cluster, name)
    return f"kill -9 of the primary's Postgres ({name}); its Patroni lived"


def machine(cluster: Cluster) -> str:
    name = leader(cluster)
    # Patroni before Postgres, as it would hand the primary over in order.
    cluster.lose(name)
    kill_postgres(cluster, name)
    return f"kill -9 of the primary and its Patroni ({name}), both gone until the end"


def standby(cluster: Cluster) -> str:
    name = leader(cluster, "sync_standby")
    cluster.lose(name)
    kill_postgres(cluster, name)
    return f"kill -9 of the synchronous standby and its Patroni ({name}), gone until the end"


def web(cluster: Cluster) -> str:
    kill(cluster, "web-a")
    return "kill -9 of one web node's server, with all its processes"


def worker(cluster: Cluster) -> str:
    for role in ("line", "codes", "jobs"):
        kill(cluster, f"{role}-a")
    return "kill -9 of one node's workers for the line, codes and jobs"


def cron(cluster: Cluster) -> str:
    node = cron_node(cluster.home)
    kill(cluster, f"cron-{node}")
    return f"kill -9 of the cron that acted (node {node})"


def valkey(cluster: Cluster) -> str:
    assert cluster.hosts
    name = valkey_primary(cluster.home, cluster.hosts.ports)
    assert name
    cluster.lose(name)
    return f"kill -9 of the primary Valkey ({name}), gone until the end"


def pgbouncer(cluster: Cluster) -> str:
    kill(cluster, "pgbouncer-a")
    return "kill -9 of one node's PgBouncer"


def rolling(cluster: Cluster) -> str:
    """Each web node is stopped, started again and taken in by HAProxy before the next one."""
    for node in WEB_NODES:
        # The supervisor starts it again, as systemd would the new version.
        name = f"web-{node}"
        cluster.children[name].ask_to_stop(signal.SIGTERM)
        _until(cluster, lambda name=name: not dict(web_states(cluster.home))[name].startswith("UP"))
        _until(cluster, lambda name=name: dict(web_states(cluster.home))[name].startswith("UP"))
    return "all web nodes stopped and started again, one after the other"


def _until(cluster: Cluster, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TURN_SECONDS
    while not condition():
        cluster.supervisor.look()
        if time.monotonic() > deadline:
            raise LauncherError("A web node did not come back.")
        time.sleep(0.1)


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("primary", "the primary's Postgres dies", primary),
        Fault("machine", "the primary's machine is lost", machine, back),
        Fault("standby", "the synchronous standby's machine is lost", standby, back),
        Fault("web", "a web node dies", web),
        Fault("worker", "a node's workers die", worker),
        Fault("cron", "the acting cron dies", cron),
        Fault("valkey", "the primary Valkey's machine is lost", valkey, back),
        Fault("pgbouncer", "a PgBouncer dies", pgbouncer),
        Fault("rolling", "a new version is rolled out", rolling),
    )
}
