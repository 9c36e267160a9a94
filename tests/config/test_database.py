"""DATABASE_URL: nothing of it gets lost, and a wrong value stops the start."""

import os
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql.base import DatabaseWrapper

from config.settings.database import database_settings
from launcher.processes import free_port

OURS = "-c lock_timeout=10s -c timezone=UTC"
POOL = {"min_size": 0, "max_size": 2, "timeout": 10}


def read(url: str) -> dict[str, Any]:
    return database_settings(url, options=OURS, pool=POOL)


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("postgres://jari:secret@db:5433/jari", ["jari", "jari", "secret", "db", "5433", {}]),
        ("postgresql://jari@db/jari", ["jari", "jari", "", "db", "", {}]),
        (
            "postgres://jari:p%40ss%2Fw%3Ard%25%23%20%3F@db/%EC%9E%90%EB%A6%AC",
            ["자리", "jari", "p@ss/w:rd%# ?", "db", "", {}],
        ),
        ("postgres://jari:a#b?c@db/jari", ["jari", "jari", "a#b?c", "db", "", {}]),
        ("postgres://u:p@[::1]:5433/jari", ["jari", "u", "p", "::1", "5433", {}]),
        (
            "postgres://u:p@%2Fvar%2Frun%2Fpostgresql/jari",
            ["jari", "u", "p", "/var/run/postgresql", "", {}],
        ),
        (
            "postgres://u:p@/jari?host=/var/run/postgresql&port=5433",
            ["jari", "u", "p", "/var/run/postgresql", "5433", {}],
        ),
        (
            "postgres://u:p@db/jari?sslmode=verify-full&sslrootcert=/etc/ca%20.pem",
            ["jari", "u", "p", "db", "", {"sslmode": "verify-full", "sslrootcert": "/etc/ca .pem"}],
        ),
        # The port after the last host is its own, and not that of all.
        (
            "postgres://u:p@h1,h2:5433/jari?target_session_attrs=read-write",
            ["jari", "u", "p", "h1,h2", ",5433", {"target_session_attrs": "read-write"}],
        ),
        (
            "postgres://u:p@h1:6432,h2:6433/jari?connect_timeout=3",
            ["jari", "u", "p", "h1,h2", "6432,6433", {"connect_timeout": "3"}],
        ),
        ("postgres:///?service=jari", ["", "", "", "", "", {"service": "jari"}]),
    ],
)
def test_everything_in_the_address_reaches_the_driver(url: str, meant: list[Any]) -> None:
    found = read(url)

    options = found["OPTIONS"]
    assert [found[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")] == meant[:5]
    assert options == meant[5] | {"options": OURS, "pool": POOL}


def test_options_of_the_address_come_after_ours() -> None:
    found = read("postgres://u:p@db/jari?options=-c%20lock_timeout%3D3s")

    assert found["OPTIONS"]["options"] == f"{OURS} -c lock_timeout=3s"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "write postgres://USER:PASSWORD@HOST:PORT/NAME"),
        ("mysql://u:hush@db/jari", "write postgres://USER:PASSWORD@HOST:PORT/NAME"),
        ("host=db dbname=jari password=hush", "write postgres://USER:PASSWORD@HOST:PORT/NAME"),
        ("postgres://u:hush@db/", "names no database"),
        ("postgres://u:hush@db:http/jari", "a port is a number from 1 to 65535"),
        ("postgres://u:hush@db:70000/jari", "a port is a number from 1 to 65535"),
        ("postgres://u:hush@h1/jari?port=5432,5433", "names 1 hosts and 2 ports"),
        ("postgres://u:hush@db/jari?sslmod=require", "knows no parameter 'sslmod'"),
        ("postgres://u:hush@db/jari?conn_max_age=60", "knows no parameter 'conn_max_age'"),
        ("postgres://u:hush@db/jari?sslmode=strict", "sslmode is 'strict'; write one of disable, "),
        (
            "postgres://u:hush@db/jari?target_session_attrs=master",
            "target_session_attrs is 'master'; write one of any, read-write, ",
        ),
        ("postgres://u:hush@db/jari?connect_timeout=3s", "connect_timeout is '3s'; write a whole"),
        # Passwords with a letter that had to be escaped.
        ("postgres://u:hu@sh@db/jari", "with %40 for @"),
        ("postgres://u:hu/sh@db/jari", "%2F for /"),
        ("postgres://u:hush%zz@db/jari", "%25 for %"),
        ("postgres://u:hush?x@[db/jari", "write postgres://USER:PASSWORD@HOST:PORT/NAME"),
    ],
)
def test_a_wrong_address_is_one_sentence_without_the_password(url: str, sentence: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        read(url)

    said = str(refused.value)
    assert sentence in said
    assert "hu" not in said.replace("https", "")
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_wrong_value_stops_the_start() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=settings.BASE_DIR,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "DATABASE_URL": "postgres://u:hush@db/jari?sslmode=verify",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "django.core.exceptions.ImproperlyConfigured: DATABASE_URL: sslmode is 'verify'; "
        "write one of disable, allow, prefer, require, verify-ca, verify-full."
    )
    assert "hush" not in done.stderr


def connect(*, hosts: str = "", query: str = "") -> psycopg.Connection:
    """To the Postgres of this test run, as Django would with an address of our own."""
    given = urlsplit(os.environ["DATABASE_URL"])
    user, _at, host = given.netloc.rpartition("@")
    found = read(f"postgres://{user}@{hosts or host}{given.path}?{query}")
    found["OPTIONS"].pop("pool")
    wrapper = DatabaseWrapper({"TIME_ZONE": None} | found)
    return psycopg.connect(**wrapper.get_connection_params())


def shown(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row
    return row[0]


def test_the_second_host_answers_when_the_first_is_gone() -> None:
    given = urlsplit(os.environ["DATABASE_URL"])
    hosts = f"{given.hostname}:{free_port()},{given.hostname}:{given.port}"

    with connect(hosts=hosts, query="target_session_attrs=read-write&connect_timeout=5") as found:
        assert shown(found, "lock_timeout") == "10s"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("sslmode=require", "server does not support SSL, but SSL was required"),
        ("target_session_attrs=standby", "server is not in hot standby mode"),
    ],
)
def test_a_server_that_does_not_fit_is_refused(query: str, reason: str) -> None:
    with pytest.raises(psycopg.OperationalError, match=reason):
        connect(query=query)


def test_options_of_the_address_have_the_last_word() -> None:
    query = "options=-c%20lock_timeout%3D3s%20-c%20statement_timeout%3D7s"

    with connect(query=query) as found:
        names = ["lock_timeout", "statement_timeout", "TimeZone"]
        assert [shown(found, name) for name in names] == ["3s", "7s", "UTC"]
