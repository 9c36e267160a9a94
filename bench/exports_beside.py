"""Hold and confirm while a worker writes exports with people.

    python -m bench.exports_beside [ROWS]

Starts a throw-away Postgres, made durable, with ROWS (100,000) reservations of bench.exports. One
client holds and confirms twenty times a second, in turn alone and beside a process that writes
the export with names, one after the other, in as many processes as there are cores. Prints the
median and 95th percentile of both and the ratio of the medians. Promised: less than 1.1.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

from bench import exports
from bench.portal import check_durable
from launcher.throwaway import ThrowawayServices

ROWS, ROUNDS, BOOKINGS, EVERY, PROMISED = 100_000, 4, 150, 0.05, 1.1


def book(people: list[tuple[int, int]], slots: list[int]) -> list[float]:
    """Seconds of each hold with its confirmation, one begun every EVERY seconds."""
    from booking.services.confirmations import confirm_hold
    from booking.services.holds import hold_slot

    seconds = []
    for _ in range(BOOKINGS):
        person, admission = people.pop()
        begun = time.perf_counter()
        key = hold_slot(person_id=person, slot_id=random.choice(slots), admission_id=admission)  # noqa: S311
        confirm_hold(person_id=person, key=key)
        seconds.append(time.perf_counter() - begun)
        time.sleep(max(0.0, EVERY - seconds[-1]))
    return seconds


def write_for_ever() -> None:
    import django

    django.setup()
    from reports.jobs import NICE
    from reports.selection import Form
    from reports.writing import write_csv

    os.nice(NICE)  # as its job does
    while True:
        with tempfile.TemporaryFile() as file:
            selection, cores = exports.selection_of("people"), os.cpu_count() or 1
            written = write_csv(file, selection, Form(), processes=cores)
        print(written.rows, flush=True)


def main(rows: int) -> int:
    with ThrowawayServices(durable=True) as started:
        os.environ.update(started.urls)
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        from tests.crowd import admit, open_slots
        from tests.factories import RoomFactory

        call_command("migrate", verbosity=0)
        check_durable()
        slots = [slot.pk for slot in open_slots(500, capacity=30_000)]
        admitted = admit(RoomFactory(), (2 * ROUNDS + 1) * BOOKINGS)
        people = [(admission.ticket.person_id, admission.pk) for admission in admitted]
        exports.FIRST = 1_000_000  # past those
        exports.fill(rows)
        connection.close()
        book(people, slots)  # code, texts and plans are loaded
        alone, beside = [], []
        for _ in range(ROUNDS):
            alone += book(people, slots)
            writer = subprocess.Popen(
                [sys.executable, "-m", "bench.exports_beside", "--write"],
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            writer.stdout.readline()  # it has written one
            beside += book(people, slots)
            os.killpg(writer.pid, signal.SIGKILL)  # with its own processes
            writer.wait()
        ratio = median(beside) / median(alone)
        for name, seconds in (("alone", alone), ("beside exports", beside)):
            worst = quantiles(seconds, n=20)[-1]
            print(f"{name:14} median {median(seconds) * 1000:.1f} ms, p95 {worst * 1000:.1f} ms")
        print(f"ratio of the medians {ratio:.2f} (less than {PROMISED})")
        return 0 if ratio < PROMISED else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write_for_ever()
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else ROWS))
