"""How long one decision takes, and finding a person among many.

    python bench/decisions.py [PEOPLE]

One decision must take less than 50 µs; finding a person by phone must stay an index look-up:
its plan is printed, and its time among PEOPLE (1,000,000) rows against its time among a tenth.
The rows are made by Postgres, with random indexes: only the look-up is measured.
"""

import os
import sys
import time
import timeit
from datetime import date, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

from launcher.throwaway import ThrowawayServices

MOST_DECISION = 50e-6
MOST_GROWTH = 2.0

FILL = """
INSERT INTO eligibility_person (roster_key, source, name, birth_date, phone, region, district,
    groups, identity_index, name_birth_index, phone_index, created_at)
SELECT 'B' || n, 'roster', '', '', '', '', '', '{}', uuid_send(gen_random_uuid()),
    uuid_send(gen_random_uuid()), uuid_send(gen_random_uuid()), now()
FROM generate_series(%s, %s) AS n
"""


def time_decision() -> float:
    from eligibility.enums import Proof
    from eligibility.rules import SEOUL, Facts, Rule, decide

    rule = Rule(
        cohort_id=1,
        birth_from=date(1962, 1, 1),
        birth_to=date(1966, 12, 31),
        opens_at=datetime(2021, 7, 12, 20, tzinfo=SEOUL),
        closes_at=datetime(2021, 7, 24, 18, tzinfo=SEOUL),
        proof=Proof.ROSTER,
    )
    facts = Facts(date(1964, 5, 12), on_roster=True)
    return min(timeit.repeat(lambda: decide(facts, rule, rule.opens_at), number=5000)) / 5000


def time_look_up(cursor) -> float:
    """Seconds for one look-up by phone, over many different ones."""
    cursor.execute("SELECT phone_index FROM eligibility_person ORDER BY random() LIMIT 2000")
    indexes = [row[0] for row in cursor.fetchall()]
    query = "SELECT id FROM eligibility_person WHERE phone_index = %s"
    for index in indexes[:200]:
        cursor.execute(query, [index])
    best = float("inf")
    for _round in range(3):
        start = time.perf_counter()
        for index in indexes:
            cursor.execute(query, [index])
            cursor.fetchall()
        best = min(best, (time.perf_counter() - start) / len(indexes))
    return best


def main() -> int:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    write = sys.stdout.write
    with ThrowawayServices() as services:
        os.environ.update(services.urls)
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        decision = time_decision()
        write(f"one decision          {decision * 1e6:8.1f} µs (under {MOST_DECISION * 1e6:.0f})\n")
        with connection.cursor() as cursor:
            times = []
            for first, last in [(1, people // 10), (people // 10 + 1, people)]:
                cursor.execute(FILL, [first, last])
                cursor.execute("ANALYZE eligibility_person")
                times.append(time_look_up(cursor))
                write(f"look-up among {last:>10,} {times[-1] * 1e6:8.1f} µs\n")
            cursor.execute(
                "EXPLAIN SELECT id FROM eligibility_person WHERE phone_index = '\\x00'::bytea"
            )
            plan = cursor.fetchall()[0][0]
    write(f"growth                {times[1] / times[0]:8.2f} (at most {MOST_GROWTH}); {plan}\n")
    good = decision < MOST_DECISION and times[1] / times[0] <= MOST_GROWTH and "Index" in plan
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
