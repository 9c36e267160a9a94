"""Finding and holding a slot in a small and in a national table.

    python bench/booking_size.py [SLOTS]

Fills two databases of a throw-away Postgres, one with 10,000 slots and 20,000 reservations, one
with 5,000,000 slots (or SLOTS) and twice as many reservations, and measures both in turn: finding
slots in a district with empty caches, holding, and confirming. Clinics and districts have the same
size in both; the national table has more of them. Nothing may take more than 1.5 times as long.
verify_bookings is timed on both. A run takes about ten minutes and five gigabytes.
"""

import os
import random
import sys
import time
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

from launcher.throwaway import ThrowawayServices

SMALL, LARGE = 10_000, 5_000_000
SLOTS_PER_CLINIC, CLINICS_PER_DISTRICT = 350, 28  # 5,000,000 slots: 14,000 clinics, 510 districts
PROMISED = 1.5
TURNS, BLOCKS, WARM_UP = 80, 6, 20  # bookings per block; blocks per database; turns dropped of each

CLINICS = """
INSERT INTO booking_clinic
    (code, name, region, district, address, phone, active, cutoff_hours, margin_percent)
SELECT 'b' || n, '의원 ' || n, '경기도', '구' || n / %(district)s, '경기도', '', true, 2, 0
FROM generate_series(%(from)s, %(to)s - 1) AS n
"""
SLOTS = """
INSERT INTO booking_slot (clinic_id, vaccine_id, starts_at, capacity, margin, booked)
SELECT clinic.id, %(vaccine)s,
    date_trunc('day', now()) + interval '1 day' * (2 + n / 25) + interval '30 minutes' * (n %% 25),
    10, 0, 2
FROM booking_clinic AS clinic, generate_series(0, %(slots)s - 1) AS n
WHERE clinic.code LIKE 'b%%' AND clinic.id > %(after)s
"""
# Two confirmed reservations for each slot, of people and admissions that are only numbers.
RESERVATIONS = """
INSERT INTO booking_reservation (number, person_id, slot_id, dose, status, extensions, key,
    origin, admission_id, by, created_at, confirmed_at, changed_at, language, channel)
SELECT 'B' || slot.id || '-' || n, 1000000000 + slot.id * 2 + n, slot.id, 1, 'confirmed', 0,
    gen_random_uuid(), 'line', slot.id, 'citizen', now(), now(), now(), 'ko', 'sms'
FROM booking_slot AS slot, generate_series(0, 1) AS n
WHERE slot.id > %(after)s AND slot.booked = 2
"""


def fill(slots: int, vaccine_id: int, district: int = CLINICS_PER_DISTRICT) -> None:
    from django.db import connection

    last_clinic = highest("booking_clinic")
    count = number_of("booking_clinic")
    clinics = slots // SLOTS_PER_CLINIC
    last_slot = highest("booking_slot")
    with connection.cursor() as cursor:
        # Without foreign keys: the reservations' people and admissions do not exist.
        cursor.execute("SET session_replication_role = replica")
        values = {"from": count, "to": clinics, "district": district}
        cursor.execute(CLINICS, values)
        values = {"vaccine": vaccine_id, "slots": SLOTS_PER_CLINIC, "after": last_clinic}
        cursor.execute(SLOTS, values)
        cursor.execute(RESERVATIONS, {"after": last_slot})
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")


def highest(table: str) -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(max(id), 0) FROM {table}")
        return cursor.fetchone()[0]


def number_of(table: str) -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return cursor.fetchone()[0]


