"""A clinic's afternoon closed with 2,000 people in it, alone and under a storm of bookings.

    python bench/closing.py [PEOPLE]

Starts a throw-away Postgres, made durable, and Valkey. 100 clinics of one city have slots on 28
days; one of them closes a day with PEOPLE (2,000) in it, a third of them with a second dose.
Measured: the preview, the closing, taking it back; then the same closing while sixteen connections
hold, confirm and cancel at the closed hours and at the times the people move to; and telling.
Promised: moved within a minute. All parts share this machine's cores.
"""

import os
import random
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median, quantiles

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

from bench.portal import check_durable
from launcher.throwaway import ThrowawayServices

# Some seats of the closed day are free, for the storm.
CLINICS, DAYS, TIMES, CAPACITY, CONNECTIONS = 100, 28, 16, 150, 16
FILL = """
INSERT INTO booking_clinic (code, name, region, district, address, phone, active, cutoff_hours,
    margin_percent, latitude, longitude)
SELECT 'b' || n, '시험의원 ' || n, '서울특별시', '강남구', '서울특별시', '', true, 2, 0,
    37.5 + (n %% 10) / 200.0, 127.0 + n / 2000.0
FROM generate_series(1, %(clinics)s) AS n;
INSERT INTO booking_slot (clinic_id, vaccine_id, starts_at, capacity, margin, booked)
SELECT clinic.id, %(vaccine)s,
    %(first)s + make_interval(days => day, mins => 30 * part), %(capacity)s, 0, 0
FROM booking_clinic AS clinic, generate_series(0, %(days)s) AS day,
    generate_series(0, %(times)s - 1) AS part;
"""
BOOK = """
WITH admitted AS (
    SELECT admission.id, ticket.person_id, row_number() OVER (ORDER BY admission.id) AS n
    FROM waiting_room_admission AS admission
    JOIN waiting_room_ticket AS ticket ON ticket.id = admission.ticket_id
), slots AS (
    SELECT id, starts_at, row_number() OVER (ORDER BY id) - 1 AS n FROM booking_slot
    WHERE clinic_id = %(clinic)s AND starts_at < %(first)s::timestamptz + interval '1 day'
), made AS (
    INSERT INTO booking_reservation (number, person_id, slot_id, dose, status, extensions, key,
        origin, admission_id, by, created_at, confirmed_at, changed_at, language, channel)
    SELECT 'B' || admitted.n || 'D' || dose, person_id,
        CASE dose WHEN 1 THEN slots.id ELSE (
            SELECT id FROM booking_slot AS second WHERE second.clinic_id = %(clinic)s
                AND second.starts_at = slots.starts_at + interval '21 days'
        ) END,
        dose, 'confirmed', 0, md5(admitted.n::text)::uuid, 'line', admitted.id, 'citizen', now(),
        now(), now(), 'ko', 'sms'
    FROM admitted JOIN slots ON slots.n = admitted.n %% %(times)s
    CROSS JOIN generate_series(1, 2) AS dose
    WHERE dose = 1 OR admitted.n %% 3 = 0
    RETURNING slot_id
)
UPDATE booking_slot SET booked = booked + taken.n
FROM (SELECT slot_id, count(*) AS n FROM made GROUP BY slot_id) AS taken WHERE id = slot_id
"""


def main(people: int) -> int:
    with ThrowawayServices(durable=True) as started:
        os.environ.update(started.urls)
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        check_durable()
        clinic, first = fill(people)
        alone(clinic, first, people)
        beside_a_storm(clinic, first)
        return check()


def fill(people: int):
    from django.db import connection
    from django.utils import timezone

    from booking.models import Clinic
    from tests.crowd import admit
    from tests.factories import RoomFactory, VaccineFactory

    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    values = {
        "clinics": CLINICS, "days": DAYS, "times": TIMES, "capacity": CAPACITY,
        "first": midnight + timedelta(days=2, hours=9),
        "vaccine": VaccineFactory(double=True).pk,
    }  # fmt: skip
    admit(RoomFactory(), people)
    with connection.cursor() as cursor:
        cursor.execute(FILL, values)
        clinic = Clinic.objects.get(code="b1")
        cursor.execute(BOOK, values | {"clinic": clinic.pk})
        cursor.execute("ANALYZE")
    return clinic, values["first"]


def wishes(clinic, first: datetime):
    from booking.enums import ClosureMode
    from booking.services.closure_plans import Hours, Wish

    return Hours(clinic, first, first + timedelta(hours=12)), Wish(ClosureMode.MOVE, 10, 14)


