"""Two witnesses outside the portal: commits that Postgres answered, and pages that people got."""

import threading
import time
import urllib.error
import urllib.request
from itertools import pairwise
from typing import Self

import psycopg

EVERY_SECONDS = 0.1
PAGE_SECONDS = 20.0  # so long a browser would wait


class Watcher:
    """Does one thing again and again in a thread; `moments` are those at which it worked."""

    def __init__(self) -> None:
        self.moments: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(PAGE_SECONDS + 5)

    def _run(self) -> None:
        while not self._over.is_set():
            self.step()
            self._over.wait(EVERY_SECONDS)

    def step(self) -> None:
        raise NotImplementedError

    def longest_gap(self, since: float) -> float | None:
        """Seconds between two that worked, the second after `since`; None if none worked."""
        pairs = [(a, b) for a, b in pairwise(list(self.moments)) if b >= since]
        return max((b - a for a, b in pairs), default=None)


class Commits(Watcher):
    """Rows of a table of its own, by the same way as the portal's: PgBouncer in front."""

    def __init__(self, url: str, owner_url: str) -> None:
        super().__init__()
        self.url, self.owner_url = url, owner_url
        self.answered: list[int] = []
        self._next = 0
        self._connection: psycopg.Connection | None = None
        with psycopg.connect(owner_url, autocommit=True) as connection:
            connection.execute("DROP TABLE IF EXISTS chaos_commits")
            connection.execute("CREATE TABLE chaos_commits (number integer PRIMARY KEY)")
            connection.execute("GRANT INSERT ON chaos_commits TO jari_app")

    def step(self) -> None:
        self._next += 1
        try:
            if self._connection is None:
                self._connection = psycopg.connect(
                    self.url, autocommit=True, prepare_threshold=None
                )
            self._connection.execute("INSERT INTO chaos_commits VALUES (%s)", [self._next])
        except psycopg.Error:
            # Not answered, so no promise: it may be there or not.
            if self._connection:
                self._connection.close()
            self._connection = None
            return
        self.answered.append(self._next)
        self.moments.append(time.monotonic())

    def lost(self) -> int:
        """Answered commits that are not there."""
        with psycopg.connect(self.owner_url, autocommit=True) as connection:
            rows = connection.execute("SELECT number FROM chaos_commits").fetchall()
            connection.execute("DROP TABLE chaos_commits")
        return len(set(self.answered) - {number for (number,) in rows})


class Pages(Watcher):
    """A page that needs the database, as a stranger asks for it."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.answers: list[
            tuple[float, int, float]
        ] = []  # when it began, status (0: none), seconds

    def step(self) -> None:
        began = time.monotonic()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self.url, timeout=PAGE_SECONDS) as answer:
                answer.read()
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError:
            status = 0  # refused, cut, or no answer within PAGE_SECONDS
        now = time.monotonic()
        self.answers.append((began, status, now - began))
        # A refusal that says "your place is kept" is honest, but it is no page.
        if status == 200:
            self.moments.append(now)

    def slowest(self, since: float) -> float:
        return max((took for began, _status, took in self.answers if began >= since), default=0.0)

    def refused(self, since: float) -> int:
        return sum(status != 200 for began, status, _took in self.answers if began >= since)
