"""What happens to the portal. Each fault says in one sentence what it did."""

import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg

from bench.chaos import jobs
from bench.chaos.processes import (
    cron_of,
    kill,
    kill_postgres,
    leader,
    lose,
    restart,
    signal_member,
)
from bench.chaos.proxy import Proxy, Way
from bench.chaos.stages import Hosts, Machine, go_on, manage, wait_for
from launcher.cluster.hosts import WEB_NODES
from launcher.cluster.status import valkey_primary
from launcher.errors import LauncherError

FROZEN_SECONDS = 20.0
# Longer than the breakers' patience, and than the least time after which a gateway is asked again.
AWAY_SECONDS = 15.0
ROLLOUT = {"DJANGO_SETTINGS_MODULE": "bench.chaos.rollout.settings"}


def nothing(_stage: Any) -> None:
    pass


@dataclass(frozen=True)
class Fault:
    name: str
    how: str
    act: Callable[[Any], str]
    undo: Callable[[Any], None] = nothing
    stage: type[Hosts | Machine] = Hosts


def back(hosts: Hosts) -> None:
    hosts.bring_back()


def primary(hosts: Hosts) -> str:
    name = leader(hosts)
    kill_postgres(hosts, name)
    return f"kill -9 of the primary's Postgres ({name}); its Patroni lived"


def machine(hosts: Hosts) -> str:
    name = leader(hosts)
    lose(hosts, name)
    return f"kill -9 of the primary and its Patroni ({name}), both gone until the end"


def frozen(hosts: Hosts) -> str:
    name = leader(hosts)
    signal_member(hosts, name, signal.SIGSTOP)
    try:
        go_on(hosts, FROZEN_SECONDS)
    finally:
        signal_member(hosts, name, signal.SIGCONT)
    return f"SIGSTOP of the primary and its Patroni ({name}) for {FROZEN_SECONDS:.0f} s"


def standby(hosts: Hosts) -> str:
    name = leader(hosts, "sync_standby")
    lose(hosts, name)
    return f"kill -9 of the synchronous standby and its Patroni ({name}), gone until the end"


def full(hosts: Hosts) -> str:
    """Others take what is left of `max_connections`, and each connection that becomes free."""
    assert hosts.hosts
    app = hosts.env["DATABASE_URL"].rpartition("@")
    url = f"{app[0]}@{hosts.hosts.address('primary')}/{app[2].partition('/')[2]}"
    taken: list[psycopg.Connection] = []

    def take() -> bool:
        with suppress(psycopg.OperationalError):
            while True:
                taken.append(psycopg.connect(url))
        return False

    try:
        wait_for(hosts, take, AWAY_SECONDS)
    finally:
        for connection in taken:
            connection.close()
    return f"{len(taken)} connections of others, all that Postgres gave, for {AWAY_SECONDS:.0f} s"


def pgbouncer(hosts: Hosts) -> str:
    kill(hosts, "pgbouncer-a")
    return "kill -9 of one node's PgBouncer, which was started again"


def network(way: Way) -> Callable[[Hosts], str]:
    """The way from one node's PgBouncer to the primary."""

    def act(hosts: Hosts) -> str:
        assert hosts.hosts
        direct = hosts.hosts.ports["primary"]
        with Proxy(direct) as proxy:
            _lead(hosts, direct, proxy.port)
            go_on(hosts, 2)  # PgBouncer goes there as soon as a transaction ends
            proxy.turn(way)
            go_on(hosts, AWAY_SECONDS)
            proxy.turn(Way.CLEAR)
            _lead(hosts, proxy.port, direct)
            go_on(hosts, 2)
        return f"one node's way to the primary {way.value}, for {AWAY_SECONDS:.0f} s"

    return act


