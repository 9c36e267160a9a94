"""The real web server in a storm, while its processes and database connections are killed."""

import http.client
import os
import random
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest
from django.conf import settings
from django.core import signing
from django.db import connection
from django.utils import timezone

from booking.models import Reservation, Slot
from booking.verifying import verify
from eligibility.sessions import _SALT, COOKIE
from launcher.portal import web_command
from launcher.processes import free_port
from messaging.models import Message
from tests.crowd import admit, open_slots
from tests.factories import RoomFactory

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE, CAPACITY, CONNECTIONS = 120, 40, 16
TOKEN = "t" * 32
PATIENCE = 90  # seconds until everybody must have an answer
KILLS = 60  # tries; then whoever is left has some peace


def database_url() -> str:
    """The test's own database, as the web server must be told."""
    base, _slash, _name = os.environ["DATABASE_URL"].rpartition("/")
    return f"{base}/{connection.settings_dict['NAME']}"


class Server:
    """The web server, started again when it ends, as the launcher's supervisor does."""

    def __init__(self, folder: Path):
        self.port, self.log = free_port(), folder / "web.log"
        self.environment = os.environ | {
            "DATABASE_URL": database_url(),
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "PYTHONPATH": f"{settings.BASE_DIR}:{settings.BASE_DIR / 'queue'}",
            "JARI_HOME": str(folder),
        }
        self.start()

    def start(self) -> None:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                web_command("127.0.0.1", self.port),
                cwd=settings.BASE_DIR,
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def start_again_if_ended(self) -> bool:
        # Whose processes die twice within seconds, ends itself.
        ended = self.process.poll() is not None
        if ended:
            self.start()
        return ended

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path)
    try:
        _wait_for(server.port, server.log)
        yield server
    finally:
        server.stop()


def _wait_for(port: int, log: Path) -> None:
    browser = Browser(port, "")
    for _attempt in range(300):
        with suppress(OSError, http.client.HTTPException):
            if browser.ask("/healthz")[0] == 200:
                browser.connection.close()
                return
        time.sleep(0.1)
    raise AssertionError(f"the web server does not answer: {log.read_text()[-2000:]}")


class Browser:
    """One person's; a connection that breaks is opened again, as browsers do."""

    def __init__(self, port: int, cookie: str):
        self.port, self.cookie = port, cookie
        self.connection = self._open()

    def _open(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def ask(self, path: str, form: dict | None = None) -> tuple[int, str, str]:
        headers = {"Cookie": f"csrftoken={TOKEN}; jari_language=en; {self.cookie}"}
        body = None
        if form is not None:
            headers |= {
                "X-CSRFToken": TOKEN,
                "Content-Type": "application/x-www-form-urlencoded",
            }
            body = urlencode(form)
        try:
            self.connection.request("GET" if form is None else "POST", path, body, headers)
            answer = self.connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.connection = self._open()
            raise
        return answer.status, text, answer.headers.get("Location", "")

    def insist(self, path: str, form: dict | None, ends: float, broken: Counter):
        """Ask again until there is an answer: a dead process and a lost database are none."""
        while time.monotonic() < ends:
            try:
                answer = self.ask(path, form)
            except (OSError, http.client.HTTPException):
                broken["no answer"] += 1
            else:
                if answer[0] < 500:
                    return answer
                broken[answer[0]] += 1
            time.sleep(0.05)
        raise AssertionError(f"nobody answered {path}")


def book(browser: Browser, slot: int, ends: float, broken: Counter) -> tuple[str, str]:
    """Hold and confirm, asking again whatever happens: ("booked", number) or ("lost", times)."""
    while True:
        status, text, to = browser.insist("/booking/hold/", {"slot": slot}, ends, broken)
        if status == 409 and "Somebody was faster" in text:
            return "lost", " ".join(re.findall(r'name="slot" value="(\d+)"', text))
        if status == 409:
            # The hold was confirmed before an answer came back, and there is nothing to hold.
            number = re.search(r'href="/reservations/(\w+)/"', text)
            assert number, text[-1500:]
            return "booked", number[1]
        assert status == 200 or (status, to) == (302, "/booking/confirm/"), text[-500:]
        if status == 302:
            status, text, to = browser.insist("/booking/confirm/", None, ends, broken)
        key = re.search(r'name="key" value="([0-9a-f-]{36})"', text)
        if not key:
            continue
        status, text, to = browser.insist("/booking/confirm/", {"key": key[1]}, ends, broken)
        number = re.fullmatch(r"/reservations/(\w+)/", to)
        if number:
            return "booked", number[1]


def children_of(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1]) == pid:
                found.append(int(folder.name))
    return found


