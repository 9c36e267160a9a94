"""A circuit breaker for a Postgres that is away or silent: connected, but without an answer, as on
a frozen machine.

TCP does not notice that (the kernel goes on acknowledging), and no timeout of the server's can, as
the server itself stands. A time limit for each statement would cut off long ones that are well. So
a thread of each web process asks the server all the time by a connection of its own. When nothing
at all was heard for SILENT_SECONDS, statements that wait are ended and new ones refused, until the
thread has an answer again.
"""

import logging
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, TypeVar

import psycopg

log = logging.getLogger(__name__)

T = TypeVar("T")
Steps = Generator[Any, Any, T]

SILENT_SECONDS = 1.5
ASK_SECONDS = 0.5
# How often a waiting statement looks up.
STEP_SECONDS = 0.1
# An asking connection without an answer is given up for a new one, which another host may answer.
GIVE_UP_SECONDS = 5.0
CONNECT_SECONDS = 2
# The server refuses one connection more, but is there.
_FULL = ("too many clients", "too many connections", "connection slots")


class DatabaseAway(psycopg.OperationalError):
    """The server does not answer; nothing is known of a statement that was under way."""


class Silence:
    """What a process knows of the server; without `watch` it is never away."""

    def __init__(self) -> None:
        self.is_away = False
        self._heard = time.monotonic()

    def heard(self) -> None:
        """Note an answer of the server, to any statement."""
        self._heard = time.monotonic()

    def refuse(self) -> None:
        """Raise DatabaseAway while the server is away."""
        if self.is_away:
            raise DatabaseAway("The database does not answer just now.")

    def watch(self, parameters: Callable[[], dict[str, Any]]) -> None:
        """Start asking; after a fork, which no thread survives. `parameters` are psycopg's."""
        threading.Thread(target=self._watch, args=[parameters], daemon=True, name="silence").start()

    def _watch(self, parameters: Callable[[], dict[str, Any]]) -> None:
        while True:
            try:
                with _connect(parameters()) as link:
                    while True:
                        self._ask(link)
                        time.sleep(ASK_SECONDS)
            except psycopg.Error as error:
                if not any(word in str(error) for word in _FULL):
                    self._set(away=True)
            except Exception:
                log.exception("the database is not watched")
            time.sleep(ASK_SECONDS)

    def _ask(self, link: "_Asking") -> None:
        asked = time.monotonic()

        def judge() -> None:
            now = time.monotonic()
            # An answer to anybody shows that it lives, however long it takes to answer here.
            if now - max(asked, self._heard) > SILENT_SECONDS:
                self._set(away=True)
            if now - asked > GIVE_UP_SECONDS:
                raise DatabaseAway("No answer.")

        link.look_up = judge
        try:
            link.execute("SELECT 1")
        except DatabaseAway:
            link.close()
            raise
        self.heard()
        self._set(away=False)

    def _set(self, *, away: bool) -> None:
        if away != self.is_away:
            self.is_away = away
            log.log(
                logging.ERROR if away else logging.WARNING,
                "the database %s", "does not answer" if away else "answers again",
            )  # fmt: skip


def stepped(steps: Steps[T], look_up: Callable[[], None]) -> Steps[T]:
    """`steps` of psycopg, with a look-up whenever a wait of one brought nothing."""
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if not ready:
                look_up()
            wanted = steps.send(ready)
    except StopIteration as end:
        result: T = end.value
        return result


class _Asking(psycopg.Connection[Any]):
    """The connection that asks; `look_up` is called while an answer is waited for."""

    look_up: Callable[[], None] = staticmethod(lambda: None)

    def wait(self, gen: Steps[T], interval: float = STEP_SECONDS, *limits: Any, **named: Any) -> T:
        return super().wait(stepped(gen, self.look_up), interval, *limits, **named)


def _connect(parameters: dict[str, Any]) -> "_Asking":
    arguments: dict[str, Any] = {
        **parameters,
        "connect_timeout": CONNECT_SECONDS,
        "autocommit": True,
    }
    # Of Django's own types. Not `prepare_threshold`: behind PgBouncer a prepared statement meets
    # that of another process, and the server would seem to be away.
    for name in ("context", "cursor_factory"):
        arguments.pop(name, None)
    return _Asking.connect(**arguments)


silence = Silence()


class GuardedConnection(psycopg.Connection[Any]):
    """A connection whose statements end with DatabaseAway when the server falls silent."""

    def wait(self, gen: Steps[T], interval: float = STEP_SECONDS, *limits: Any, **named: Any) -> T:
        try:
            result = super().wait(stepped(gen, silence.refuse), interval, *limits, **named)
        except DatabaseAway:
            # Its answer, if it ever comes, would be read as that of the next statement.
            with suppress(psycopg.Error):
                self.close()
            raise
        silence.heard()
        return result
