"""Parses DATABASE_URL by libpq, so that it means the same as for psql, into Django's settings."""

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
# Django setting → libpq parameter; all other parameters go into OPTIONS.
NAMES = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
# Checked here, as libpq reports a wrong value only when it connects, on every page. PostgreSQL 18,
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


def database_settings(url: str, *, options: str, pool: dict[str, Any]) -> dict[str, Any]:
    """Settings for Django from `url`, with a connection pool.

    `options` are server options (`-c name=value …`); those of the URL are appended and so override
    them. Raises ImproperlyConfigured for a URL that could not connect; its message never contains
    the password.
    """
    parameters = _parameters(url)
    _check(parameters)
    options = f"{options} {parameters.pop('options', '')}".rstrip()
    settings = {setting: parameters.pop(name, "") for setting, name in NAMES.items()}
    return {
        "ENGINE": "database.postgres",
        **settings,
        "CONN_MAX_AGE": 0,
        # A cursor of a session would outlive its transaction, which PgBouncer can't follow.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {**parameters, "options": options, "pool": pool},
    }


def _parameters(url: str) -> dict[str, Any]:
    """Connection parameters as libpq parses them from `url`; ImproperlyConfigured if it can't."""
    if not url.startswith(("postgres://", "postgresql://")):
        raise ImproperlyConfigured(FORM)
    keywords = {parameter.keyword.decode() for parameter in pq.Conninfo.get_defaults()} | {"ssl"}
    try:
        # After the last @: a question mark before it is part of a password.
        query = url.rpartition("@")[2].partition("?")[2]
        names = [name for name, _value in parse_qsl(query, keep_blank_values=True)]
        unknown = [name for name in names if name not in keywords]
        parameters = {} if unknown else conninfo_to_dict(url)
    except (ValueError, ProgrammingError):
        # `from None`: libpq's error quotes the URL with the password.
        raise ImproperlyConfigured(FORM) from None
    if unknown:
        raise ImproperlyConfigured(
            f"DATABASE_URL: PostgreSQL knows no parameter {unknown[0]!r}; see "
            "https://www.postgresql.org/docs/current/libpq-connect.html"
        )
    return {name: value for name, value in parameters.items() if value}


def _check(parameters: dict[str, Any]) -> None:
    """Raise ImproperlyConfigured for values that libpq parses but could never connect with."""
    # An unescaped @ or / in the password ends up in another part.
    if "@" in parameters.get("host", "") or "/" in parameters.get("dbname", ""):
        raise ImproperlyConfigured(FORM)
    if not parameters.get("dbname") and not parameters.get("service"):
        raise ImproperlyConfigured(f"DATABASE_URL names no database. {FORM}")
    ports = parameters.get("port", "").split(",")
    if any(port and not (port.isdecimal() and 0 < int(port) < 65536) for port in ports):
        raise ImproperlyConfigured(f"DATABASE_URL: a port is a number from 1 to 65535. {FORM}")
    hosts = parameters.get("hostaddr", parameters.get("host", "")).split(",")
    if len(ports) not in (1, len(hosts)):
        raise ImproperlyConfigured(
            f"DATABASE_URL names {len(hosts)} hosts and {len(ports)} ports: "
            "write one port for all, or one for each."
        )
    for name, allowed in VALUES.items():
        if parameters.get(name, allowed[0]) not in allowed:
            raise ImproperlyConfigured(
                f"DATABASE_URL: {name} is {parameters[name]!r}; write one of {', '.join(allowed)}."
            )
    for name in NUMBERS:
        if not parameters.get(name, "0").isdecimal():
            raise ImproperlyConfigured(
                f"DATABASE_URL: {name} is {parameters[name]!r}; write a whole number."
            )
