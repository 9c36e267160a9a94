"""Witnesses outside the portal: commits that Postgres answered, pages that a stranger got, the now
document of the line, and messages that the provider took."""

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Self

import psycopg

from launcher.processes import LOOPBACK

EVERY_SECONDS = 0.1
PAGE_SECONDS = 20.0  # so long a browser would wait
WORKS_NO_MORE = 30.0
KEPT = "Your place is kept"  # of templates/503.html


class Watcher(ABC):
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

    @abstractmethod
    def step(self) -> None:
        """Do it once, and note the moment if it worked."""

    def works(self, since: float) -> bool:
        return bool(self.moments) and self.moments[-1] > since

    def longest_gap(self, since: float) -> float | None:
        """Seconds between two that worked, the second after `since`; None if it works no more."""
        moments = list(self.moments)
        pairs = [(a, b) for a, b in pairwise(moments) if b >= since]
        if not pairs or time.monotonic() - moments[-1] > WORKS_NO_MORE:
            return None
        return max(b - a for a, b in pairs)


class Commits(Watcher):
    """Rows of a table of its own, by the same way as the portal's: PgBouncer in front."""

    def __init__(self, url: str, owner_url: str) -> None:
        super().__init__()
        self.url, self.owner_url = url, owner_url
        self.answered: list[int] = []
        self._next = 0
        self._connection: psycopg.Connection | None = None
        with psycopg.connect(owner_url, autocommit=True) as connection:
            # Not in `public`, where `migrate` takes what the portal's account does not need.
            connection.execute("DROP SCHEMA IF EXISTS chaos CASCADE")
            connection.execute("CREATE SCHEMA chaos")
            connection.execute("CREATE TABLE chaos.commits (number integer PRIMARY KEY)")
            connection.execute("GRANT USAGE ON SCHEMA chaos TO jari_app")
            connection.execute("GRANT INSERT ON chaos.commits TO jari_app")

    def step(self) -> None:
        self._next += 1
        try:
            if self._connection is None:
                self._connection = psycopg.connect(
                    self.url, autocommit=True, prepare_threshold=None
                )
            self._connection.execute("INSERT INTO chaos.commits VALUES (%s)", [self._next])
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
            rows = connection.execute("SELECT number FROM chaos.commits").fetchall()
            connection.execute("DROP SCHEMA chaos CASCADE")
        return len(set(self.answered) - {number for (number,) in rows})


class Pages(Watcher):
    """A page that needs the database, as a stranger asks for it."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        # When it began, its status (0: none), whether it said that the place is kept, seconds.
        self.answers: list[tuple[float, int, bool, float]] = []

    def step(self) -> None:
        began = time.monotonic()
        status, page = fetch(self.url)
        now = time.monotonic()
        self.answers.append((began, status, KEPT in page, now - began))
        # A refusal that says "your place is kept" is honest, but it is no page.
        if status == 200:
            self.moments.append(now)

    def slowest(self, since: float) -> float:
        return max((took for began, _, _, took in self.answers if began >= since), default=0.0)

    def refused(self, since: float) -> int:
        return len(self._refusals(since))

    def bare(self, since: float) -> int:
        """Refusals that did not say that the place is kept."""
        return self._refusals(since).count(False)

    def _refusals(self, since: float) -> list[bool]:
        return [
            is_kept
            for began, status, is_kept, _ in self.answers
            if began >= since and status != 200
        ]


class Line(Watcher):
    """The now document of a room; it works whenever a tick has made it anew."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self._time = ""

    def step(self) -> None:
        status, text = fetch(self.url)
        if status != 200:
            return
        stamp = json.loads(text)["time"]
        # Newer, not other: each web node has a copy, and one may be older.
        if stamp > self._time:
            self._time = stamp
            self.moments.append(time.monotonic())


def fetch(url: str) -> tuple[int, str]:
    """Status and text; (0, "") if it was refused, cut, or took longer than PAGE_SECONDS."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.addheaders = [("Accept-Language", "en")]
    try:
        with opener.open(url, timeout=PAGE_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with suppress(OSError, http.client.HTTPException):
            return error.code, error.read().decode(errors="replace")
        return error.code, ""
    except (OSError, ValueError, http.client.HTTPException):
        return 0, ""


class _Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert isinstance(self.server, _Server)
        self.server.taken.append((time.monotonic(), self.path, body["message"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:  # the terminal is the run's
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int) -> None:
        self.taken: list[tuple[float, str, str]] = []
        super().__init__((LOOPBACK, port), _Receiver)


class Provider:
    """Takes the portal's messages, as a provider of text messages does; it can be away."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._servers: list[_Server] = []
        self.come()

    @property
    def channels(self) -> str:
        """For JARI_MESSAGE_CHANNELS."""
        address = f"json://{LOOPBACK}:{self.port}"
        return f"sms={address}/sms/{{to}},email={address}/email/{{to}}"

    def come(self) -> None:
        server = _Server(self.port)
        self._servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def leave(self) -> None:
        """Refuse connections until `come`."""
        self._servers[-1].shutdown()
        self._servers[-1].server_close()

    def taken(self, since: float) -> Counter[tuple[str, str]]:
        """How often each text to each receiver was taken. Codes differ, and nobody is called
        twice, so that each of them should come once."""
        return Counter(
            (to, text) for server in self._servers for at, to, text in server.taken if at >= since
        )
