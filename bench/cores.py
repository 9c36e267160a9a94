"""CPU time and memory of a web server's processes and of Postgres (Linux)."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.booking_profile import children_of, cpu_of, parent_of


@dataclass
class Cores:
    """CPU seconds used while `counted` lasted."""

    web: float = 0.0
    postgres: float = 0.0
    seconds: float = 0.0


@contextmanager
def counted(web: subprocess.Popen) -> Iterator[Cores]:
    from time import perf_counter

    postgres = postgres_pid()
    before, began = _used(web.pid, postgres), perf_counter()
    cores = Cores()
    yield cores
    after = _used(web.pid, postgres)
    cores.web, cores.postgres = (after[0] - before[0]), (after[1] - before[1])
    cores.seconds = perf_counter() - began


def _used(web: int, postgres: int) -> tuple[float, float]:
    # Connections that end meanwhile are lost; those of the portal stay open.
    return tuple(sum(map(cpu_of, [pid, *children_of(pid)])) for pid in (web, postgres))


def postgres_pid() -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return parent_of(cursor.fetchone()[0])


def memory_of(web: subprocess.Popen) -> list[int]:
    """MiB of each process that answers: resident, and of what it shares its part (Pss)."""
    sizes = []
    for pid in children_of(web.pid):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        fields = {line.split(":")[0]: line.split()[1] for line in text.splitlines()[1:]}
        sizes.append(int(fields["Rss"]) // 1024)
    return sorted(sizes)
