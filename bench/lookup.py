"""Look-ups of a person among ten million, compared with ten thousand.

    python bench/lookup.py [PEOPLE]

The look-ups are those of signing in and of the roster: by phone; by name, birth date and phone; by
name and birth date; by roster key. Each is timed for 2,000 different people in two tables in turn,
both with the real columns and indexes, filled by Postgres with random bytes of the real lengths.
Prints time, pages touched and plan of each; fails unless it is an index look-up that ten million
people hardly slow down.
"""

import json
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

from launcher.throwaway import ThrowawayServices

FEW = 10_000
MOST_GROWTH = 2.0  # of the time, including the round trip to Postgres
MOST_PAGES = 8
LOOK_UPS = 2000
ROUNDS = 5

# Constant bytes with a random end, as long as the encrypted name, birth date and phone.
FILL = """
INSERT INTO {{table}} (roster_key, roster_digest, source, name, birth_date, phone,
    region, district, groups, identity_index, name_birth_index, phone_index, created_at)
SELECT 'K' || lpad(n::text, 9, '0'), uuid_send(gen_random_uuid()), 'roster',
    {bytes38}, {bytes39}, {bytes42}, '서울특별시', '강남구', '{{}}',
    uuid_send(gen_random_uuid()), uuid_send(gen_random_uuid()), uuid_send(gen_random_uuid()), now()
FROM generate_series(1, %s) AS n
""".format(
    **{
        f"bytes{length}": f"decode(repeat('5a', {length - 16}), 'hex') "
        "|| uuid_send(gen_random_uuid())"
        for length in (38, 39, 42)
    }
)

COLUMNS = {
    "phone": "phone_index",
    "name, birth date and phone": "identity_index",
    "name and birth date": "name_birth_index",
    "key of the roster": "roster_key",
}


FEW_PEOPLE, PEOPLE = "few_people", "eligibility_person"


def fill(cursor, people: int) -> None:
    """Fill the table. Indexes are dropped meanwhile: building them afterwards is three times as
    fast."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'eligibility_person'"
        " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
    )
    plain = cursor.fetchall()
    cursor.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = 'eligibility_person'::regclass AND contype = 'u'"
    )
    unique = cursor.fetchall()
    for name, _definition in unique:
        cursor.execute(f'ALTER TABLE eligibility_person DROP CONSTRAINT "{name}"')
    for name, _definition in plain:
        cursor.execute(f'DROP INDEX "{name}"')
    cursor.execute(FILL.replace("{table}", PEOPLE), [people])
    cursor.execute("SET maintenance_work_mem = '512MB'")  # builds indexes by sorting in memory
    for name, definition in unique:
        cursor.execute(f'ALTER TABLE eligibility_person ADD CONSTRAINT "{name}" {definition}')
    for _name, definition in plain:
        cursor.execute(definition)
    cursor.execute(f"VACUUM ANALYZE {PEOPLE}")


def fill_a_few(cursor) -> None:
    cursor.execute(f"CREATE TABLE {FEW_PEOPLE} (LIKE {PEOPLE} INCLUDING ALL)")
    cursor.execute(FILL.replace("{table}", FEW_PEOPLE), [FEW])
    cursor.execute(f"VACUUM ANALYZE {FEW_PEOPLE}")


class LookUp:
    """One query, timed for many different people of one table."""

    def __init__(self, cursor, table: str, column: str, people: int):
        # A fixed seed: each run looks up the same people.
        ids = random.Random(7).sample(range(1, people + 1), min(LOOK_UPS, people))  # noqa: S311
        cursor.execute(f"SELECT {column} FROM {table} WHERE id = ANY(%s)", [ids])
        self.values = [row[0] for row in cursor.fetchall()]
        self.query = f"SELECT * FROM {table} WHERE {column} = %s"
        self.cursor, self.seconds = cursor, float("inf")

    def time(self) -> None:
        """Time one round; the best of all rounds counts, as other load only adds to it."""
        start = time.perf_counter()
        for value in self.values:
            self.cursor.execute(self.query, [value])
            self.cursor.fetchall()
        self.seconds = min(self.seconds, (time.perf_counter() - start) / len(self.values))

    def explain(self) -> tuple[int, str]:
        """The number of pages touched, and the plan's node with its index."""
        self.cursor.execute(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {self.query}", self.values[:1]
        )
        answer = self.cursor.fetchone()[0]
        plan = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
        pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        return pages, f"{plan['Node Type']} {plan.get('Index Name', '')}".strip()


def main() -> int:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    write, is_fast = sys.stdout.write, True
    with ThrowawayServices() as services:
        os.environ.update(services.urls)
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            begun = time.perf_counter()
            fill_a_few(cursor)
            fill(cursor, people)
            cursor.execute(f"SELECT pg_total_relation_size('{PEOPLE}') / 1e9")
            size, seconds = cursor.fetchone()[0], time.perf_counter() - begun
            write(f"{people:,} people, {size:.1f} GB with indexes; filled in {seconds:.0f} s\n")
            for name, column in COLUMNS.items():
                few = LookUp(cursor, FEW_PEOPLE, column, FEW)
                many = LookUp(cursor, PEOPLE, column, people)
                for _round in range(ROUNDS):
                    few.time()
                    many.time()
                growth = many.seconds / few.seconds
                before, _plan = few.explain()
                pages, plan = many.explain()
                write(f"{name:28} {few.seconds * 1e6:5.0f} µs among {FEW:,}, ")
                write(f"{many.seconds * 1e6:5.0f} µs among {people:,} ({growth:.2f} times); ")
                write(f"pages {before} and {pages}; {plan}\n")
                is_fast &= growth <= MOST_GROWTH and pages <= MOST_PAGES and "Index" in plan
    write(f"at most {MOST_GROWTH} times the time, and {MOST_PAGES} pages: {is_fast}\n")
    return 0 if is_fast else 1


if __name__ == "__main__":
    sys.exit(main())
