"""Bytes per waiting person in Postgres, with indexes and log.

    python -m bench.line_size [PEOPLE]

Adds up all tables of the waiting room after a VACUUM. Promised: under 400 bytes a person, and
nothing in Redis that grows with the line.
"""

import sys

from bench.portal import make_room, portal, settle

SIZES = """
SELECT relname, pg_total_relation_size(oid), pg_relation_size(oid) FROM pg_class
WHERE relname LIKE 'waiting\\_room\\_%%' AND relkind IN ('r', 'S') ORDER BY 2 DESC
"""


def main() -> None:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with portal():
        import django_rq

        redis = django_rq.get_connection("line")
        before = redis.info("memory")["used_memory"]
        room, _people = make_room("bench", people, joined=people)
        settle(room)
        report(people)
        print(
            f"Redis: {redis.info('memory')['used_memory'] - before:+,} bytes, {redis.dbsize()} keys"
        )


def report(people: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # as autovacuum does from time to time
        cursor.execute(SIZES)
        # Smaller tables have one row per room, not per person.
        sizes = [row for row in cursor.fetchall() if row[1] > 100_000]
    for name, total_size, rows in sizes:
        print(
            f"{name}: {total_size / people:.1f} bytes a person"
            f" ({rows / people:.1f} rows, rest indexes)"
        )
    total = sum(size[1] for size in sizes) / people
    verdict = "kept" if total < 400 else "BROKEN"
    print(f"Together {total:.0f} bytes a person at {people:,} (promised under 400, {verdict})")


if __name__ == "__main__":
    main()
