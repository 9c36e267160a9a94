"""The clinic's day with 2,000 people: page, search, mark and poll.

    python bench/day.py [PEOPLE [OTHERS]]

Fills throw-away services with a clinic that has PEOPLE reservations today and OTHERS on other days,
asks each address through Django's test client (middleware, session and second factor included),
and prints the best and the middle time, the statements, and the size of the answer. Fails above 12
statements for the page, 300 ms for it, or 60 ms for a mark, by the best of the rounds: other load
only adds to it.
"""

import os
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

from launcher.throwaway import ThrowawayServices

ROUNDS = 20
MOST_STATEMENTS, MOST_PAGE_MS, MOST_MARK_MS = 12, 300, 60
FIRST_HOUR, SLOTS, SLOT_MINUTES = 9, 32, 15
SYLLABLES = "가나다라마바사아자차카타파하"


def fill(people: int, others: int):
    """A clinic, its member of staff, and the reservations; returns (user, ids of today's)."""
    from booking.models import Clinic, Vaccine
    from staff.enums import Role
    from staff.models import User

    clinic = Clinic.objects.create(
        code="B0001", name="벤치의원", region="서울특별시", district="강남구", address="1"
    )
    vaccine = Vaccine.objects.create(code="bench", name_ko="백신")
    user = User.objects.create(username="bench", role=Role.CLINIC, clinic=clinic, is_staff=True)
    ids = _fill_day(clinic, vaccine, 0, people)
    day, left = 1, others
    while left > 0:
        _fill_day(clinic, vaccine, day, min(people, left))
        day, left = day + 1, left - people
    return user, ids


def _fill_day(clinic, vaccine, days: int, people: int) -> list[int]:
    from django.utils import timezone

    from booking.models import Reservation, Slot
    from booking.models.reservations import NUMBER_LETTERS
    from database.clock import known_now
    from web.codes import random_number

    morning = timezone.localtime(known_now()).replace(
        hour=FIRST_HOUR, minute=0, second=0, microsecond=0
    ) + timedelta(days=days)
    each = -(-people // SLOTS)
    slots = Slot.objects.bulk_create(
        Slot(
            clinic=clinic,
            vaccine=vaccine,
            starts_at=morning + timedelta(minutes=SLOT_MINUTES * number),
            capacity=each,
            booked=each,
        )
        for number in range(SLOTS)
    )
    persons = _people(days * people, people)
    rows = Reservation.objects.bulk_create(
        Reservation(
            number=random_number(NUMBER_LETTERS),
            person=person,
            slot=slots[number // each],
            status="confirmed",
            origin="staff",
            by="staff:1",
            key=uuid.uuid4(),
        )
        for number, person in enumerate(persons)
    )
    return [row.pk for row in rows]


def _people(first: int, people: int):
    """`people` people, of whom no two have the same name and birth date."""
    from datetime import date

    from eligibility.indexes import indexes_of
    from eligibility.models import Person

    def person(number: int):
        name = "김" + "".join(SYLLABLES[number // 14**place % 14] for place in range(3))
        born = date(1960, 1, 1) + timedelta(days=number % 3000)
        phone = f"+8210{number:08}"
        return Person(
            name=name,
            birth_date=born,
            phone=phone,
            **indexes_of(name, born, phone),
            source="declared",
        )

    return Person.objects.bulk_create(map(person, range(first, first + people)), batch_size=2000)


def measure(name: str, ask: Callable[[], object]) -> tuple[float, int]:
    """Print one line; returns (best milliseconds, statements)."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    ask()
    with CaptureQueriesContext(connection) as queries:
        answer = ask()
    statements = len(queries)  # the next request empties the log
    times = []
    for _round in range(ROUNDS):
        start = time.perf_counter()
        ask()
        times.append(1000 * (time.perf_counter() - start))
    size = len(answer.content) / 1000
    print(
        f"{name:34} best {min(times):6.1f} ms  middle {statistics.median(times):6.1f} ms"
        f"  {statements:3} statements  {size:7.1f} kB  {answer.status_code}"
    )
    return min(times), statements


def bench(people: int, others: int) -> int:
    from django.db import connection

    from tests.staff.signing_in import StaffClient

    user, ids = fill(people, others)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    client = StaffClient()
    client.force_login(user)
    address = "/admin/booking/reservation/"
    fragment = {"X-Jari-Fragment": "1"}
    page = client.get(f"{address}day/?hour=10")
    frame = page.context["day"]
    start, end = (int(at.timestamp() * 1000) for at in frame["window"])
    poll = f"{frame['changes_address']}&live=1&since={frame['since']}&start={start}&end={end}"
    etag = client.get(poll)["ETag"]
    waiting = iter(ids)

    def find(text: str) -> Callable[[], object]:
        return lambda: client.post(f"{address}day/find/", {"q": text}, headers=fragment)

    def mark() -> object:
        values = {"act": "arrived", "seen": "confirmed"}
        return client.post(f"{address}{next(waiting)}/mark/", values, headers=fragment)

    print(
        f"{people} people today, {others} on other days; {len(page.context['entries'])} on a page"
    )
    page_ms, statements = measure("page of an hour", lambda: client.get(f"{address}day/?hour=10"))
    measure("page around now", lambda: client.get(f"{address}day/"))
    measure("poll, nothing changed", lambda: client.get(poll, headers={"If-None-Match": etag}))
    measure("find by number", find(page.context["entries"][0].row.number))
    measure("find by four digits", find("0007"))
    measure("find by name", find("김나다라"))
    measure("find by name and birth date", find("김가나다 19600101"))
    mark_ms, _statements = measure("mark", mark)
    measure("poll, marks of others", lambda: client.get(poll))
    measure("list to print", lambda: client.get(f"{address}day/list/"))
    fits = statements <= MOST_STATEMENTS and page_ms <= MOST_PAGE_MS and mark_ms <= MOST_MARK_MS
    return 0 if fits else 1


def main() -> int:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    others = int(sys.argv[2]) if len(sys.argv) > 2 else 40_000
    with ThrowawayServices() as services:
        os.environ.update(services.urls)
        import django

        import config  # noqa: F401 - makes the app of queue/ importable

        django.setup()
        from django.core.management import call_command
        from django.test.utils import setup_test_environment

        setup_test_environment()  # keeps the contexts of answers
        call_command("migrate", verbosity=0)
        return bench(people, others)


if __name__ == "__main__":
    sys.exit(main())