def _lead(hosts: Hosts, before: int, after: int) -> None:
    """Tell PgBouncer of node a another port of the primary."""
    file = hosts.home.folder / "hosts" / "pgbouncer-a" / "pgbouncer.ini"
    file.write_text(file.read_text().replace(f"port={before} ", f"port={after} "))
    next(host for host in hosts.services if host.name == "pgbouncer-a").ask_to_stop(signal.SIGHUP)


def web(hosts: Hosts) -> str:
    kill(hosts, "web-a")
    return "kill -9 of one web node's server, with all its processes"


def worker(hosts: Hosts) -> str:
    for role in ("line", "codes", "messages", "jobs"):
        kill(hosts, f"{role}-a")
    return "kill -9 of one node's workers, all but that for exports"


def cron(hosts: Hosts) -> str:
    node = cron_of(hosts)
    kill(hosts, f"cron-{node}")
    return f"kill -9 of the cron that acted (node {node})"


def supervisor(machine: Machine) -> str:
    assert machine.launcher
    machine.launcher.kill()
    machine.launcher.wait()
    machine.start()
    return "kill -9 of the launcher of `make run` on one machine, and `make run` again"


def valkey(hosts: Hosts) -> str:
    assert hosts.hosts
    name = valkey_primary(hosts.home, hosts.hosts.ports)
    assert name
    hosts.lose(name)
    return f"kill -9 of the primary Valkey ({name}), gone until the end"


def emptied(hosts: Hosts) -> str:
    keys = jobs.primary(hosts).dbsize()
    jobs.primary(hosts).flushall()
    return f"FLUSHALL of the primary Valkey: {keys} keys, with all jobs and schedules"


def twice(hosts: Hosts) -> str:
    with jobs.Repeater(hosts) as repeater:
        go_on(hosts, AWAY_SECONDS)
    return f"each of {repeater.count} jobs delivered twice, for {AWAY_SECONDS:.0f} s"


def provider(hosts: Hosts) -> str:
    hosts.provider.leave()
    try:
        go_on(hosts, AWAY_SECONDS)
    finally:
        hosts.provider.come()
    return f"the provider of messages refused connections for {AWAY_SECONDS:.0f} s"


def rolling(hosts: Hosts) -> str:
    """As docs/running.md tells it: the tables first, then node after node."""
    if manage(hosts, "migrate", "--noinput", more=hosts.owner | ROLLOUT):
        raise LauncherError(f"The migration failed: see {hosts.home.log}/chaos-migrate.log.")
    for node in WEB_NODES:
        restart(hosts, node)
    return (
        "a column with default, its filling in batches, a constraint and an index by `migrate`; "
        "then all processes of one node after the other stopped and started again"
    )


def roll_back(hosts: Hosts) -> None:
    manage(hosts, "migrate", "rollout", "zero", more=hosts.owner | ROLLOUT)


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("primary", "the primary's Postgres dies", primary),
        Fault("machine", "the primary's machine is lost", machine, back),
        Fault("frozen", "the primary's machine stands still", frozen),
        Fault("standby", "the synchronous standby's machine is lost", standby, back),
        Fault("full", "Postgres has no connection left", full),
        Fault("pgbouncer", "a PgBouncer dies", pgbouncer),
        Fault("slow", "a slow network to the database", network(Way.SLOW)),
        Fault("half-closed", "connections to the database half closed", network(Way.HALF_CLOSED)),
        Fault("mute", "connections to the database without answers", network(Way.MUTE)),
        Fault("web", "a web node dies", web),
        Fault("worker", "a node's workers die", worker),
        Fault("cron", "the acting cron dies", cron),
        Fault("supervisor", "the launcher of one machine dies", supervisor, stage=Machine),
        Fault("valkey", "the primary Valkey's machine is lost", valkey, back),
        Fault("emptied", "Valkey is emptied", emptied),
        Fault("twice", "each job is delivered twice", twice),
        Fault("provider", "the provider of messages is away", provider),
        Fault("rolling", "a new version is rolled out", rolling, roll_back),
    )
}
