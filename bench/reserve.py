"""Hold and confirm by the services, compared with pgbench running the bare statements.

    python bench/reserve.py [SECONDS]

Starts a throw-away Postgres, made durable, and Valkey. Both sides use sixteen connections to the
same server in the same run: first on one hot slot, then on 1,000 slots at random. Promised are at
least 0.4 and 0.15 of pgbench's rate. All parts share this machine's cores.
"""

import multiprocessing
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

from bench.portal import check_durable
from launcher.postgres import installation
from launcher.throwaway import ThrowawayServices

CONNECTIONS, PROCESSES = 16, 2  # eight threads each, as the web server
WARM_UP = 8  # bookings of each connection before the time is taken
PROMISED = {"one hot slot": 0.4, "1,000 slots": 0.15}

# The least that a booking could cost: one counter and one row. fillfactor: room for HOT updates.
BARE_TABLES = """
CREATE TABLE bare_slot (id int PRIMARY KEY, capacity int NOT NULL, booked int NOT NULL,
    CHECK (booked BETWEEN 0 AND capacity)) WITH (fillfactor = 70);
CREATE TABLE bare_reservation (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slot_id int NOT NULL, person_id int NOT NULL, at timestamptz NOT NULL);
INSERT INTO bare_slot SELECT n, 100000000, 0 FROM generate_series(1, 1000) AS n;
"""
BARE = """
\\set slot random(1, {slots})
\\set person random(1, 1000000)
BEGIN;
UPDATE bare_slot SET booked = booked + 1 WHERE id = :slot AND booked < capacity;
INSERT INTO bare_reservation (slot_id, person_id, at) VALUES (:slot, :person, now());
END;
"""


def pgbench(url: str, slots: int, seconds: int) -> float:
    """Bare transactions per second."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(BARE.format(slots=slots))
        script.flush()
        output = subprocess.run(
            [
                str(installation() / "bin" / "pgbench"), "-n", "-f", script.name,
                "-c", str(CONNECTIONS), "-j", "2", "-T", str(seconds), url,
            ],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
    return float(re.search(r"tps = ([\d.]+)", output)[1])


def reserve(shares, slots: list[int], seconds: int, start, counts) -> None:
    """One process: each of its connections books for one person after the other until the end."""
    import django

    django.setup()
    from django.db import connection
    from django.utils import translation

    from booking.services.confirmations import confirm_hold
    from booking.services.holds import hold_slot
    from config.gc_tuning import leave_loaded_alone

    leave_loaded_alone()
    translation.activate("ko")
    totals = []
    # The action starts all processes' clocks together.
    ready = threading.Barrier(len(shares) + 1, action=start.wait)

    def reserve_one(person: int, admission: int) -> None:
        slot = random.choice(slots)  # noqa: S311
        key = hold_slot(person_id=person, slot_id=slot, admission_id=admission)
        confirm_hold(person_id=person, key=key)

    def book(people: list[tuple[int, int]]) -> None:
        # Warm-up: a web process has loaded its code, texts and query plans before an opening.
        for person, admission in people[:WARM_UP]:
            reserve_one(person, admission)
        ready.wait()
        number = 0
        deadline = time.monotonic() + seconds
        for person, admission in people[WARM_UP:]:
            reserve_one(person, admission)
            number += 1
            if time.monotonic() >= deadline:
                break
        else:
            raise SystemExit("The bench ran out of people: its rate would be wrong.")
        totals.append(number)
        connection.close()

    threads = [threading.Thread(target=book, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    ready.wait()
    for thread in threads:
        thread.join()
    counts.put(sum(totals))


def services(people: list[tuple[int, int]], slots: list[int], seconds: int) -> float:
    """Reservations per second, held and confirmed."""
    # spawn: a fork would inherit this process's database connection.
    spawn = multiprocessing.get_context("spawn")
    start, counts = spawn.Barrier(PROCESSES), spawn.Queue()
    shares = [people[number::CONNECTIONS] for number in range(CONNECTIONS)]
    workers = [
        spawn.Process(
            target=reserve, args=(shares[number::PROCESSES], slots, seconds, start, counts)
        )
        for number in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    total = sum(counts.get(timeout=seconds + 120) for _ in workers)
    for worker in workers:
        worker.join()
    return total / seconds


@dataclass(frozen=True)
class Reserved:
    """Hold and confirm by the services against pgbench's bare statements, both a second."""

    name: str
    rate: float
    bare: float

    @property
    def ratio(self) -> float:
        return self.rate / self.bare

    @property
    def promised(self) -> float:
        return PROMISED[self.name]

    def text(self) -> str:
        return (
            f"{self.name:14} pgbench {self.bare:8,.0f}/s   hold + confirm {self.rate:8,.0f}/s"
            f"   ratio {self.ratio:.2f} (promised {self.promised})"
        )


def main(seconds: int) -> int:
    reserved = []
    for figure in measure(seconds):
        print(figure.text(), flush=True)
        reserved.append(figure)
    print("verify_bookings: every invariant holds")
    return 0 if all(figure.ratio >= figure.promised for figure in reserved) else 1


def measure(seconds: int) -> Iterator[Reserved]:
    """RuntimeError if an invariant is broken afterwards."""
    with ThrowawayServices(durable=True) as started:
        os.environ.update(started.urls)
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        from booking.verifying import verify
        from tests.crowd import admit, open_slots
        from tests.factories import RoomFactory

        call_command("migrate", verbosity=0)
        check_durable()
        with connection.cursor() as cursor:
            cursor.execute(BARE_TABLES)
        slots = [slot.pk for slot in open_slots(1000, capacity=30_000)]
        room = RoomFactory()
        needed = 2500 * seconds
        people = [
            (admission.ticket.person_id, admission.pk)
            for _ in range(2)
            for admission in admit(room, needed)
        ]
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        url = os.environ["DATABASE_URL"].replace("postgres://", "postgresql://")
        for number, (name, count) in enumerate([("one hot slot", 1), ("1,000 slots", 1000)]):
            bare = pgbench(url, count, seconds)
            share = people[number * needed : (number + 1) * needed]
            yield Reserved(name, services(share, slots[:count], seconds), bare)
        broken = [result.invariant.name for result in verify() if result.broken]
        connection.close()
        if broken:
            raise RuntimeError(f"verify_bookings: {broken}")


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8))
