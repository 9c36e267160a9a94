"""Who got a lot, among ten million doses.

    python bench/recall.py [DOSES]

Fills a throw-away Postgres with 10,000,000 doses (or DOSES) of 100,000 lots at 2,000 clinics, one
lot number at 20 of them with 2,000 people in all, and measures the statement that lists them with
their state, the count, and the messages. Prints the plan. Reservations and people exist for the
recalled lot and 200,000 others only: the plan reads none of the rest. About four minutes and three
gigabytes.
"""

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

from launcher.throwaway import ThrowawayServices

DOSES, LOTS, CLINICS = 10_000_000, 100_000, 2_000
RECALLED = "RECALLED"
# Of lot n: no clinic has two lots of the recalled number.
CLINIC_OF_LOT = (
    "(SELECT min(id) FROM booking_clinic WHERE code = 'b1') + (n + n / 5000) % {clinics}"
)
FILL = """
SET session_replication_role = replica;
INSERT INTO booking_clinic (code, name, region, district, address, phone, active, cutoff_hours,
    margin_percent)
SELECT 'b' || n, '의원 ' || n, '경기도', '구' || n / 28, '경기도', '', true, 2, 0
FROM generate_series(1, {clinics}) AS n;
-- Every 5,000th lot has the recalled number: 20 of 100,000, with 100 doses each.
INSERT INTO vaccination_lot (id, clinic_id, vaccine_id, number, expires_on, doses_received,
    doses_given, doses_wasted, by)
SELECT n, {clinic_of_lot}, {vaccine},
    CASE WHEN n % 5000 = 0 THEN '{recalled}' ELSE 'L' || n END, current_date + 60,
    {doses} / {lots}, {doses} / {lots}, 0, 'staff:1'
FROM generate_series(1, {lots}) AS n;
INSERT INTO vaccination_dosegiven (reservation_id, clinic_id, vaccine_id, lot_id, dose_number, site,
    identity, vaccinator, given_at, recorded_at, late_reason, by)
SELECT 1000000000 + dose, {clinic_of_lot}, {vaccine}, n, 1, 'LA', 'card', 'staff:1', now(), now(),
    '', 'staff:1'
FROM generate_series(0, {doses} - 1) AS dose, LATERAL (SELECT 1 + dose % {lots} AS n) AS lot;
INSERT INTO booking_reservation (id, number, person_id, slot_id, dose, status, extensions, key,
    origin, by, created_at, confirmed_at, changed_at, language, channel)
SELECT reservation_id, 'B' || reservation_id, reservation_id, {slot}, 1, 'vaccinated', 0,
    gen_random_uuid(), 'staff', 'staff:1', now(), now(), now(), 'ko', 'sms'
FROM vaccination_dosegiven
WHERE lot_id % 5000 = 0 OR reservation_id < 1000200000;
-- Copies of one person under ids of their own.
INSERT INTO eligibility_person (id, identity_index, {columns})
SELECT reservation.id, decode(md5(reservation.id::text), 'hex'), {copied}
FROM booking_reservation AS reservation, LATERAL (
    SELECT {columns} FROM eligibility_person WHERE id = {person}
) AS person;
SET session_replication_role = origin;
"""


def main(doses: int) -> int:
    with ThrowawayServices() as started:
        os.environ.update(started.urls)
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        from tests.factories import PersonFactory, SlotFactory
        from vaccination.models import Recall
        from vaccination.services import recalls

        call_command("migrate", verbosity=0)
        slot, person = SlotFactory(), PersonFactory(declared=True)
        columns = [
            field.column
            for field in type(person)._meta.concrete_fields
            if field.name not in ("id", "identity_index")
        ]
        values = {
            "doses": doses,
            "lots": LOTS,
            "clinics": CLINICS,
            "clinic_of_lot": CLINIC_OF_LOT.format(clinics=CLINICS),
            "recalled": RECALLED,
            "vaccine": slot.vaccine_id,
            "slot": slot.pk,
            "person": person.pk,
            "columns": ", ".join(columns),
            "copied": ", ".join(f"person.{name}" for name in columns),
        }
        begun = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(FILL.format(**values))
            cursor.execute("ANALYZE")
        print(f"{doses:,} doses in {time.perf_counter() - begun:.0f} s")

        found = recalls.recipients(
            vaccine_id=slot.vaccine_id, number=RECALLED, clinic_id=None, recall_id=1
        )
        print(found.explain(analyze=True, buffers=True))
        print(f"list of all: {_best(lambda: list(found.all())):.0f} ms for {len(found):,} people")
        print(f"one page:    {_best(lambda: list(found.all()[:100])):.0f} ms")
        print(f"count:       {_best(lambda: found.all().count()):.0f} ms")
        recall = Recall.objects.create(
            vaccine=slot.vaccine, lot_number=RECALLED, text_ko="x", by="staff:1", people=len(found)
        )
        begun, batches = time.perf_counter(), 1
        while recalls.write_batch(recall.pk):
            batches += 1
        seconds = time.perf_counter() - begun
        print(f"messages:    {len(found) / seconds:,.0f}/s in {batches} batches")
    return 0


def _best(act) -> float:
    """Milliseconds, the best of five."""
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        act()
        times.append(time.perf_counter() - begun)
    return 1000 * min(times)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else DOSES))
