"""The races of the other tests: what they promise to whoever reads a failure."""

import os
import threading
from functools import partial

import psycopg
import pytest
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.concurrency import ROOM, at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_storms_that_would_not_fit_beside_each_other_take_turns():
    """As those of two test workers do; without turns: "sorry, too many clients already"."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as server:
        room, _taken = server.execute(ROOM).fetchone()
    size = room * 5 // 8
    outcomes: list[list[str]] = []

    def storm() -> None:
        outcomes.append(at_once([partial(str, "done")] * size, patience=120))

    storms = [threading.Thread(target=storm) for _ in range(2)]
    for thread in storms:
        thread.start()
    for thread in storms:
        thread.join()

    assert outcomes == [["done"] * size] * 2


def test_who_could_not_connect_is_told_and_nobody_waits_for_them(monkeypatch):
    connect = BaseDatabaseWrapper.ensure_connection
    refused = iter([OperationalError("too many clients already")])

    def sometimes(wrapper):
        for error in refused:
            raise error
        connect(wrapper)

    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", sometimes)

    with pytest.raises(AssertionError, match=r"^1 of 3 were not at the start: too many clients"):
        at_once([partial(str, "done")] * 3, patience=1_000)


def test_a_race_that_the_server_has_no_room_for_says_so():
    with pytest.raises(AssertionError, match=r"needs 100000 connections; .* max_connections\.$"):
        at_once([partial(str, "done")] * 100_000, patience=0)


def test_what_a_call_raises_is_its_outcome():
    def fail() -> None:
        raise threading.BrokenBarrierError

    done, failed = at_once([partial(str, "done"), fail])

    assert done == "done"
    assert isinstance(failed, threading.BrokenBarrierError)
