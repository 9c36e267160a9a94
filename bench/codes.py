"""Seconds until a sign-in code has left: alone, and beside an import and an export.

    python -m bench.codes [ROWS]

With the workers and the cron of `make run`. The worker `exports` imports a roster of ROWS
(1,000,000) people, as after an upload, while another process exports 100,000 reservations with
their people, again and again. A code is asked for as soon as the one before has left; so are 200
at once, of which the last counts. Measured from the commit of the message until its row says that
the channel took it.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

from bench.booking_size import CLINICS, SLOTS
from bench.portal import ROOT, portal
from bench.roster import write_roster
from launcher.portal import worker_commands
from launcher.processes import stop

PROMISED_SECONDS = 5
ALONE = 40  # codes
AT_ONCE = 200
BOOKED = 100_000
RESERVATIONS = """
INSERT INTO booking_reservation (number, person_id, slot_id, dose, status, extensions, key,
    origin, admission_id, by, created_at, confirmed_at, changed_at, language, channel)
SELECT 'B' || person.id, person.id, slot.id, 1, 'confirmed', 0,
    gen_random_uuid(), 'line', slot.id, 'citizen', now(), now(), now(), 'ko', 'sms'
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM eligibility_person) AS person
JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM booking_slot) AS slot
    ON slot.n = 1 + person.n / 2
WHERE person.n < %s
"""


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    os.environ |= {"LOG_LEVEL": "ERROR", "DJANGO_SETTINGS_MODULE": "bench.settings"}
    with portal(), ExitStack() as stack:
        folder = Path(os.environ["JARI_HOME"])
        fill(folder)
        write_roster(folder / "roster.csv", rows)
        for command in [*worker_commands().values(), cron_command()]:
            stack.enter_context(running(command))
        waited(ask(1))  # until the workers have started
        report("alone", [waited(ask(1)) for _ in range(ALONE)], waited(ask(AT_ONCE)))
        upload = import_roster(folder / "roster.csv")
        with exports_of_people(folder) as exported:
            times, at_once = [], 0.0
            while upload_status(upload) in ("waiting", "running", "shown"):
                agree_to_what_is_shown(upload)
                times.append(waited(ask(1)))
                if not at_once and upload_status(upload) == "running":
                    at_once = waited(ask(AT_ONCE))
        print(f"import of {rows:,} rows: {upload_status(upload)}; {len(exported)} exports")
        report("beside both", times, at_once)
        assert max(*times, at_once) < PROMISED_SECONDS


def fill(folder: Path) -> None:
    """Reservations of people with data, for the exports."""
    from django.db import connection

    from eligibility.services.roster import import_roster
    from tests.factories import VaccineFactory

    write_roster(folder / "first.csv", BOOKED)
    import_roster(folder / "first.csv")
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # admissions do not exist
        cursor.execute(CLINICS, {"from": 0, "to": 150, "district": 28})
        cursor.execute(SLOTS, {"vaccine": VaccineFactory().pk, "slots": 350, "after": 0})
        cursor.execute(RESERVATIONS, [BOOKED])
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")


def ask(count: int) -> list[int]:
    """Ask for codes, each to another phone; returns the ids of their messages."""
    from eligibility.services.identity import start_verification
    from messaging.models import Message

    since = Message.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    for number in range(count):
        start_verification(
            name="김하나", birth_date=date(1969, 5, 12), phone=f"+82109{since + number:07}"
        )
    return list(Message.objects.filter(pk__gt=since, kind="code").values_list("pk", flat=True))


def waited(messages: list[int]) -> float:
    """Seconds until all of them have left."""
    from messaging.models import Message

    since = time.perf_counter()
    while Message.objects.filter(pk__in=messages).exclude(status="sent").exists():
        time.sleep(0.01)
    return time.perf_counter() - since


def import_roster(path: Path) -> int:
    from django.core.files import File

    from eligibility.services.uploads import start_upload

    with path.open("rb") as file:
        return start_upload(file=File(file, name=path.name), skip_refused=False, by="staff:1").pk


def agree_to_what_is_shown(upload_id: int) -> None:
    """The file is compared first, which takes as long again; then it is imported."""
    from eligibility.models import RosterUpload
    from eligibility.services.uploads import agree

    upload = RosterUpload.objects.get(pk=upload_id)
    if upload.status == "shown":
        agree(upload=upload, shown=upload.fingerprint, by="staff:1")


def upload_status(upload: int) -> str:
    from eligibility.models import RosterUpload

    return RosterUpload.objects.get(pk=upload).status


@contextmanager
def exports_of_people(folder: Path) -> Iterator[list[float]]:
    """Export by the command, again and again; yields the seconds of each."""
    over, seconds = threading.Event(), []
    command = [sys.executable, "manage.py", "export", "reservations", str(folder / "out.csv")]

    def export() -> None:
        while not over.is_set():
            (folder / "out.csv").unlink(missing_ok=True)
            since = time.perf_counter()
            with running([*command, "--people", "--reason=bench"]) as process:
                while process.poll() is None and not over.wait(0.1):
                    pass
                if process.poll() == 0:
                    seconds.append(time.perf_counter() - since)

    thread = threading.Thread(target=export)
    thread.start()
    try:
        yield seconds
    finally:
        over.set()
        thread.join()


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        stop(process, 15, patience=5)


def cron_command() -> list[str]:
    return [sys.executable, "manage.py", "rqcron", "config.cron", "--skip-checks"]


def report(name: str, times: list[float], at_once: float) -> None:
    times = sorted(times)
    print(
        f"{name}: {len(times)} codes, median {times[len(times) // 2]:.2f} s, "
        f"95th percentile {times[int(len(times) * 0.95)]:.2f} s, worst {times[-1]:.2f} s; "
        f"the last of {AT_ONCE} at once {at_once:.2f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
