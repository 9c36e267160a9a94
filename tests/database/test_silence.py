"""The breaker of a web process against ways to the database that went wrong, on real sockets."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from django.db import connection

from bench.chaos.proxy import Proxy, Way
from database.silence import Silence
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


def address(**other: Any) -> dict[str, Any]:
    server = connection.settings_dict
    return {
        "host": server["HOST"],
        "port": server["PORT"],
        "user": server["USER"],
        "password": server["PASSWORD"],
        "dbname": server["NAME"],
    } | other


class Over(BaseException):
    """Ends the thread, which nothing else does."""


@pytest.fixture
def watch() -> Iterator[Callable[..., tuple[Silence, list[int]]]]:
    """Begin to watch an address; the list grows by each connection that was tried."""
    is_over = threading.Event()
    tried: list[int] = []
    threads: list[threading.Thread] = []

    def begin(**other: Any) -> tuple[Silence, list[int]]:
        def parameters() -> dict[str, Any]:
            if is_over.is_set():
                raise Over
            tried.append(len(tried))
            return address(**other)

        def run() -> None:
            with suppress(Over):
                watched._watch(parameters)

        watched = Silence()
        threads.append(threading.Thread(target=run, daemon=True))
        threads[0].start()
        return watched, tried

    yield begin
    # Its connection went by a proxy that is closed now, or it has none.
    is_over.set()
    threads[0].join(20)


@pytest.mark.parametrize("way", [Way.MUTE, Way.HALF_CLOSED])
def test_a_way_without_answers_is_noticed_and_so_is_its_end(watch, way: Way):
    with Proxy(int(connection.settings_dict["PORT"])) as proxy:
        watched, tried = watch(port=proxy.port)
        until(lambda: tried)

        proxy.turn(way)
        until(lambda: watched.is_away, patience=20)
        proxy.turn(Way.CLEAR)
        until(lambda: not watched.is_away, patience=20)


def test_slow_answers_are_answers(watch):
    with Proxy(int(connection.settings_dict["PORT"])) as proxy:
        proxy.turn(Way.SLOW)
        watched, _tried = watch(port=proxy.port)
        watched.is_away = True

        until(lambda: not watched.is_away, patience=20)


def test_a_server_without_a_connection_left_is_there(watch):
    with psycopg.connect(**address(), autocommit=True) as server:
        server.execute("CREATE ROLE limited LOGIN PASSWORD 'limited' CONNECTION LIMIT 0")
        try:
            watched, tried = watch(user="limited", password="limited")

            until(lambda: len(tried) > 2)
            assert not watched.is_away
        finally:
            server.execute("DROP ROLE limited")
