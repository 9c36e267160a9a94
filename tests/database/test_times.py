"""Instants are read from the database as Django's own loader reads them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.db.backends.postgresql.psycopg_any import BaseTzLoader, get_adapters_template
from psycopg import DataError, adapters
from psycopg.pq import Format

from database.postgres.times import TimeLoader, adapters_with_times

INSTANTS = [
    "2026-11-30 10:00:00+09",
    "2026-11-30 10:00:00.1+00",
    "2026-11-30 23:59:59.999999+00",
    "0001-01-01 00:00:00+00",
    "9999-12-31 23:59:59+00",
    "1890-01-01 00:00:00+08:27:52",  # Seoul, before there were time zones
    "2026-11-30 10:00:00-03:30",
]


def both(zone) -> tuple[TimeLoader, BaseTzLoader]:
    """Ours and Django's, for a connection in this zone."""
    pairs = (("Ours", TimeLoader), ("Theirs", BaseTzLoader))
    return tuple(type(name, (kind,), {"timezone": zone})(0, None) for name, kind in pairs)


@pytest.mark.parametrize("text", INSTANTS)
def test_instants_are_read_as_django_reads_them(text):
    ours, theirs = both(UTC)

    at = ours.load(text.encode())

    assert (at, at.tzinfo) == (theirs.load(text.encode()), UTC)


def test_another_time_zone_shows_the_same_instant():
    ours, _theirs = both(ZoneInfo("Asia/Seoul"))

    at = ours.load(b"2026-11-30 01:00:00+00")

    assert str(at) == "2026-11-30 10:00:00+09:00"


@pytest.mark.parametrize(
    "text", [b"infinity", b"0044-03-15 12:00:00+00 BC", b"12026-01-01 00:00:00+00"]
)
def test_what_python_has_no_instant_for_is_refused_as_django_refuses_it(text):
    for loader in both(UTC):
        with pytest.raises(DataError):
            loader.load(text)


@pytest.mark.django_db
def test_each_cursor_reads_instants_so():
    with connection.cursor() as cursor:
        cursor.execute("SELECT timestamptz '2026-11-30 10:00:00.25+09'")
        [at] = cursor.fetchone()
        loader = cursor.connection.adapters.get_loader(cursor.description[0].type_code, Format.TEXT)

    assert at == datetime(2026, 11, 30, 1, 0, 0, 250_000, UTC)
    assert at.utcoffset() == timedelta(0)
    assert issubclass(loader, TimeLoader)


def test_the_adapters_of_django_stay_as_they_are():
    template = get_adapters_template(True, UTC)
    oid = adapters.types["timestamptz"].oid

    ours = adapters_with_times(UTC, template)

    assert ours is adapters_with_times(UTC, template)
    assert issubclass(ours.get_loader(oid, Format.TEXT), TimeLoader)
    assert not issubclass(template.get_loader(oid, Format.TEXT), TimeLoader)
