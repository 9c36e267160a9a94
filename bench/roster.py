"""The import of a roster, compared with merely encrypting and hashing the same fields.

    python bench/roster.py [ROWS]

Starts a throw-away Postgres unless DATABASE_URL is set. Prints rows per second of both, their ratio
(promised: at least 0.6), the processor time, the time of a second import that changes nothing and
of taking the first back, and the peak memory of importing ROWS (1,000,000) and a fifth of them:
more rows must not need more memory. Each import runs in a process of its own. The ratio is
meaningful only on an idle machine; processor time is steadier.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

from launcher.throwaway import ThrowawayServices

SYLLABLES = "가나다라마바사아자차카타파하고노도로모보소오조초"
LEAST = 0.6
MOST_GROWTH = 1.25  # of memory, from a fifth of the rows to all
FULL_AHEAD = 100_000  # rows from which on memory does not grow any more


def people(count: int):
    for number in range(count):
        name = "김" + SYLLABLES[number % 24] + SYLLABLES[number // 24 % 24]
        # 7 and 33,000 have no common factor: birth dates are spread evenly over 90 years.
        born = date(1930, 1, 1) + timedelta(days=number * 7 % 33000)
        yield f"K{number:08}", name, born, f"010-{number // 10000:04}-{number % 10000:04}"


def write_roster(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write("person_id,name,birth_date,phone,region\n")
        for key, name, born, phone in people(count):
            file.write(f"{key},{name},{born},{phone},서울특별시\n")


def only_encrypt_and_hash(count: int) -> float:
    """Seconds for the same fields in one process, by the functions that the model uses."""
    from eligibility.indexes import indexes_of
    from privacy.cipher import encrypt

    rows = [
        (name, born, "+82" + phone[1:].replace("-", "")) for _k, name, born, phone in people(count)
    ]
    start = time.perf_counter()
    for name, born, phone in rows:
        encrypt(name, context=b"eligibility_person.name")
        encrypt(born.isoformat(), context=b"eligibility_person.birth_date")
        encrypt(phone, context=b"eligibility_person.phone")
        indexes_of(name, born, phone)
    return time.perf_counter() - start


class Watch(threading.Thread):
    """Peak private memory of a process in KiB, sampled every 50 ms."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.path, self.most, self.ended = Path(f"/proc/{pid}/status"), 0, threading.Event()

    def run(self) -> None:
        while self.path.exists() and not self.ended.wait(0.05):
            line = next(line for line in self.path.open() if line.startswith("RssAnon"))
            self.most = max(self.most, int(line.split()[1]))


def processor_time(pid: int) -> float:
    path = Path(f"/proc/{pid}/stat")
    if not path.exists():
        return 0
    fields = path.read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured_import(path: Path, count: int) -> dict[str, float]:
    """Empty the table and import twice; returns seconds, processor seconds and memory in KiB."""
    import django

    django.setup()
    from django.db import connection

    from database.clock import Now
    from eligibility.models import RosterUpload
    from eligibility.services.roster import import_roster
    from eligibility.services.roster_undo import take_back

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE eligibility_person CASCADE")
        cursor.execute("SELECT pg_backend_pid()")
        postgres = cursor.fetchone()[0]
    watch = Watch(postgres)
    watch.start()
    upload = RosterUpload.objects.create(by="staff:1", imported_at=Now())
    begun, busy = time.perf_counter(), processor_time(postgres)
    first = import_roster(path, upload_id=upload.pk)
    seconds, postgres_busy = time.perf_counter() - begun, processor_time(postgres) - busy
    # Before the second import, which would add to the processor time.
    kinds = [
        resource.getrusage(scope) for scope in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    memory = max(kind.ru_maxrss for kind in kinds)
    watch.ended.set()
    begun = time.perf_counter()
    again = import_roster(path)
    seconds_again = time.perf_counter() - begun
    assert (first.added, again.unchanged) == (count, count), (first, again)
    upload.refresh_from_db()
    begun = time.perf_counter()
    take_back(upload, progress=lambda done, total: None)
    seconds_back = time.perf_counter() - begun
    upload.refresh_from_db()
    assert upload.removed == count
    return {
        "seconds": seconds,
        "again": seconds_again,
        "back": seconds_back,
        "python": sum(kind.ru_utime + kind.ru_stime for kind in kinds),
        "postgres": postgres_busy,
        "memory": memory,
        "postgres_memory": watch.most,
    }


def in_a_process(path: Path, count: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", str(path), str(count)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(result.stdout)


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    sizes = [size for size in (count // 5, count) if size >= FULL_AHEAD or size == count]
    with ThrowawayServices() as services, tempfile.TemporaryDirectory() as folder:
        os.environ.update(services.urls)
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        sample = min(count, 200_000)
        # Before and after each import: the best of them is the least disturbed.
        only = [only_encrypt_and_hash(sample)]
        imports = []
        for size in sizes:
            path = Path(folder) / f"{size}.csv"
            write_roster(path, size)
            imports.append(in_a_process(path, size))
            only.append(only_encrypt_and_hash(sample))

    best, last = sample / min(only), imports[-1]
    ratio = count / last["seconds"] / best
    memory = [max(result["memory"], result["postgres_memory"]) / 1024 for result in imports]
    write = sys.stdout.write
    write(f"rows                          {count:>10,}\n")
    write(f"only encrypted and hashed     {best:>10,.0f} rows/s in one process\n")
    write(f"imported                      {count / last['seconds']:>10,.0f} rows/s\n")
    write(f"ratio                         {ratio:>10.2f} (at least {LEAST})\n")
    write(f"processor time of a row       {1e6 * last['python'] / count:>10.1f} µs in Python, ")
    write(f"{1e6 * last['postgres'] / count:.1f} µs in Postgres\n")
    write(f"imported again, nothing new   {count / last['again']:>10,.0f} rows/s\n")
    write(f"taken back                    {count / last['back']:>10,.0f} people/s\n")
    for size, result in zip(sizes, imports, strict=True):
        write(f"most memory, {size:>13,} rows {result['memory'] / 1024:>8,.0f} MiB in Python, ")
        write(f"{result['postgres_memory'] / 1024:,.0f} MiB in Postgres\n")
    growth = memory[-1] / memory[0]
    write(f"growth of memory              {growth:>10.2f} (at most {MOST_GROWTH})\n")
    return 0 if ratio >= LEAST and growth <= MOST_GROWTH else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        json.dump(measured_import(Path(sys.argv[2]), int(sys.argv[3])), sys.stdout)
    else:
        sys.exit(main())
