"""Jobs of the queues, delivered once more than they should be."""

import threading
from typing import Self

import redis

from bench.chaos.stages import Hosts
from launcher.cluster.status import valkey_primary
from launcher.errors import LauncherError
from launcher.processes import LOOPBACK

QUEUES = ("line", "codes", "messages", "default", "exports")
QUEUE = "rq:queue:"


def primary(hosts: Hosts) -> "redis.Redis":
    """The primary Valkey, asked as its administrator; LauncherError if there is none."""
    assert hosts.hosts
    name = valkey_primary(hosts.home, hosts.hosts.ports)
    if name is None:
        raise LauncherError("No Valkey is the primary.")
    password = hosts.hosts.passwords["VALKEY_PASSWORD"]
    return redis.Redis(LOOPBACK, hosts.hosts.ports[name], password=password)


class Repeater:
    """Puts each job that comes into a queue there once more, at once."""

    def __init__(self, hosts: Hosts) -> None:
        self.count = 0
        self._client, self._own = primary(hosts), set[str]()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(5)

    def _run(self) -> None:
        with self._client.monitor() as monitor:
            for entry in monitor.listen():
                if self._over.is_set():
                    return
                words = entry["command"].split()
                if words[0].upper() in ("RPUSH", "LPUSH") and words[1].startswith(QUEUE):
                    self._repeat(words[1], words[2])

    def _repeat(self, queue: str, job: str) -> None:
        if job in self._own:  # its own second delivery
            return
        self._own.add(job)
        self._client.rpush(queue, job)
        self.count += 1