def measure(admissions: list) -> dict[str, list[float]]:
    """Seconds per act, in random districts and slots; the first WARM_UP turns are dropped."""
    from booking.finder import availability
    from booking.finder.search import Search, find
    from booking.models import Slot
    from booking.services.confirmations import confirm_hold
    from booking.services.holds import hold_slot

    availability.clear_caches()
    districts = availability.directory().districts("경기도")
    last = highest("booking_slot")
    times: dict[str, list[float]] = {"find": [], "hold": [], "confirm": []}
    for admission in admissions:
        person = admission.ticket.person_id
        district = random.choice(districts)  # noqa: S311
        slot = Slot.objects.filter(pk__gt=random.randrange(last)).order_by("pk").first()  # noqa: S311
        for cache in availability.all_caches[1:]:  # not that of the clinics, which rarely change
            cache.clear()
        start = time.perf_counter()
        results = find(Search(region="경기도", district=district))
        found_at = time.perf_counter()
        assert results.left > 0
        key = hold_slot(person_id=person, slot_id=slot.pk, admission_id=admission.pk)
        held_at = time.perf_counter()
        confirm_hold(person_id=person, key=key)
        times["find"].append(found_at - start)
        times["hold"].append(held_at - found_at)
        times["confirm"].append(time.perf_counter() - held_at)
    return {act: seconds[WARM_UP:] for act, seconds in times.items()}


def main(large: int) -> int:
    with ThrowawayServices(durable=True) as started:
        os.environ.update(started.urls)
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection
        from django.utils import translation

        from booking.verifying import verify
        from tests.crowd import admit
        from tests.factories import RoomFactory, VaccineFactory

        _with_memory(started)
        call_command("migrate", verbosity=0)
        translation.activate("ko")
        vaccine, room = VaccineFactory(), RoomFactory()
        people = admit(room, TURNS * BLOCKS)
        small_name = connection.settings_dict["NAME"]
        # CREATE DATABASE … TEMPLATE needs the template without connections.
        use("postgres")
        with connection.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE national TEMPLATE "{small_name}"')
        names = {small_name: SMALL, "national": large}
        for name, slots in names.items():
            use(name)
            start = time.perf_counter()
            fill(slots, vaccine.pk)
            seconds = time.perf_counter() - start
            start = time.perf_counter()
            assert verify()[0].broken == 0
            sys.stdout.write(
                f"{number_of('booking_slot'):>10,} slots {number_of('booking_reservation'):>11,}"
                f" reservations: filled in {seconds:.0f} s,"
                f" verify_bookings {time.perf_counter() - start:.1f} s\n"
            )
        for name in names:
            use(name)
            warm_up()
        # In turn, so that other load of this machine disturbs both alike.
        took: dict[str, dict[str, list[float]]] = {name: {} for name in names}
        for block in range(BLOCKS):
            for name in names:
                use(name)
                for act, times in measure(people[block * TURNS : (block + 1) * TURNS]).items():
                    took[name].setdefault(act, []).extend(times)
        connection.close()
        return 0 if is_fast_in_both(*took.values()) else 1


def is_fast_in_both(
    small_times: dict[str, list[float]], large_times: dict[str, list[float]]
) -> bool:
    """Print each act in both databases; whether none takes much longer in the large one."""
    is_fast = True
    for act in ("find", "hold", "confirm"):
        small, large = (1000 * median(times[act]) for times in (small_times, large_times))
        is_fast &= large / small <= PROMISED
        sys.stdout.write(
            f"{act:8} {small:7.2f} ms {large:7.2f} ms: {large / small:.2f} times as much"
            f" (promised {PROMISED})\n"
        )
    return is_fast


def warm_up() -> None:
    """Load tables and indexes into memory, as after a day of use."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
        cursor.execute(
            "SELECT pg_prewarm(oid) FROM pg_class"
            " WHERE relname LIKE 'booking\\_%' AND relkind IN ('r', 'i')"
        )


def use(name: str) -> None:
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = name


def _with_memory(started: ThrowawayServices) -> None:
    """A third of the memory as shared buffers, as on a server; both databases share it."""
    from django.db import connection

    with connection.cursor() as cursor:
        third = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 3 >> 20
        cursor.execute(f"ALTER SYSTEM SET shared_buffers = '{third}MB'")
        cursor.execute("ALTER SYSTEM SET max_wal_size = '8GB'")
    connection.close()
    postgres = started._running[0]
    postgres.stop()
    postgres.start(urlsplit(os.environ["DATABASE_URL"]).port)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else LARGE))
