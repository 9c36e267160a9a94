"""Every page of the admin among a million reservations.

    python bench/staff_pages.py [RESERVATIONS] [ADDRESS…]

Fills a throw-away Postgres with RESERVATIONS (1,000,000) reservations of as many people at 2,000
clinics in all 17 regions, half of them in the past, and with tickets, messages, doses, histories
and records of access beside them; then opens each page that tests/staff/addresses.tsv says a role
is shown, and searches each list. Prints the slowest pages, and each with more than 12 statements or
above 300 ms by the best of three. Fails if there is one. About six minutes and four gigabytes. With
parts of addresses only the pages are opened whose address has one of them.
"""

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

from launcher.throwaway import ThrowawayServices

RESERVATIONS, CLINICS, SLOTS_OF_CLINIC = 1_000_000, 2_000, 100
MOST_STATEMENTS, MOST_MS, SHOWN = 12, 300, 15
# Answered by a file, or by work that was asked for: no page.
LEFT_OUT = ("admin/exports/", "admin/django_rq/", "admin/rq/", "admin/r/")
SEARCHES = ("김", "01012345678", "7K2M-QX4D-9T")

REGION = "(ARRAY[{names}])[1 + n % {count}]"
# Table → how many copies of its first row, and the columns in which they differ, by the number n.
COPIES = {
    "booking_clinic": (CLINICS, {"id": "1000 + n", "code": "'b' || n", "region": "{region}"}),
    "booking_slot": (
        CLINICS * SLOTS_OF_CLINIC,
        {
            "id": "100000 + n",
            "clinic_id": f"1000 + n % {CLINICS}",
            "starts_at": f"date_trunc('day', now()) + interval '1 day' * (n / {CLINICS} / 4 - 12)"
            f" + interval '2 hours' * (n / {CLINICS} % 4)",
            "capacity": "20",
            "booked": "5",
        },
    ),
    "eligibility_person": (
        1,
        {
            "id": "1000000 + n",
            "identity_index": "decode(md5('i' || n), 'hex')",
            "name_birth_index": "decode(md5('n' || n), 'hex')",
            "phone_index": "decode(md5('p' || n), 'hex')",
            "roster_key": "'r' || n",
            "region": "{region}",
        },
    ),
    "booking_reservation": (
        1,
        {
            "id": "1000000 + n",
            "number": "'B' || n",
            "person_id": "1000000 + n",
            "slot_id": f"100000 + n % {CLINICS * SLOTS_OF_CLINIC}",
            "key": "gen_random_uuid()",
            "status": f"CASE WHEN n % {CLINICS * SLOTS_OF_CLINIC} / {CLINICS} / 4 < 12"
            " THEN (ARRAY['vaccinated', 'vaccinated', 'no_show'])[1 + n % 3] ELSE 'confirmed' END",
            "admission_id": "NULL",
            "origin": "'staff'",
        },
    ),
    "booking_reservationevent": (
        1,
        {"pgh_obj_id": "1000000 + n", "id": "1000000 + n", "person_id": "1000000 + n"},
    ),
    "messaging_message": (1, {"key": "'m' || n", "person_id": "1000000 + n"}),
    "staff_access": (
        0.2,
        {"people": "jsonb_build_array(1000000 + n)", "at": "now() - n * interval '1 minute'"},
    ),
    "booking_outsidedose": (0.1, {"person_id": "1000000 + n"}),
    "eligibility_decision": (1, {"person_id": "1000000 + n"}),
    "waiting_room_ticket": (
        1,
        {
            "id": "gen_random_uuid()",
            "person_id": "1000000 + n",
            "entry": "1000 + n",
            "resume_index": "n",
        },
    ),
}


def fill(reservations: int) -> None:
    """Copy the first row of each table; triggers and foreign keys rest meanwhile."""
    from django.db import connection

    from dataio.districts import REGIONS

    region = REGION.format(names=", ".join(f"'{name}'" for name in REGIONS), count=len(REGIONS))
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for table, (count, changes) in COPIES.items():
            copies = int(count * reservations) if count <= 1 else count
            cursor.execute(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_name = %s AND is_generated = 'NEVER' AND ordinal_position > 0",
                [table],
            )
            names = [row[0] for row in cursor.fetchall()]
            own = {name for name in ("id", "pgh_id") if name in names and name not in changes}
            values = {
                name: changes.get(name, f'first."{name}"').replace("{region}", region)
                for name in names
                if name not in own
            }
            quoted = ", ".join(f'"{name}"' for name in values)
            cursor.execute(
                f"INSERT INTO {table} ({quoted}) OVERRIDING SYSTEM VALUE"
                f" SELECT {', '.join(values.values())}"
                f" FROM generate_series(1, {copies}) AS n,"
                f" LATERAL (SELECT * FROM {table} ORDER BY 1 LIMIT 1) AS first"
            )
            print(f"{table:28} {copies:9,}")
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")


def main(reservations: int, parts: list[str]) -> int:
    with ThrowawayServices() as services:
        os.environ.update(services.urls)
        import django

        import config  # noqa: F401 - makes the app of queue/ importable

        django.setup()
        from django.core.management import call_command
        from django.utils import translation

        from tests.staff import address_table

        call_command("migrate", verbosity=0)
        translation.activate("ko")
        users, rows = address_table.scene()
        begun = time.perf_counter()
        fill(reservations)
        print(f"filled in {time.perf_counter() - begun:.0f} s")
        return pages(users, rows, parts)


def pages(users: dict, rows: dict, parts: list[str]) -> int:
    from tests.staff import address_table
    from tests.staff.signing_in import StaffClient

    found = []
    for role, user in users.items():
        client = StaffClient()
        client.force_login(user)
        for route, cells in address_table.table().items():
            if parts and not any(part in f"/{route}" for part in parts):
                continue
            if cells[role].startswith("200") and not route.startswith(LEFT_OUT):
                address = address_table.address_of(route, rows)
                searched = route.endswith("/") and route.count("/") == 3
                for query in ("", *(f"?q={text}" for text in SEARCHES if searched)):
                    found.append((*measure(client, address + query), role, address + query))
    found.sort(reverse=True)
    above = [row for row in found if row[0] > MOST_MS or row[1] > MOST_STATEMENTS]
    print(f"{len(found)} pages; {len(above)} above {MOST_MS} ms or {MOST_STATEMENTS} statements")
    for ms, statements, status, role, address in [*found[:SHOWN], *above]:
        print(f"{ms:7.0f} ms {statements:3} statements  {status}  {role:10} {address}")
    return 1 if above else 0


def measure(client, address: str) -> tuple[float, int, int]:
    """(best milliseconds of three, statements, status) of one page."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.get(address)  # records who is shown, once for the same people
    with CaptureQueriesContext(connection) as queries:
        status = client.get(address).status_code
    statements, times = len(queries), []
    for _ in range(3):
        begun = time.perf_counter()
        client.get(address)
        times.append(1000 * (time.perf_counter() - begun))
    return min(times), statements, status


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else RESERVATIONS, sys.argv[2:]))
