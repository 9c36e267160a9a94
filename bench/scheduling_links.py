"""Writing the open times of 10,000 clinics (SMART Scheduling Links).

    python -m bench.scheduling_links [CLINICS] [SLOTS]

Fills a throw-away Postgres with CLINICS (10,000) clinics of all regions and SLOTS (100) open slots
of each, with as many full ones beside, and writes the files as the job of each minute does, five
times: at first all of them, later with a slot in twenty filled in between. Prints the seconds, the
size of the files plain and packed, and the CPU that the process itself took the last time.
Promised: less than 2 seconds.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

from launcher.throwaway import ThrowawayServices

CLINICS, SLOTS, ROUNDS, PROMISED = 10_000, 100, 5, 2.0
FILL = """
SET session_replication_role = replica;
INSERT INTO booking_clinic
    (code, name, region, district, address, phone, active, cutoff_hours, margin_percent,
    latitude, longitude)
SELECT 'b' || n, '의원 ' || n, (%(regions)s::text[])[1 + n %% 17], '구' || n / 40,
    '새싹로 ' || n, '02-000-0000', true, 2, 0, 37.5, 127
FROM generate_series(1, %(clinics)s) AS n;
INSERT INTO booking_slot (clinic_id, vaccine_id, starts_at, capacity, margin, booked)
SELECT clinic.id, %(vaccine)s,
    date_trunc('day', now()) + interval '1 day' * (2 + n / 25) + interval '20 minutes' * (n %% 25),
    4, 0, CASE n %% 2 WHEN 0 THEN 2 ELSE 4 END
FROM booking_clinic AS clinic, generate_series(0, %(slots)s * 2 - 1) AS n
WHERE clinic.code LIKE 'b%%';
SET session_replication_role = origin;
ANALYZE
"""
FILLED = """
UPDATE booking_slot SET booked = capacity + margin
WHERE id % 20 = {turn} AND booked < capacity + margin
"""


def main(clinics: int, slots: int) -> int:
    with ThrowawayServices() as started, tempfile.TemporaryDirectory() as home:
        os.environ |= started.urls | {"JARI_HOME": home}
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        from dataio.districts import REGIONS
        from reports import scheduling_links
        from tests.factories import RoomFactory, VaccineFactory

        call_command("migrate", verbosity=0)
        RoomFactory()
        values = {"regions": REGIONS, "clinics": clinics, "slots": slots}
        with connection.cursor() as cursor:
            cursor.execute(FILL, values | {"vaccine": VaccineFactory().pk})
        seconds = []
        for turn in range(ROUNDS):
            begun, own = time.perf_counter(), time.process_time()
            scheduling_links.publish()
            seconds.append(time.perf_counter() - begun)
            own_seconds = time.process_time() - own
            with connection.cursor() as cursor:
                cursor.execute(FILLED.format(turn=turn))
        folder = Path(home) / "open" / "slots"
        sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
        packed = sum(size for name, size in sizes.items() if name.endswith(".gz"))
        plain = sum(size for name, size in sizes.items() if name.endswith("json")) / 1e6
        print(
            f"{clinics:,} clinics, {clinics * slots:,} open slots: "
            f"{', '.join(f'{each:.2f}' for each in seconds)} s (less than {PROMISED}); "
            f"{plain:.0f} MB, packed {packed / 1e6:.1f} MB; "
            f"{own_seconds:.2f} s of CPU without Postgres's"
        )
        return 0 if max(seconds) < PROMISED else 1


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]]
    sys.exit(main(*(numbers + [CLINICS, SLOTS][len(numbers) :])))
