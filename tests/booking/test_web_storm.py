"""The real web server in a storm, while its processes and database connections are killed."""

import http.client
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest
from django.core import signing
from django.db import connection
from django.utils import timezone

from eligibility.sessions import _SALT, COOKIE
from tests.accidents import end_a_connection
from tests.booking.goals import GOALS, assert_all_is_booked_and_whole
from tests.crowd import admit
from tests.factories import RoomFactory
from tests.roles import owner_url
from tests.web_server import WebServer, web_servers

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE, TOTAL, CONNECTIONS = 60, 20, 16
TOKEN = "t" * 32
PATIENCE = 90  # seconds until everybody must have an answer


@pytest.fixture
def server(tmp_path):
    with web_servers(tmp_path) as [server]:
        yield server


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

    def insist(self, path: str, form: dict | None, ends: float, broke: Counter):
        """Ask again until there is an answer: a dead process and a lost database are none."""
        while time.monotonic() < ends:
            try:
                answer = self.ask(path, form)
            except (OSError, http.client.HTTPException):
                broke["no answer"] += 1
            else:
                if answer[0] < 500:
                    return answer
                broke[answer[0]] += 1
            time.sleep(0.05)
        raise AssertionError(f"nobody answered {path}")


def book(browser: Browser, slot: int, ends: float, broke: Counter) -> tuple[str, str]:
    """Hold and confirm, asking again whatever happens: ("booked", number) or ("lost", times)."""
    while True:
        status, text, to = browser.insist("/booking/hold/", {"slot": slot}, ends, broke)
        if status == 409 and "Somebody was faster" in text:
            return "lost", " ".join(re.findall(r'name="slot" value="(\d+)"', text))
        if status == 409:
            # The hold was confirmed before an answer came back, and there is nothing to hold.
            number = re.search(r'href="/reservations/(\w+)/"', text)
            assert number, text[-1500:]
            return "booked", number[1]
        assert status == 200 or (status, to) == (302, "/booking/confirm/"), text[-500:]
        if status == 302:
            status, text, to = browser.insist("/booking/confirm/", None, ends, broke)
        key = re.search(r'name="key" value="([0-9a-f-]{36})"', text)
        if not key:
            continue
        status, text, to = browser.insist("/booking/confirm/", {"key": key[1]}, ends, broke)
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


class Accidents:
    """Each happens when somebody has finished, however fast the machine is."""

    def __init__(self, server: WebServer, postgres: psycopg.Connection):
        self.server, self.postgres = server, postgres
        self.killed, self.turn, self.one_by_one = Counter(), 0, threading.Lock()
        self.dice = random.Random(11)  # noqa: S311

    def next(self) -> None:
        with self.one_by_one:
            self.turn += 1
            if self.turn % 20 == 10:
                self._kill_a_web_process()
            elif self.turn % 3 == 0:
                self.killed["connections"] += end_a_connection(self.postgres, idle=True)

    def _kill_a_web_process(self) -> None:
        workers = children_of(self.server.process.pid)
        if workers:
            with suppress(ProcessLookupError):
                os.kill(self.dice.choice(workers), signal.SIGKILL)
                self.killed["web processes"] += 1


@pytest.fixture
def accidents(server):
    with psycopg.connect(owner_url(), autocommit=True) as postgres:
        yield Accidents(server, postgres)


@pytest.mark.parametrize("make", GOALS, ids=lambda make: make.__name__)
def test_a_storm_over_http_while_processes_and_connections_are_killed(make, server, accidents):
    goal = make(TOTAL)
    people = admit(RoomFactory(), PEOPLE)
    stamp = int(timezone.now().timestamp())
    cookies = [
        f"{COOKIE}={signing.dumps([one.ticket.person_id, stamp, 0], salt=_SALT)}" for one in people
    ]
    slots = [slot.pk for _one, slot in goal.chosen(people)]
    outcomes: dict[int, tuple[str, str]] = {}
    problems: list[str] = []
    broke, gate = Counter(), threading.Barrier(CONNECTIONS)
    ends = time.monotonic() + PATIENCE
    connection.close()  # ours is not to be hit

    def browse(share: int) -> None:
        gate.wait()
        for number in range(share, PEOPLE, CONNECTIONS):
            browser = Browser(server.port, cookies[number])
            try:
                outcomes[number] = book(browser, slots[number], ends, broke)
            except Exception as error:
                problems.append(f"{number}: {error!r}")
            browser.connection.close()
            accidents.next()

    threads = [threading.Thread(target=browse, args=(share,)) for share in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE + 30)

    state = f"{accidents.killed} {broke} {server.log()}"
    assert problems == [], state
    assert accidents.killed["web processes"] > 0, "no process was killed: the test shows nothing"
    assert accidents.killed["connections"] > 0, "no connection was killed: the test shows nothing"
    assert sum(broke.values()) > 0, "nobody noticed: the test shows nothing"
    assert server.process.poll() is None, state
    kinds = Counter(kind for kind, _what in outcomes.values())
    assert kinds == {"booked": TOTAL, "lost": PEOPLE - TOTAL}
    # Everybody was told their own number, once.
    told = {
        people[n].ticket.person_id: what for n, (kind, what) in outcomes.items() if kind == "booked"
    }
    assert told == dict(goal.confirmed.filter(dose=1).values_list("person_id", "number"))
    # Every loser was shown three open times beside the one that was lost.
    lost = {
        number: set(map(int, what.split()))
        for number, (kind, what) in outcomes.items()
        if kind == "lost"
    }
    assert {len(times) for times in lost.values()} == {3}
    assert not any(slots[number] in times for number, times in lost.items())
    assert set().union(*lost.values()) <= {one.pk for one in [*goal.wanted, *goal.others]}
    assert_all_is_booked_and_whole(goal)
