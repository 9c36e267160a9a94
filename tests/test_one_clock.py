"""One clock decides, the database's, and tests move it together with Python's."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from database.clock import clock_ahead, clock_line, database_now, known_now, known_today
from tests.concurrency import at_once

MOMENT = timedelta(seconds=5)


def jari_clock() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT jari_clock()")
        return cursor.fetchone()[0]


CLOCKS = [timezone.now, known_now, database_now, jari_clock]


@pytest.mark.django_db
def test_a_test_without_a_time_of_its_own_has_the_machines():
    now = datetime.now(UTC)

    assert all(now <= read() <= now + MOMENT for read in [timezone.now, database_now, jari_clock])


@pytest.mark.django_db
def test_a_clock_that_stands_still_is_one_instant_for_python_and_the_database(clock):
    nine = clock.at("09:00")

    assert [read() for read in CLOCKS] == [nine] * 4
    assert nine.isoformat() == "2027-04-14T09:00:00+09:00"

    later = clock.forward(hours=16)

    assert [read() for read in CLOCKS] == [later] * 4
    assert known_today().isoformat() == "2027-04-15"


@pytest.mark.django_db
def test_a_clock_that_ticks_ticks_everywhere(clock):
    nine = clock.at("09:00", tick=True)

    assert all(nine <= read() <= nine + MOMENT for read in CLOCKS)


@pytest.mark.django_db(transaction=True)
def test_every_connection_sees_the_time_move(clock):
    nine = clock.at("09:00")

    assert at_once([database_now] * 3) == [nine] * 3


def test_the_clock_moves_where_no_database_is_used(clock):
    nine = clock.at("09:00")

    assert (timezone.now(), known_now()) == (nine, nine)


@pytest.mark.django_db
def test_the_clock_of_a_test_before_is_no_more():
    assert abs(database_now() - datetime.now(UTC)) < MOMENT


@pytest.mark.django_db
@pytest.mark.parametrize("off", [{"minutes": 7}, {"minutes": -7}, {"hours": 10}, {"days": -3}])
def test_a_node_whose_clock_is_wrong_knows_the_databases(off, clock):
    nine = clock.at("09:00", tick=True)

    with clock.node_ahead(**off):
        assert nine <= known_now() <= nine + MOMENT
        assert abs(timezone.now() - known_now() - timedelta(**off)) < MOMENT
        assert abs(clock_ahead() - timedelta(**off)) < MOMENT


@pytest.mark.parametrize(
    ("ahead", "line"),
    [
        ({"minutes": 7}, "7 minutes ahead of"),
        ({"seconds": -90}, "90 seconds behind"),
        ({"hours": 10}, "10 hours ahead of"),
        ({"days": -3}, "3 days behind"),
    ],
)
def test_those_who_run_it_read_how_far_a_clock_is_off(ahead, line):
    expected = f"The clock of this node is {line} the database's, which decides."

    assert clock_line(timedelta(**ahead)) == expected


PRODUCT = (
    "booking", "config", "database", "dataio", "eligibility", "events", "launcher", "messaging",
    "privacy", "queue", "recovery", "rehearsal", "reports", "staff", "standing", "statements",
    "web",
)  # fmt: skip
# Each asks the clock of the node, or Django's word for the database's, which tests do not move.
OTHER_CLOCKS = re.compile(
    r"timezone\.now\b|localdate\(\)|localtime\(\)|\b(date|datetime)\.today\b|datetime\.now\("
    r"|utcnow|time\.time(_ns)?\(|from time import .*\btime\b|auto_now"
    r"|functions import .*\bNow\b|functions\.Now\b"
    r"|django\.core import signing|TimestampSigner|[gs]et_signed_cookie"
    r"|(?<![\w.])now\(\)|(clock|statement|transaction)_timestamp\(|CURRENT_(DATE|TIME)|LOCALTIME"
)
ALLOWED = {
    "database/clock.py": "compares the two clocks",
    "database/signing.py": "signs with the database's clock",
    "database/sql/jari_now_v01.sql": "is the clock",
    "database/sql/jari_clock_v01.sql": "is the clock",
    "launcher/hours.py": "shifts the clocks of a whole run",
    "queue/waiting_room/offline/witness.py": "another machine, without the database",
    "queue/waiting_room/services/publishing.py": "the age of a file of this machine",
    "recovery/second_site.py": "commits carry the time of the server's own clock",
    "recovery/watching.py": "statistics carry the time of the server's own clock",
}


def lines_of(folders: tuple[str, ...]) -> Iterator[tuple[str, int, str]]:
    for folder in folders:
        for path in sorted(Path(settings.BASE_DIR, folder).rglob("*")):
            name = str(path.relative_to(settings.BASE_DIR))
            if path.suffix in (".py", ".sql") and "/migrations/" not in name:
                for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                    yield name, number, line


def test_no_decision_asks_another_clock():
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, number, line in lines_of(PRODUCT)
        if OTHER_CLOCKS.search(line) and name not in ALLOWED
    ]

    assert found == [], "take the time from database.clock, or say in ALLOWED why not"


def test_nothing_is_allowed_that_does_not_need_it():
    used = {name for name, _number, line in lines_of(PRODUCT) if OTHER_CLOCKS.search(line)}

    assert used & set(ALLOWED) == set(ALLOWED)


def test_tests_move_time_by_the_one_clock_only():
    own = re.compile("time_machine|freezegun|OR REPLACE FUNCTION jari_")
    found = [f"{name}:{number}" for name, number, line in lines_of(("tests",)) if own.search(line)]

    assert {one.split(":")[0] for one in found} - {"tests/test_one_clock.py"} == {"tests/clock.py"}
