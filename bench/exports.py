"""Exports of reservations, against `\\copy` of the same rows.

    python bench/exports.py [ROWS]
    python bench/exports.py --flat ROWS

Fills a throw-away Postgres with ROWS (300,000) reservations of as many people, each with a name,
birth date and phone of their own, and writes them by export and by psql's `\\copy` of the very
statement in turn, three rounds. With people the export decrypts three fields of each row, which
`\\copy` hands out sealed. Prints rows a second, their ratio (promised: at least 0.5), when the
first rows had come, and the peak memory of a fifth of the rows and of all, in a process of its own
each. Ratios are meaningful only on an idle machine.

With --flat only the memory: of an export with people of ROWS reservations and of a fiftieth of
them, ten reservations for each person, without the indexes that an export does not read.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

from bench.roster import people
from launcher.throwaway import ThrowawayServices

ROWS, ROUNDS, LEAST, MOST_GROWTH = 300_000, 3, 0.5, 1.25
FIRST = 1000  # id of the first person and reservation
KINDS = {"plain": {}, "people": {"people": True}, "keys": {"recipient": "bench"}}

FILL = """
SET session_replication_role = replica;
INSERT INTO eligibility_person (id, source, name, birth_date, phone, region, district, groups,
    identity_index, name_birth_index, phone_index)
SELECT id, 'declared', name, birth_date, phone, '서울특별시', '강남구', '{{}}',
    decode(md5(id::text), 'hex'), decode(md5('n' || id), 'hex'), decode(md5('p' || id), 'hex')
FROM bench_person;
INSERT INTO booking_slot (id, clinic_id, vaccine_id, starts_at, capacity, margin, booked)
SELECT 1000 + n, {clinic}, {vaccine}, now() + n * interval '10 minutes', 1000, 0, 0
FROM generate_series(0, 999) AS n;
INSERT INTO booking_reservation (id, number, person_id, slot_id, dose, status, extensions, key,
    origin, by, confirmed_at, language, channel)
SELECT id, lpad(id::text, 10, '0'), person, 1000 + id % 1000, 1,
    CASE {each} WHEN 1 THEN 'confirmed' ELSE 'cancelled' END, 0, gen_random_uuid(),
    'staff', 'staff:1', now(), 'ko', 'sms'
FROM (SELECT {first} + (id - {first}) * {each} + n AS id, id AS person
    FROM bench_person, generate_series(0, {each} - 1) AS n) AS bench;
SET session_replication_role = origin;
ANALYZE
"""


UNREAD = """
ALTER TABLE booking_reservation DROP CONSTRAINT one_reservation_per_key_and_dose;
ALTER TABLE booking_reservation DROP CONSTRAINT one_reservation_per_number
"""


def fill(rows: int, each: int = 1) -> None:
    """Reservations of so many people, `each` for one of them."""
    from django.db import connection

    from privacy.cipher import encryptor
    from tests.factories import SlotFactory

    slot = SlotFactory()
    # Sealed here as the portal does: the export has to open them with its own key.
    seal = [
        encryptor(context=f"eligibility_person.{field}".encode())
        for field in ("name", "birth_date", "phone")
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE UNLOGGED TABLE bench_person (id bigint, name bytea, birth_date bytea,"
            " phone bytea)"
        )
        with cursor.copy("COPY bench_person FROM STDIN") as copy:
            for number, (_key, name, born, phone) in enumerate(people(rows // each), FIRST):
                texts = (name, born.isoformat(), "+82" + phone[1:].replace("-", ""))
                copy.write_row([number, *(f(text) for f, text in zip(seal, texts, strict=True))])
        if each > 1:
            cursor.execute(UNREAD)
        cursor.execute(
            FILL.format(clinic=slot.clinic_id, vaccine=slot.vaccine_id, each=each, first=FIRST)
        )


def selection_of(kind: str, most: int | None = None):
    """All reservations, or the first so many."""
    from django.db.models import Q

    from reports.definitions import EXPORTS
    from reports.selection import select

    chosen = EXPORTS["reservations"]
    if most is not None:
        source = replace(chosen.source, narrow=Q(pk__lt=FIRST + most))
        chosen = replace(chosen, source=source)
    return select(chosen, **KINDS[kind])


def export(kind: str) -> tuple[float, float, int]:
    """(seconds, seconds to the first rows, rows)."""
    from reports.selection import Form
    from reports.writing import write_csv

    first: list[float] = []
    with tempfile.TemporaryFile() as file:
        # The last rows are written when it returns: no buffer of the file is left out.
        begun = time.perf_counter()

        def progress(rows: int) -> None:
            if rows and not first:
                first.append(time.perf_counter() - begun)

        written = write_csv(
            file, selection_of(kind), Form(), progress=progress, processes=os.cpu_count() or 1
        )
        return time.perf_counter() - begun, first[0], written.rows


def copy(kind: str, url: str) -> float:
    """Seconds of psql's own copy of the same statement."""
    from launcher.postgres import installation
    from reports.enums import Zone
    from reports.reading import query_of

    # psql reads a command of its own to the end of the line.
    sql = query_of(selection_of(kind), Zone.SEOUL).sql.replace("\n", " ")
    with tempfile.NamedTemporaryFile() as file:
        begun = time.perf_counter()
        command = f"\\copy ({sql}) TO '{file.name}' WITH (FORMAT csv)"
        subprocess.run([str(installation() / "bin" / "psql"), url, "-qc", command], check=True)
        return time.perf_counter() - begun


