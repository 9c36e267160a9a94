"""A scene that takes seconds, made once for the tests of a module instead of once for each.

It stands in a transaction, in which each of these tests has a savepoint of its own and begins
where the scene ended. All tests of the module must begin with it: others would see its rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import translation

from tests.clock import Clock


@dataclass
class Made:
    value: Any
    at: datetime


@contextmanager
def made_once(scene: Callable[[Clock], Any], clock: Clock, blocker: Any) -> Iterator[Made]:
    around = transaction.atomic()
    around._from_testcase = True  # transactions that must be the outermost may stand in it
    with blocker.unblock():
        around.__enter__()
    try:
        with blocker.unblock(), translation.override(None):
            try:
                value = scene(clock)
                made = Made(value, clock.now())
            finally:
                clock.reset()
        yield made
    finally:
        with blocker.unblock():
            transaction.set_rollback(True)
            around.__exit__(None, None, None)
