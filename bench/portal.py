"""Shared parts of the benches of the waiting room: services, a large room, servers, wrk.

All parts of a run share this machine's cores, the load generator included, so only ratios within
one run are meaningful; docs/performance.md gives both.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")

from launcher.throwaway import ThrowawayServices  # noqa: E402

# A real portal waits for the disk.
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


@contextmanager
def portal() -> Iterator[ThrowawayServices]:
    """A migrated throw-away portal, as durable as a real one; Django is set up inside."""
    folder = Path(tempfile.mkdtemp(prefix="jari-bench-"))
    # Fixed keys: the servers that a bench starts read them from the environment.
    os.environ.update(
        JARI_HOME=str(folder), SECRET_KEY="bench",
        JARI_INDEX_KEYS="1:YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI=",
        JARI_LOG_KEYS="YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI=",
        JARI_DATA_KEYS="1:YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI=",
    )  # fmt: skip
    with ThrowawayServices(durable=True) as services:
        os.environ.update(services.urls)
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        check_durable()
        call_command("migrate", verbosity=0)
        try:
            yield services
        finally:
            connections.close_all()


def check_durable() -> None:
    """RuntimeError if Postgres answers before the disk has a commit; Django is set up."""
    from django.db import connection

    with connection.cursor() as cursor:
        for name in DURABLE:
            cursor.execute(f"SHOW {name}")
            (value,) = cursor.fetchone()
            if value != "on":
                raise RuntimeError(f"{name} is {value}: the figures would be of another portal")


def make_room(code: str, people: int, *, joined: int = 0, opened: bool = True, order="fifo"):
    """A room with `people` eligible people, `joined` of them with tickets; and the people's ids.

    Written by plain INSERTs: a million people by the services would take most of an hour.
    """
    from datetime import timedelta

    from django.db import connection
    from django.utils import timezone

    from eligibility.models import Cohort
    from waiting_room.services.rooms import open_room

    now = timezone.now()
    cohort = Cohort.objects.create(
        code=code, name_ko=code, name_en=code, birth_from="1962-01-01", birth_to="1966-12-31",
        opens_at=now + timedelta(minutes=-1 if opened else 60), closes_at=now + timedelta(days=3),
        order=order,
    )  # fmt: skip
    # A draw by a made-up number, at once: the bench has no network and needs no wait.
    room = open_room(
        cohort=cohort, joins_from=now - timedelta(days=1), draw_source="sample", draw_after=0
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM eligibility_person")
        first = cursor.fetchone()[0] + 1
        columns = _filled_columns(cursor, "eligibility_person")
        cursor.execute(
            f"""
            INSERT INTO eligibility_person ({", ".join(columns)})
            OVERRIDING SYSTEM VALUE SELECT {", ".join(columns.values())}
            FROM generate_series(%s::bigint, %s) AS n
            """,
            [first, first + people - 1],
        )
        # The next person of a service takes an id after these.
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('eligibility_person', 'id'), %s)",
            [max(first + people - 1, 1)],
        )
        decide_all(cursor, cohort, first, first + people - 1)
    join_many(room, range(first, first + joined))
    # Autovacuum has not run yet, and plans for empty tables would be measured.
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return room, range(first, first + people)


def decide_all(cursor, cohort, first: int, last: int) -> None:
    """The people with ids from `first` to `last` may book."""
    columns = _filled_columns(cursor, "eligibility_decision")
    # An eligible decision, whatever columns the table has besides.
    columns |= {
        "person_id": "n", "cohort_id": str(cohort.pk), "eligible": "true", "rule": "'born'",
        "window_from": "now() - interval '1 day'", "window_to": "now() + interval '3 days'",
    }  # fmt: skip
    columns.pop("id")
    cursor.execute(
        f"""
        INSERT INTO eligibility_decision ({", ".join(columns)})
        SELECT {", ".join(columns.values())} FROM generate_series(%s::bigint, %s) AS n
        """,
        [first, last],
    )


def _filled_columns(cursor, table: str) -> dict[str, str]:
    """An SQL value for each NOT NULL column by its type, so that a new column breaks no bench."""
    cursor.execute(
        """
        SELECT column_name, data_type FROM information_schema.columns
        WHERE table_name = %s AND is_nullable = 'NO'
        """,
        [table],
    )
    values = {
        "bigint": "n",
        "integer": "0",
        "smallint": "0",
        "boolean": "false",
        "bytea": "decode(lpad(to_hex(n), 32, '0'), 'hex')",
        "timestamp with time zone": "now()",
        "date": "'1964-01-01'",
        "jsonb": "'[]'",
        "ARRAY": "'{}'",
        "uuid": "gen_random_uuid()",
    }
    columns = {name: values.get(kind, "''") for name, kind in cursor.fetchall()}
    return {**columns, "source": "'declared'"} if table == "eligibility_person" else columns


def join_many(room, people, at_once: int = 2_000) -> None:
    """Join by the product's own statement, in batches."""
    from django.db import connection

    from waiting_room.services.joining import TICKET_IDS_SQL, parameters

    people = list(people)
    with connection.cursor() as cursor:
        for start in range(0, len(people), at_once):
            cursor.execute(TICKET_IDS_SQL, parameters(room.pk, people[start : start + at_once]))


