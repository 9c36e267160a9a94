"""The clock of the tests, which moves Python's and the database's clock together.

In the test database `jari_now()` adds the offset in one row, so that a test moves the time for SQL,
for every connection and for Python at once. Nothing else in tests may use time_machine
(tests/test_one_clock.py).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta, timezone
from time import monotonic as _ticking
from typing import Any
from zoneinfo import ZoneInfo

import time_machine
from django.db import connection

from database import clock as database_clock

SEOUL = ZoneInfo("Asia/Seoul")
ORDINARY_DAY = date(2027, 4, 14)  # a Wednesday, no holiday, far from the ends of month and year

# One row replaces the server's clock; a test that is rolled back rolls its move back too.
INSTALL = """
CREATE TABLE IF NOT EXISTS test_clock (frozen_at timestamptz, ahead interval NOT NULL);
TRUNCATE test_clock;
GRANT SELECT, UPDATE ON test_clock TO jari_app;
INSERT INTO test_clock VALUES (NULL, '0');
CREATE OR REPLACE FUNCTION jari_now() RETURNS timestamptz LANGUAGE sql STABLE AS
    'SELECT coalesce(frozen_at, statement_timestamp() + ahead) FROM public.test_clock';
CREATE OR REPLACE FUNCTION jari_clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    'SELECT coalesce(frozen_at, clock_timestamp() + ahead) FROM public.test_clock';
"""
FREEZE = "UPDATE test_clock SET frozen_at = %s"
MOVE = "UPDATE test_clock SET frozen_at = NULL, ahead = %s - clock_timestamp()"
RESET = "UPDATE test_clock SET frozen_at = NULL, ahead = '0'"


class Clock:
    """Moves both clocks; `tests/conftest.py` resets them after each test."""

    def __init__(self) -> None:
        self._blocker: Any = None  # pytest-django's, once there is a test database
        self._travel: time_machine.travel | None = None
        self._traveller: time_machine.Traveller | None = None
        self._node_ahead = timedelta(0)

    def install(self, blocker: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(INSTALL)
        self._blocker = blocker

    def now(self) -> datetime:
        return datetime.now(SEOUL) - self._node_ahead

    def at(self, hour: str, *, on: date = ORDINARY_DAY, tick: bool = False) -> datetime:
        """At "09:00" in Seoul, on an ordinary Wednesday unless the test means another day."""
        return self.move_to(datetime.combine(on, time.fromisoformat(hour), SEOUL), tick=tick)

    def freeze(self) -> datetime:
        """Stop both clocks now."""
        return self.move_to(self.now())

    def forward(self, *, tick: bool = False, **amount: float) -> datetime:
        """`forward(minutes=10)`; a negative amount goes back."""
        return self.move_to(self.now() + timedelta(**amount), tick=tick)

    def move_to(self, instant: datetime, *, tick: bool = False) -> datetime:
        """Set both clocks to this instant; they stop unless `tick`."""
        # With a fixed offset, so that the zone of the process stays what it is.
        node = (instant + self._node_ahead).astimezone(timezone(timedelta(hours=9)))
        if self._travel is None:
            self._travel = time_machine.travel(node, tick=tick)
            self._traveller = self._travel.start()
        else:
            self._traveller.move_to(node, tick=tick)
        monotonic = _ticking if tick else _standing(_ticking())
        datetime.now(SEOUL)  # from here on it ticks
        self._write(MOVE if tick else FREEZE, [instant])
        self._measure_again(monotonic)
        return instant.astimezone(SEOUL)

    def call_at(self, instant: datetime, act: Callable[..., Any], **values: Any) -> Any:
        """The result of `act` at this instant."""
        self.move_to(instant)
        return act(**values)

    @contextmanager
    def node_ahead(self, **amount: float) -> Iterator[None]:
        """Put this node's clock off, by `minutes=7` or `days=-3`; the database's is right."""
        now = self.now()
        self._node_ahead = timedelta(**amount)
        self.move_to(now, tick=True)
        yield
        now = self.now()
        self._node_ahead = timedelta(0)
        self.move_to(now, tick=True)

    def reset(self) -> None:
        """Return to the machine's own time."""
        if self._travel is None:
            return
        self._travel.stop()
        self._travel = self._traveller = None
        self._node_ahead = timedelta(0)
        if not connection.in_atomic_block:  # else the test's end undoes it
            self._write(RESET)
        self._measure_again(_ticking)

    def _write(self, statement: str, values: Sequence = ()) -> None:
        if self._blocker is not None:
            with self._blocker.unblock(), connection.cursor() as cursor:
                cursor.execute(statement, values)

    def _measure_again(self, monotonic: Callable[[], float]) -> None:
        """Make database.clock.known_now follow, which counts on from its last measurement."""
        database_clock.monotonic = monotonic
        database_clock._measured = None
        if not self._node_ahead:
            database_clock._measured = database_clock.Measured(
                instant=datetime.now(SEOUL), ticks=monotonic(), ahead=timedelta(0)
            )


def _standing(ticks: float) -> Callable[[], float]:
    return lambda: ticks


clock = Clock()
