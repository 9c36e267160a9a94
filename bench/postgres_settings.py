"""What settings of Postgres bring to bookings: each against its default, by turns in one run.

    python -m bench.postgres_settings [SECONDS] [--turns 3]

pgbench holds and confirms over sixteen connections, by the two functions that the portal calls, on
a durable server. Each setting is changed by a reload before its turn, after a checkpoint, so that
each turn writes as many full pages anew. Ratios above 1 are more than with the default.
"""

import argparse
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

from bench.booking_profile import parent_of
from bench.portal import _filled_columns, make_room, median, portal
from launcher.postgres import installation

CONNECTIONS = 16
# What one second books at most: more people than needed are made.
MOST_A_SECOND = 1_300
# Setting, its default, and what is tried. Never synchronous_commit or fsync.
TRIED = [
    ("wal_compression", "off", "lz4"),
    ("commit_delay", "0", "200"),
    ("jit", "on", "off"),
    ("plan_cache_mode", "auto", "force_generic_plan"),
    ("random_page_cost", "4", "1.1"),
    ("track_io_timing", "off", "on"),
]
TABLE = """
CREATE SEQUENCE bench_turn;
CREATE TABLE bench_people AS
SELECT row_number() OVER (ORDER BY id) AS turn, person_id, admission.id AS admission
FROM waiting_room_admission AS admission
JOIN (SELECT id AS ticket_id, person_id FROM waiting_room_ticket) AS ticket USING (ticket_id);
CREATE UNIQUE INDEX ON bench_people (turn);
"""
BOOK = """
\\set slot random(:first, :last)
SELECT person_id, admission, gen_random_uuid() AS key, 'B' || turn AS number FROM bench_people
WHERE turn = (SELECT nextval('bench_turn')) \\gset
SELECT reservation FROM booking_hold_at_once(:slot, NULL, true, :person_id, :admission,
    :'number', :'number', :'key', '10 minutes', 'ko');
SELECT numbers FROM booking_confirm_at_once(:'key', :person_id, 'ko', 'sms', NULL);
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", type=int, nargs="?", default=3)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    with portal():
        first, last = fill(MOST_A_SECOND * options.seconds * (2 * options.turns * len(TRIED) + 1))
        book(first, last, options.seconds)  # warm-up
        print("| setting | bookings a second | CPU of one | WAL of one |\n|---|---|---|---|")
        for name, *values in TRIED:
            found: dict[str, list[tuple[float, ...]]] = {value: [] for value in values}
            for _turn in range(options.turns):
                for value in values:
                    set_to(name, value)
                    found[value].append(book(first, last, options.seconds))
            set_to(name, values[0])
            before, after = (
                [median(column) for column in zip(*found[v], strict=True)] for v in values
            )
            ratios = " | ".join(
                f"{new / old:.2f} ({old:,.2f} → {new:,.2f})"
                for old, new in zip(before, after, strict=True)
            )
            print(f"| `{name} = {values[1]}` | {ratios} |")


def fill(people: int) -> tuple[int, int]:
    """Slots, and people with an admission; the first and last id of the slots."""
    from django.db import connection

    from tests.crowd import open_slots

    slots = open_slots(1000, capacity=30_000)
    make_room("bench", people, joined=people)
    with connection.cursor() as cursor:
        columns = _filled_columns(cursor, "waiting_room_admission") | {
            "ticket_id": "ticket.id", "room_id": "room_id", "place": "entry",
            "expires_at": "now() + interval '1 hour'",
        }  # fmt: skip
        columns.pop("id")
        # Past the trigger that counts them, one by one, in the line's row.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            f"INSERT INTO waiting_room_admission ({', '.join(columns)})"
            f" SELECT {', '.join(columns.values())} FROM waiting_room_ticket AS ticket"
        )
        cursor.execute("SET session_replication_role = origin")
        cursor.execute(TABLE)
        cursor.execute("ANALYZE")
    return slots[0].pk, slots[-1].pk


def set_to(name: str, value: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        cursor.execute("SELECT pg_reload_conf()")
        cursor.execute("CHECKPOINT")


def book(first: int, last: int, seconds: int) -> tuple[float, float, float]:
    """Bookings a second, milliseconds of Postgres' CPU for one, and its kilobytes of WAL."""
    from django.db import connection

    with connection.cursor() as cursor, tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(BOOK)
        script.flush()
        cursor.execute("SELECT pg_backend_pid(), pg_current_wal_lsn()")
        backend, begun = cursor.fetchone()
        postmaster = parent_of(backend)
        used = cpu_of_ended(postmaster)
        output = subprocess.run(
            [
                str(installation() / "bin" / "pgbench"), "-n", "-f", script.name,
                "-D", f"first={first}", "-D", f"last={last}",
                "-c", str(CONNECTIONS), "-j", "2", "-T", str(seconds),
                os.environ["DATABASE_URL"].replace("postgres://", "postgresql://"),
            ],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        time.sleep(0.3)  # until the postmaster has seen its backends end
        used = cpu_of_ended(postmaster) - used
        cursor.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)", [begun])
        [[written]] = cursor.fetchall()
    done = int(re.search(r"actually processed: (\d+)", output)[1])
    return done / seconds, 1000 * used / done, float(written) / 1024 / done


def cpu_of_ended(pid: int) -> float:
    """CPU seconds of the children of a process that have ended."""
    # proc_pid_stat(5): cutime and cstime are fields 16 and 17, the third follows the name.
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