def settle(room) -> None:
    """Tick until the log has all tickets."""
    from waiting_room.services.ticking import _last_entry, tick_room

    while True:
        tick_room(room.pk)
        last = room.pages.order_by("-number").first()
        if last and last.upto >= _last_entry(room):
            return


SERVERS = {
    # As `make run` starts it, with two workers.
    "portal": lambda port: [sys.executable, "-m", "config.serve", "--bind", f"127.0.0.1:{port}"],
    # The same with static files as collectstatic writes them (STATIC_ROOT).
    "shipped": lambda port: [sys.executable, "-m", "config.serve", "--bind", f"127.0.0.1:{port}"],
    # A server that does nothing, to measure the load generator.
    "nothing": lambda port: [
        str(Path(sys.executable).with_name("granian")), "--interface", "rsgi",
        "bench.nothing:application", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--no-ws", "--log-level", "warning",
    ],
    # A Django without middleware, on granian's WSGI interface, the fastest way to serve it.
    "bare": lambda port: [
        str(Path(sys.executable).with_name("granian")), "--interface", "wsgi",
        "bench.wsgi:application", "--host", "127.0.0.1", "--port", str(port), "--workers", "2",
        "--blocking-threads", "4", "--no-ws", "--log-level", "warning",
    ],
}  # fmt: skip


@contextmanager
def served(server: str) -> Iterator[str]:
    with serving(server) as (url, _process):
        yield url


@contextmanager
def serving(server: str) -> Iterator[tuple[str, subprocess.Popen]]:
    """The address of a server, and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = os.pathsep.join([str(ROOT), str(ROOT / "queue")])
    settings = {"bare": "bench.bare", "shipped": "bench.shipped"}.get(server, "bench.settings")
    process = subprocess.Popen(
        SERVERS[server](port),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": settings},
        # As the launcher starts it: Linux shares processors out by session.
        start_new_session=True,
    )
    try:
        for _attempt in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", process
    finally:
        # No page of a bench has to be finished.
        process.terminate()
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()


def wrk(
    url: str, *, connections: int, seconds: int, script: Path | None = None, threads: int = 2
) -> dict:
    """Run wrk: requests per second, p50, p99 and longest in milliseconds, the number of errors, of
    requests without an answer, the cores that wrk used, and all it said."""
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency", url]
    # A late answer is no failure, as it is for wrk after two seconds.
    command[1:1] = ["--timeout", "30s"]
    if script:
        command[1:1] = ["-s", str(script)]
    with tempfile.TemporaryFile("w+") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        # wait4 tells the CPU time of this process alone.
        _pid, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        file.seek(0)
        output = file.read()
    if process.returncode:
        raise RuntimeError(f"wrk: {output[-1000:]}")
    number = re.search(r"Requests/sec:\s+([\d.]+)", output)
    total = re.search(r"(\d+) requests in", output)
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    # Connecting, reading, writing, waiting.
    unanswered = re.search(r"Socket errors: (.+)", output)
    return {
        "rate": float(number[1]) if number else 0.0,
        "p50": _milliseconds(output, "50%"),
        "p99": _milliseconds(output, "99%"),
        # Average and standard deviation stand before the longest.
        "longest": _milliseconds(output, r"Latency\s+\S+\s+\S+"),
        "wrong": int(wrong[1]) if wrong else 0,
        "unanswered": sum(map(int, re.findall(r"\d+", unanswered[1]))) if unanswered else 0,
        "used": used.ru_utime + used.ru_stime,  # CPU seconds of wrk
        "cores": (used.ru_utime + used.ru_stime) / seconds,
        "requests": int(total[1]) if total else 0,
        "output": output,
    }


def _milliseconds(output: str, share: str) -> float:
    match = re.search(rf"\s{share}\s+([\d.]+)(us|ms|s)", output)
    return float(match[1]) * {"us": 0.001, "ms": 1, "s": 1000}[match[2]] if match else 0.0


def median(numbers) -> float:
    numbers = sorted(numbers)
    return numbers[len(numbers) // 2]
