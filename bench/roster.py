"""How fast a roster goes in, against encrypting and hashing the same fields and nothing else.

    python bench/roster.py [ROWS]

Starts a throw-away Postgres unless DATABASE_URL is set. Prints rows per second of both, their
ratio (at least 0.6 is promised), the time of a second import that changes nothing, and the
most memory that any process took.
"""

import os
import resource
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

from launcher.throwaway import ThrowawayServices

SYLLABLES = "가나다라마바사아자차카타파하고노도로모보소오조초"
LEAST = 0.6


def people(count: int):
    for number in range(count):
        name = "김" + SYLLABLES[number % 24] + SYLLABLES[number // 24 % 24]
        born = date(1930, 1, 1) + timedelta(days=number * 7 % 33000)
        yield f"K{number:08}", name, born, f"010-{number // 10000:04}-{number % 10000:04}"


def write_roster(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write("person_id,name,birth_date,phone,region\n")
        for key, name, born, phone in people(count):
            file.write(f"{key},{name},{born},{phone},서울특별시\n")


def only_encrypt_and_hash(count: int) -> float:
    """Seconds for the same fields in one process, by the functions the model uses."""
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


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with ThrowawayServices() as services, tempfile.TemporaryDirectory() as folder:
        os.environ.update(services.urls)
        import django

        django.setup()
        from django.core.management import call_command

        from eligibility.services.roster import import_roster

        call_command("migrate", verbosity=0)
        path = Path(folder) / "roster.csv"
        write_roster(path, count)

        sample = min(count, 200_000)
        only = sample / only_encrypt_and_hash(sample)
        start = time.perf_counter()
        first = import_roster(path)
        whole = count / (time.perf_counter() - start)
        start = time.perf_counter()
        again = import_roster(path)
        second = count / (time.perf_counter() - start)
        # Before Postgres ends: it would count as a child too.
        kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        kib = max(resource.getrusage(kind).ru_maxrss for kind in kinds)

    assert (first.added, again.unchanged) == (count, count), (first, again)
    write = sys.stdout.write
    write(f"rows                          {count:>10,}\n")
    write(f"only encrypted and hashed     {only:>10,.0f} rows/s in one process\n")
    write(f"imported                      {whole:>10,.0f} rows/s\n")
    write(f"ratio                         {whole / only:>10.2f} (at least {LEAST})\n")
    write(f"imported again, nothing new   {second:>10,.0f} rows/s\n")
    write(f"most memory of a process      {kib / 1024:>10,.0f} MiB\n")
    return 0 if whole / only >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