def timed(name: str, act):
    begun = time.perf_counter()
    answer = act()
    print(f"{name + ':':<28} {time.perf_counter() - begun:6.2f} s")
    return answer


def close(hours, wish, without: int = 0):
    from booking.services.closures import close_hours

    return close_hours(
        hours=hours, wish=wish, reason="building", shown_without=without, by="staff:1"
    )


def alone(clinic, first: datetime, people: int) -> None:
    from booking.services import closures

    hours, wish = wishes(clinic, first)
    situation = timed("preview", lambda: closures.preview(hours=hours, wish=wish))
    plan = timed("its plan", lambda: situation.plan)
    print(f"{len(situation.patients):,} people, {len(plan.moved):,} appointments move")
    closure = timed(f"closing, {people:,} people", lambda: close(hours, wish))
    restored = timed("taking back", lambda: closures.take_back(closure=closure, by="staff:1"))
    print(f"restored {restored[0]:,}, left {restored[1]}")
    assert restored == (people, 0)


def beside_a_storm(clinic, first: datetime) -> None:
    """Close the day while others book there and where its people go; then tell them."""
    from booking.models import Closure, Reservation, Slot
    from booking.services.closure_messages import tell
    from database.clock import Now

    hours, wish = wishes(clinic, first)
    affected = Reservation.objects.filter(slot__in=hours.slots(), status="confirmed").count()
    wanted = list(
        Slot.objects.filter(clinic=clinic, starts_at__gte=first).order_by("starts_at")[:64]
        .values_list("pk", flat=True)
    )  # fmt: skip
    storm = Storm(wanted)
    before = storm.run(lambda: time.sleep(5))
    during = storm.run(
        lambda: timed(f"closing in a storm, {affected:,}", lambda: close(hours, wish, 10_000))
    )
    for name, (holds, took) in {"before": before, "beside the closing": during}.items():
        most = quantiles(holds, n=20)[-1]
        print(
            f"holds {name}: {len(holds) / took:,.0f}/s, median {1000 * median(holds):.0f} ms, "
            f"95% under {1000 * most:.0f} ms, longest {1000 * max(holds):.0f} ms"
        )
    print(f"refused {storm.refused:,}, failed {storm.failed}")
    closure = Closure.objects.latest("closed_at")
    Closure.objects.filter(pk=closure.pk).update(tells_at=Now())
    print(f"told {timed('telling', lambda: tell(closure_id=closure.pk)):,}")


class Storm:
    """People who hold, confirm and cancel at these slots, on connections of their own."""

    def __init__(self, slots: list[int]) -> None:
        from tests.crowd import admit
        from tests.factories import RoomFactory

        self.slots, self.people = slots, admit(RoomFactory(), 6_000)
        self.holds: list[float] = []
        self.refused, self.failed = 0, []
        self.over = threading.Event()

    def run(self, act) -> tuple[list[float], float]:
        self.holds, self.over = [], threading.Event()
        threads = [threading.Thread(target=self._book) for _ in range(CONNECTIONS)]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        time.sleep(1)
        act()
        self.over.set()
        for thread in threads:
            thread.join()
        return self.holds, time.perf_counter() - begun

    def _book(self) -> None:
        from django.db import connection

        from booking.exceptions import Refused
        from booking.services.changes import cancel_reservation
        from booking.services.confirmations import confirm_hold
        from booking.services.holds import hold_slot

        while not self.over.is_set() and self.people:
            admission = self.people.pop()
            person, begun = admission.ticket.person_id, time.perf_counter()
            try:
                key = hold_slot(
                    person_id=person,
                    slot_id=random.choice(self.slots),  # noqa: S311
                    admission_id=admission.pk,
                )
                self.holds.append(time.perf_counter() - begun)
                [row] = confirm_hold(person_id=person, key=key)
                if random.random() < 0.3:  # noqa: S311
                    cancel_reservation(reservation=row, by="citizen")
            except Refused:
                self.refused += 1
            except Exception as error:  # any other is a failure of the bench
                self.failed.append(repr(error))
        connection.close()


def check() -> int:
    from booking.verifying import verify

    broken = [result for result in verify() if result.broken]
    for result in broken:
        print(f"BROKEN {result.invariant.name}: {result.examples}")
    print("every invariant holds" if not broken else "")
    return len(broken)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000))
