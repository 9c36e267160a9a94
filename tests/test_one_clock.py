"""One clock decides, the database's, and tests move it together with Python's."""

from datetime import UTC, datetime, timedelta

import pytest
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