def kill_some(server: Server, stop: threading.Event, killed: Counter, dice: random.Random) -> None:
    """A busy connection of Postgres four times a second, a web process every other second."""
    with psycopg.connect(database_url(), autocommit=True) as postgres:
        turn = 0
        while not stop.wait(0.25):
            killed["servers"] += server.start_again_if_ended()
            turn += 1
            if turn > KILLS:
                continue
            workers = children_of(server.process.pid)
            if turn % 8 == 3 and workers:
                with suppress(ProcessLookupError):
                    os.kill(dice.choice(workers), signal.SIGKILL)
                    killed["web processes"] += 1
            busy = postgres.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
                " AND state <> 'idle'"
            ).fetchall()
            if busy and postgres.execute(
                "SELECT pg_terminate_backend(%s)", dice.choice(busy)
            ).fetchone() == (True,):
                killed["connections"] += 1


def test_a_storm_over_http_while_processes_and_connections_are_killed(server):
    slot, *others = open_slots(12, capacity=CAPACITY)
    people = admit(RoomFactory(), PEOPLE)
    stamp = int(timezone.now().timestamp())
    cookies = [
        f"{COOKIE}={signing.dumps([one.ticket.person_id, stamp], salt=_SALT)}" for one in people
    ]
    outcomes: dict[int, tuple[str, str]] = {}
    problems: list[str] = []
    broken, killed, stop = Counter(), Counter(), threading.Event()
    gate = threading.Barrier(CONNECTIONS + 1)
    ends = time.monotonic() + PATIENCE

    def browse(share: int) -> None:
        gate.wait()
        for number in range(share, PEOPLE, CONNECTIONS):
            browser = Browser(server.port, cookies[number])
            try:
                outcomes[number] = book(browser, slot.pk, ends, broken)
            except Exception as error:
                problems.append(f"{number}: {error!r}")
            browser.connection.close()

    threads = [threading.Thread(target=browse, args=(share,)) for share in range(CONNECTIONS)]
    killer = threading.Thread(
        target=kill_some,
        args=(server, stop, killed, random.Random(11)),  # noqa: S311
    )
    for thread in [*threads, killer]:
        thread.start()
    gate.wait()
    for thread in threads:
        thread.join(PATIENCE + 30)
    stop.set()
    killer.join()

    state = f"{killed} {broken} {server.log.read_text()[-500:]}"
    assert problems == [], state
    assert killed["web processes"] > 0, "no process was killed: the test shows nothing"
    assert killed["connections"] > 0, "no connection was killed: the test shows nothing"
    assert sum(broken.values()) > 0, "nobody noticed: the test shows nothing"
    kinds = Counter(kind for kind, _what in outcomes.values())
    assert kinds == {"booked": CAPACITY, "lost": PEOPLE - CAPACITY}
    # Everybody was told their own number, once.
    told = {
        people[n].ticket.person_id: what for n, (kind, what) in outcomes.items() if kind == "booked"
    }
    confirmed = slot.reservations.filter(status="confirmed")
    assert told == dict(confirmed.values_list("person_id", "number"))
    assert Slot.objects.get(pk=slot.pk).booked == CAPACITY
    assert Message.objects.filter(kind="confirmed").count() == CAPACITY
    # Every loser was shown three open times beside it.
    nearest = [set(map(int, what.split())) for kind, what in outcomes.values() if kind == "lost"]
    assert {len(times) for times in nearest} == {3}
    assert set().union(*nearest) <= {one.pk for one in others}
    late = Reservation.objects.filter(status="held", held_until__lt=timezone.now() - timedelta(1))
    assert not late.exists()
    assert [answer.question.name for answer in verify() if answer.broken] == []
