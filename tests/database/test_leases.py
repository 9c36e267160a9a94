"""Whose turn it is, with connections of their own for each process."""

from functools import partial

import pytest
from django.db import OperationalError

from database.leases import Turn
from database.models import Lease
from tests.concurrency import at_once


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_has_the_turn_and_keeps_it():
    turns = [Turn("cron", f"node {number}", seconds=60) for number in range(8)]

    taken = at_once([partial(turn.take) for turn in turns])

    assert sorted(taken) == [False] * 7 + [True]
    holder = turns[taken.index(True)]
    assert Lease.objects.get().holder == holder.names["holder"]
    assert holder.take()
    assert not any(turn.take() for turn in turns if turn is not holder)


@pytest.mark.django_db
def test_a_turn_that_is_given_back_or_over_is_anothers():
    one, two = (Turn("cron", name, seconds=60) for name in ("one", "two"))
    assert one.take()

    one.give_back()
    assert (one.is_held, two.take(), one.take()) == (False, True, False)

    # As if the process had been killed a while ago: the database's clock ends its turn.
    Lease.objects.update(until="2000-01-01T00:00:00Z")
    assert one.take()


@pytest.mark.django_db
def test_without_the_database_a_turn_lasts_until_its_end(monkeypatch):
    turn = Turn("cron", "one", seconds=60)
    assert turn.take()
    end = turn._until

    def refuse(*_args):
        raise OperationalError("no route")

    monkeypatch.setattr("database.leases.connection.cursor", refuse)
    monkeypatch.setattr("database.leases.connection.close", lambda: None)
    monkeypatch.setattr("database.leases.time.monotonic", lambda: end - 1)
    assert turn.take()
    monkeypatch.setattr("database.leases.time.monotonic", lambda: end)
    assert not turn.take()
