"""DATABASE_URL as Django's settings. libpq reads it, so that it means what it means to psql."""

from typing import Any
from urllib.parse import parse_qsl

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError, pq
from psycopg.conninfo import conninfo_to_dict

FORM = (
    "DATABASE_URL: write postgres://USER:PASSWORD@HOST:PORT/NAME, with %40 for @, %2F for /, "
    "%3A for : and %25 for % in user and password; "
    "for a Unix socket postgres://USER:PASSWORD@/NAME?host=/FOLDER."
)
# Django's names of what libpq calls otherwise; all other parameters are OPTIONS.
NAMES = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
# libpq finds a wrong value only when it connects, and then every page fails. PostgreSQL 18,
# "Parameter Key Words": https://www.postgresql.org/docs/18/libpq-connect.html
VALUES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "target_session_attrs": (
        "any", "read-write", "read-only", "primary", "standby", "prefer-standby",
    ),
    "load_balance_hosts": ("disable", "random"),
    "channel_binding": ("disable", "prefer", "require"),
    "gssencmode": ("disable", "prefer", "require"),
}  # fmt: skip
NUMBERS = ("connect_timeout", "keepalives_idle", "keepalives_interval", "tcp_user_timeout")


def database_settings(url: str, *, options: str, pool: dict[str, int]) -> dict[str, Any]:
    """Settings for Django from `url`, with a connection pool.

    `options` are ours for the server (`-c name=value …`); those of the URL come after them, so
    that the URL has the last word. Raises ImproperlyConfigured for anything that could not
    connect; its message never holds the password.
    """
    given = _parameters(url)
    _check(given)
    options = f"{options} {given.pop('options', '')}".rstrip()
    settings = {ours: given.pop(theirs, "") for ours, theirs in NAMES.items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **settings,
        "CONN_MAX_AGE": 0,
        "OPTIONS": {**given, "options": options, "pool": pool},
    }


def _parameters(url: str) -> dict[str, Any]:
    """The parameters of a connection as libpq reads them from `url`."""
    if not url.startswith(("postgres://", "postgresql://")):
        raise ImproperlyConfigured(FORM)
    known = {parameter.keyword.decode() for parameter in pq.Conninfo.get_defaults()} | {"ssl"}
    try:
        # After the last @: a question mark before it is part of a password.
        query = url.rpartition("@")[2].partition("?")[2]
        asked = [name for name, _value in parse_qsl(query, keep_blank_values=True)]
        unknown = [name for name in asked if name not in known]
        given = {} if unknown else conninfo_to_dict(url)
    except (ValueError, ProgrammingError):
        # `from None`: the error of libpq quotes the text, and with it the password.
        raise ImproperlyConfigured(FORM) from None
    if unknown:
        raise ImproperlyConfigured(
            f"DATABASE_URL: PostgreSQL knows no parameter {unknown[0]!r}; see "
            "https://www.postgresql.org/docs/current/libpq-connect.html"
        )
    return {name: value for name, value in given.items() if value}


def _check(given: dict[str, Any]) -> None:
    """Raise ImproperlyConfigured for what libpq takes from the text but could never use."""
    # An @ or / that was not escaped in the password ends up in another part.
    if "@" in given.get("host", "") or "/" in given.get("dbname", ""):
        raise ImproperlyConfigured(FORM)
    if not given.get("dbname") and not given.get("service"):
        raise ImproperlyConfigured(f"DATABASE_URL names no database. {FORM}")
    ports = given.get("port", "").split(",")
    if any(port and not (port.isdecimal() and 0 < int(port) < 65536) for port in ports):
        raise ImproperlyConfigured(f"DATABASE_URL: a port is a number from 1 to 65535. {FORM}")
    hosts = given.get("hostaddr", given.get("host", "")).split(",")
    if len(ports) not in (1, len(hosts)):
        raise ImproperlyConfigured(
            f"DATABASE_URL names {len(hosts)} hosts and {len(ports)} ports: "
            "write one port for all, or one for each."
        )
    for name, allowed in VALUES.items():
        if given.get(name, allowed[0]) not in allowed:
            raise ImproperlyConfigured(
                f"DATABASE_URL: {name} is {given[name]!r}; write one of {', '.join(allowed)}."
            )
    for name in NUMBERS:
        if not given.get(name, "0").isdecimal():
            raise ImproperlyConfigured(
                f"DATABASE_URL: {name} is {given[name]!r}; write a whole number."
            )