class Watch(threading.Thread):
    """Peak private memory of this process and its children in KiB, sampled every 20 ms."""

    def __init__(self):
        super().__init__(daemon=True)
        self.most, self.ended = 0, threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.02):
            self.most = max(self.most, sum(map(private, [os.getpid(), *children()])))


def children() -> list[int]:
    path = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return [int(pid) for pid in path.read_text().split()]


def private(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)


def memory(kind: str, rows: int) -> int:
    """Peak KiB of an export of so many rows, in a process of its own."""
    command = [sys.executable, __file__, "--memory", kind, str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure_memory(kind: str, rows: int) -> None:
    import django

    django.setup()
    from reports.selection import Form
    from reports.writing import write_csv

    selection = selection_of(kind, rows)
    watch = Watch()
    watch.start()
    with tempfile.TemporaryFile() as file:
        written = write_csv(file, selection, Form(), processes=os.cpu_count() or 1)
    # Before the interpreter ends, which frees memory in its own order.
    watch.ended.set()
    watch.join()
    assert written.rows == rows
    print(json.dumps(watch.most))


def main(rows: int, *, flat: bool = False) -> int:
    with ThrowawayServices() as started:
        os.environ.update(started.urls)
        import django

        django.setup()
        from django.core.management import call_command

        # As their owner: the account of the application could not fill past the triggers.
        call_command("migrate", verbosity=0)
        begun = time.perf_counter()
        fill(rows, 10 if flat else 1)
        print(f"{rows:,} reservations in {time.perf_counter() - begun:.0f} s", flush=True)
        if flat:
            return 0 if is_flat(rows) else 1
        good = True
        for kind in KINDS:
            good &= compare(kind, rows, started.urls["DATABASE_URL"])
        return 0 if good else 1


def is_flat(rows: int) -> bool:
    found = []
    for count in (rows // 50, rows):
        begun = time.perf_counter()
        found.append(memory("people", count))
        seconds = time.perf_counter() - begun
        print(f"{count:,} rows: {found[-1] / 1024:.0f} MiB, {count / seconds:,.0f}/s", flush=True)
    return found[1] <= found[0] * MOST_GROWTH


def compare(kind: str, rows: int, url: str) -> bool:
    exports, copies, firsts = [], [], []
    for _ in range(ROUNDS):
        copies.append(copy(kind, url))
        seconds, first, written = export(kind)
        assert written == rows
        exports.append(seconds)
        firsts.append(first)
    # The best of the rounds: what else the machine did only ever adds.
    ratio = min(copies) / min(exports)
    few, most = memory(kind, rows // 5), memory(kind, rows)
    print(
        f"{kind:7} export {rows / min(exports):9,.0f}/s   copy {rows / min(copies):9,.0f}/s   "
        f"ratio {ratio:.2f} (at least {LEAST})   first rows after {max(firsts):.2f} s   "
        f"memory {few / 1024:.0f} and {most / 1024:.0f} MiB"
    )
    return ratio >= LEAST and most <= few * MOST_GROWTH and max(firsts) <= 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        measure_memory(sys.argv[2], int(sys.argv[3]))
        sys.exit(0)
    if sys.argv[1:2] == ["--flat"]:
        sys.exit(main(int(sys.argv[2]), flat=True))
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else ROWS))
