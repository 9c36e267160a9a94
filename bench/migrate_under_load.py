"""A column that must have a value, added to a large table while people join and book.

    python -m bench.migrate_under_load [ROWS]

Fills a throw-away Postgres, made durable, with ROWS (1,000,000) reservations and lets eight
citizens at a time join a line or hold, confirm and cancel, on connections of their own. Meanwhile
the same change is made twice, on a column each: first by the rule book (docs/developing.md:
expand, fill in batches, index CONCURRENTLY, NOT VALID, VALIDATE), then as one transaction, which is
what one careless migration is. Printed are a citizen's waits in both, and without any change.
"""

import os
import random
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

from launcher.throwaway import ThrowawayServices

CITIZENS, PAUSE_SECONDS, BATCH, PEOPLE = 8, 0.1, 5_000, 20_000
CLINICS, SLOTS, CAPACITY = 100, 100, 2_000
FILL = """
INSERT INTO booking_clinic
    (code, name, region, district, address, phone, active, cutoff_hours, margin_percent)
SELECT 'b' || n, '의원 ' || n, '경기도', '구' || n / 10, '경기도', '', true, 2, 0
FROM generate_series(1, %(clinics)s) AS n;
INSERT INTO booking_slot (clinic_id, vaccine_id, starts_at, capacity, margin, booked)
SELECT clinic.id, %(vaccine)s,
    date_trunc('day', now()) + interval '1 day' * (2 + n / 20) + interval '30 minutes' * (n %% 20),
    %(capacity)s, 0, %(each)s
FROM booking_clinic AS clinic, generate_series(1, %(slots)s) AS n;
INSERT INTO booking_reservation (number, person_id, slot_id, dose, status, extensions, key,
    origin, admission_id, by, created_at, confirmed_at, changed_at, language, channel)
SELECT 'B' || slot.id || '-' || n, 1000000000 + slot.id * 10000 + n, slot.id, 1, 'confirmed', 0,
    gen_random_uuid(), 'line', slot.id, 'citizen', now(), now(), now(), 'ko', 'sms'
FROM booking_slot AS slot, generate_series(1, %(each)s) AS n;
"""
# Two statements: joined with the ids of a batch, a plan reads the whole table for each batch.
END_OF_BATCH = """
SELECT max(id) FROM (
    SELECT id FROM booking_reservation WHERE id > %s ORDER BY id LIMIT %s
) AS batch
"""
FILL_BATCH = """
UPDATE booking_reservation SET careful = 'web' WHERE id > %s AND id <= %s AND careful IS NULL
"""
# One migration, one transaction: its locks are kept until its end.
CARELESS = """
BEGIN;
ALTER TABLE booking_reservation ADD COLUMN careless varchar(8);
UPDATE booking_reservation SET careless = 'web';
ALTER TABLE booking_reservation ALTER COLUMN careless SET NOT NULL;
CREATE INDEX careless_values ON booking_reservation (careless);
COMMIT;
"""


def careful() -> None:
    """The steps of three migrations and a job; none waits long for a lock, none keeps one."""
    # New rows have a value at once, so that the version before may go on writing.
    run("ALTER TABLE booking_reservation ADD COLUMN careful varchar(8)")
    run("ALTER TABLE booking_reservation ALTER COLUMN careful SET DEFAULT 'web'")
    # Rows that are added meanwhile have the default.
    last, highest = 0, run("SELECT max(id) FROM booking_reservation")
    while last < highest:
        upto = run(END_OF_BATCH, [last, BATCH])
        run(FILL_BATCH, [last, upto])
        last = upto
    tell("filled")
    run("CREATE INDEX CONCURRENTLY careful_values ON booking_reservation (careful)")
    tell("indexed")
    run(
        "ALTER TABLE booking_reservation ADD CONSTRAINT careful_is_set"
        " CHECK (careful IS NOT NULL) NOT VALID"
    )
    run("ALTER TABLE booking_reservation VALIDATE CONSTRAINT careful_is_set")


def tell(step: str) -> None:
    """Minutes may pass in a step; the terminal says that it goes on."""
    print(f"{time.strftime('%H:%M:%S')} {step}", flush=True)


