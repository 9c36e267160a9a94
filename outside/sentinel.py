"""REDIS_URL by Sentinels, which name the primary and make a replica the next one:

    redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT,HOST:PORT/SERVICE/DATABASE
    rediss+sentinel://…   the same by TLS, of Sentinels and servers

USER, PASSWORD and options of the query are those of the servers, as in redis-py's URLs;
`sentinel_username` and `sentinel_password` are those of the Sentinels.
"""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import (
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)

SCHEMES = ("redis+sentinel://", "rediss+sentinel://")
PORT = 26379  # of a Sentinel, by default
FORM = (
    "REDIS_URL: write redis+sentinel://:PASSWORD@HOST:PORT,HOST:PORT/SERVICE/DATABASE, "
    "with one host for each Sentinel."
)
# Each Sentinel is asked in turn: one whose host is gone must not delay a page for long.
ANSWER_SECONDS = 0.2


class BadAddress(ValueError):
    """The message says how such an address is written; it has no password in it."""


class Connection(SentinelManagedConnection):
    """Ends when a read is interrupted, as by a signal to a worker that waits for a job.

    redis-py's own stays open there, other than its connections without Sentinel, and the next
    command reads the answer of the one before.
    """

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        return super().read_response(*arguments, **{"disconnect_on_error": True} | options)


class TLSConnection(Connection, SentinelManagedSSLConnection):
    pass


def is_named_by(url: str) -> bool:
    return url.startswith(SCHEMES)


def pool(url: str, **options: Any) -> SentinelConnectionPool:
    """Connections to the primary, found anew whenever one is opened. BadAddress."""
    sentinels, service, given, sentinel_options = parse(url)
    manager = Sentinel(sentinels, sentinel_kwargs=sentinel_options)  # type: ignore[no-untyped-call]
    kind = TLSConnection if given.pop("ssl", False) else Connection
    return SentinelConnectionPool(  # type: ignore[no-untyped-call]
        service, manager, connection_class=kind, **given | options
    )


def parse(url: str) -> tuple[list[tuple[str, int]], str, dict[str, Any], dict[str, Any]]:
    """The Sentinels, the service, and the options of connections to servers and to Sentinels."""
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    service, _slash, database = parts.path.strip("/").partition("/")
    query = dict(parse_qsl(parts.query))
    names = {"sentinel_username": "username", "sentinel_password": "password"}
    own: dict[str, Any] = {name: query.pop(key) for key, name in names.items() if key in query}
    plain = f"{parts.scheme.removesuffix('+sentinel')}://{login}{at}server/{database}"
    if not service or not (database or "0").isdecimal():
        raise BadAddress(FORM)
    try:
        sentinels = [_host(part) for part in hosts.split(",")]
        given = dict(parse_url(f"{plain}?{urlencode(query)}"))  # type: ignore[no-untyped-call]
    except ValueError:
        raise BadAddress(FORM) from None  # redis-py's error may quote the address
    del given["host"]
    if given.pop("connection_class", None):
        given["ssl"] = own["ssl"] = True
        own |= {name: value for name, value in given.items() if name.startswith("ssl_")}
    # No circuit breaker: one Sentinel that is away says nothing about the others.
    limits = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS}
    return sentinels, service, given, limits | own | {"retry": Retry(NoBackoff(), 0)}


def _host(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise BadAddress(FORM)
    return parts.hostname, parts.port or PORT


def next_database(url: str) -> str:
    """The URL of the next database number on the same servers."""
    parts = urlsplit(url)
    service, _slash, database = parts.path.strip("/").partition("/")
    if not service or not (database or "0").isdecimal():
        raise BadAddress(FORM)
    return parts._replace(path=f"/{service}/{int(database or 0) + 1}").geturl()
