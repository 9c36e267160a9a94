"""The dashboard of the country over a million reservations: its summary, its page, its PDF.

    python bench/dashboard.py [ROWS]

Fills a throw-away Postgres with ROWS (1,000,000) reservations of 120 days at 2,000 clinics in 200
districts, of three cohorts and in all states, half of them with a dose given; counts the figures
twice, from nothing and where nothing has changed; and opens the page and the report of the health
authority ten times each. Prints seconds, rows of the summary, statements and the median in
milliseconds; fails if the page needs more than 12 statements or 300 ms.
"""

import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

from launcher.throwaway import ThrowawayServices

ROWS, ROUNDS = 1_000_000, 10
MOST_STATEMENTS, MOST_MS = 12, 300

FILL = """
SET session_replication_role = replica;
INSERT INTO booking_clinic
SELECT (jsonb_populate_record(clinic, jsonb_build_object('id', 1000 + n, 'code', 'bench' || n,
    'region', ({regions}::text[])[1 + n % 17], 'district', '구' || n % 200))).*
FROM booking_clinic AS clinic, generate_series(1, 2000) AS n WHERE clinic.id = {clinic};
INSERT INTO booking_slot (id, clinic_id, vaccine_id, starts_at, capacity, margin, booked)
SELECT 1000 + n, 1001 + n % 2000, {vaccine}, now() + (n / 2000 - 90) * interval '1 day', 10, 1, 4
FROM generate_series(0, 239999) AS n;
INSERT INTO waiting_room_admission
SELECT (jsonb_populate_record(admission, jsonb_build_object('id', 1000 + room.number,
    'room_id', room.id, 'ticket_id', gen_random_uuid()))).*
FROM waiting_room_admission AS admission,
    (SELECT id, row_number() OVER (ORDER BY id) AS number FROM waiting_room_room) AS room
WHERE admission.id = {admission};
INSERT INTO booking_reservation (id, number, person_id, slot_id, dose, status, extensions, key,
    origin, by, confirmed_at, language, channel, admission_id)
SELECT n, lpad(n::text, 10, '0'), n, 1000 + n % 240000, 1 + n % 2,
    CASE WHEN n % 240000 >= 180000 THEN 'confirmed'
        WHEN n % 13 = 0 THEN 'no_show' WHEN n % 17 = 0 THEN 'cancelled' ELSE 'vaccinated' END,
    0, gen_random_uuid(), 'line', 'staff:1', now(), 'ko', 'sms', 1001 + n % 3
FROM generate_series(1000, 999 + {rows}) AS n;
INSERT INTO vaccination_dosegiven (reservation_id, clinic_id, vaccine_id, dose_number, given_at,
    recorded_at, vaccinator, by, late_reason, site, identity)
SELECT reservation.id, slot.clinic_id, slot.vaccine_id, dose, slot.starts_at, slot.starts_at,
    'staff:1', 'staff:1', '', '', ''
FROM booking_reservation AS reservation JOIN booking_slot AS slot ON slot.id = slot_id
WHERE status = 'vaccinated' AND reservation.id % 3 > 0;
SET session_replication_role = origin;
ANALYZE
"""


def fill(rows: int) -> None:
    from django.db import connection

    from dataio.districts import REGIONS
    from reports.models import CohortPlan
    from tests.clock import clock
    from tests.factories import AdmissionFactory, RoomFactory, SlotFactory

    rooms = [RoomFactory() for _ in range(3)]
    admission, slot = AdmissionFactory(room=rooms[0]), SlotFactory()
    names = {
        "rows": rows,
        "clinic": slot.clinic_id,
        "vaccine": slot.vaccine_id,
        "admission": admission.pk,
        "regions": "ARRAY[" + ", ".join(f"'{region}'" for region in REGIONS) + "]",
    }
    with connection.cursor() as cursor:
        cursor.execute(FILL.format(**names))
    today = clock.now().date()
    for room in rooms:
        CohortPlan.objects.create(
            cohort=room.cohort, people=rows // 2, first_day=today, last_day=today
        )


def open_as_authority(address: str) -> tuple[list[float], int]:
    """Milliseconds of each opening, and the statements of one."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from staff.enums import Role
    from tests.factories import StaffFactory
    from tests.staff.signing_in import StaffClient

    client = StaffClient()
    client.force_login(StaffFactory(role=Role.AUTHORITY))
    client.get(address)
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        assert client.get(address).status_code == 200
        times.append(1000 * (time.perf_counter() - begun))
    with CaptureQueriesContext(connection) as statements:
        client.get(address)
    return times, len(statements)


def main(rows: int) -> int:
    with ThrowawayServices() as started:
        os.environ.update(started.urls)
        import django

        django.setup()
        from django.core.management import call_command

        from reports.figures import recount
        from reports.models import DailyFigure

        # As their owner: the account of the application could not fill past the triggers.
        call_command("migrate", verbosity=0)
        fill(rows)
        for what in ("from nothing", "again"):
            begun = time.perf_counter()
            recount()
            seconds = time.perf_counter() - begun
            print(f"{rows:,} reservations counted {what} in {seconds:.1f} s")
        print(f"{DailyFigure.objects.count():,} figures")
        good = True
        for address in ("/admin/dashboard/", "/admin/dashboard/report.pdf"):
            times, statements = open_as_authority(address)
            middle = statistics.median(times)
            print(f"{address:28} {middle:5.0f} ms (most {max(times):.0f}), {statements} statements")
            if not address.endswith(".pdf"):
                good &= middle <= MOST_MS and statements <= MOST_STATEMENTS
        return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else ROWS))