def run(sql: str, values: list | None = None):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()[0] if cursor.description else None


class Citizens:
    """They join a line, or hold, confirm and cancel; how long each act took, and what failed."""

    def __init__(self) -> None:
        from booking.models import Slot
        from tests.crowd import admit
        from tests.factories import RoomFactory
        from tests.waiting_room import scene

        self.slots = list(Slot.objects.order_by("pk").values_list("pk", flat=True)[:2_000])
        self.admissions = admit(RoomFactory(), PEOPLE)
        self.room = scene.make_room(ticked=False)
        self.waits: dict[str, list[float]] = {}
        self.failed: list[str] = []

    def meanwhile(self, name: str, act: Callable[[], object]) -> None:
        """Run `act` while they come, and print their waits."""
        self.waits, self.failed = {"join": [], "hold": [], "confirm": [], "cancel": []}, []
        over = threading.Event()
        threads = [threading.Thread(target=self._come, args=[over]) for _ in range(CITIZENS)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        begun = time.perf_counter()
        act()
        seconds = time.perf_counter() - begun
        over.set()
        for thread in threads:
            thread.join()
        for what, waits in self.waits.items():
            if len(waits) < 2:
                print(f"{name:<10} {seconds:6.1f} s  {what:<8} {len(waits):>6,} times")
                continue
            print(
                f"{name:<10} {seconds:6.1f} s  {what:<8} {len(waits):>6,} times, "
                f"99% under {1000 * quantiles(waits, n=100)[-1]:6.0f} ms, "
                f"longest {max(waits):6.2f} s"
            )
        print(f"{name:<10} failed: {len(self.failed)} {sorted(set(self.failed))[:2]}", flush=True)

    def _come(self, over: threading.Event) -> None:
        from django.db import connection

        while not over.is_set():
            try:
                self._act()
            except Exception as error:  # what a citizen would see as an error
                self.failed.append(type(error).__name__)
            time.sleep(PAUSE_SECONDS)
        connection.close()

    def _act(self) -> None:
        from booking.services.changes import cancel_reservation
        from booking.services.confirmations import confirm_hold
        from booking.services.holds import hold_slot
        from tests.waiting_room import scene

        admission = self.admissions.pop()
        person = admission.ticket.person_id
        if random.random() < 0.5:  # noqa: S311
            eligible = scene.make_eligible(self.room, admission.ticket.person)
            self._timed("join", lambda: scene.join(self.room, eligible))
            return
        slot = random.choice(self.slots)  # noqa: S311
        key = self._timed(
            "hold", lambda: hold_slot(person_id=person, slot_id=slot, admission_id=admission.pk)
        )
        [row] = self._timed("confirm", lambda: confirm_hold(person_id=person, key=key))
        self._timed("cancel", lambda: cancel_reservation(reservation=row, by="citizen"))

    def _timed(self, what: str, act: Callable):
        begun = time.perf_counter()
        try:
            return act()
        finally:
            self.waits[what].append(time.perf_counter() - begun)


def fill(rows: int) -> None:
    from django.db import connection

    from tests.factories import VaccineFactory

    values = {
        "clinics": CLINICS, "slots": SLOTS, "capacity": CAPACITY, "vaccine": VaccineFactory().pk,
        "each": rows // (CLINICS * SLOTS),
    }  # fmt: skip
    with connection.cursor() as cursor:
        # Without foreign keys: the reservations' people and admissions do not exist.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(FILL, values)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE booking_reservation")


def main(rows: int) -> int:
    with ThrowawayServices(durable=True) as started:
        os.environ.update(started.urls)
        import django

        django.setup()
        from django.core.management import call_command
        from django.utils import translation

        from bench.portal import check_durable

        call_command("migrate", verbosity=0)
        translation.activate("ko")
        begun = time.perf_counter()
        fill(rows)
        print(f"{rows:,} reservations in {time.perf_counter() - begun:.0f} s", flush=True)
        check_durable()
        citizens = Citizens()
        citizens.meanwhile("no change", lambda: time.sleep(5))
        citizens.meanwhile("careful", careful)
        citizens.meanwhile("careless", lambda: run(CARELESS))
        return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
