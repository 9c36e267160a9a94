"""Bookings per second over HTTP on one machine: slots, hold, confirm, receipt.

    python bench/booking_path.py [SECONDS]

A throw-away Postgres (made durable), Valkey, the web server as `make run` starts it, and a simple
load generator share this machine's cores. Each citizen has an admission; one booking is four
requests: the list, the hold, the confirmation and the receipt. Half of them book a vaccine of two
doses. Promised are at least 50 a second on two cores.
"""

import http.client
import multiprocessing
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "bench.settings"

from bench.portal import portal  # noqa: E402
from launcher.portal import web_command  # noqa: E402
from launcher.processes import free_port  # noqa: E402

PROMISED = 50
PROCESSES, CITIZENS_AT_ONCE = 2, 8
TOKEN = "t" * 32  # any token: Django compares the cookie with the header


class Browser:
    """A minimal HTTP client, so that the load generator uses little CPU."""

    def __init__(self, port: int):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.cookies = ""

    def ask(self, path: str, form: dict | None = None) -> tuple[int, str, str]:
        headers = {
            "Cookie": f"csrftoken={TOKEN}; {self.cookies}",
            "Sec-Fetch-Site": "same-origin",  # as browsers say
        }
        body = None
        if form is not None:
            headers |= {
                "X-CSRFToken": TOKEN,
                "Content-Type": "application/x-www-form-urlencoded",
            }
            body = urlencode(form)
        self.connection.request("GET" if form is None else "POST", path, body, headers)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        return answer.status, text, answer.headers.get("Location", "")


def book(browser: Browser, cookie: str, turn: int) -> None:
    browser.cookies = cookie
    status, listed, _to = browser.ask("/booking/")
    slots = re.findall(r'name="slot" value="(\d+)"', listed)
    assert status == 200, (status, listed[-500:])
    assert slots, "nothing is open: the bench has too few slots"
    # Slots are spread over the list; the next one is tried if another citizen took the last seat.
    for attempt in range(5):
        slot = slots[(turn * 7 + attempt * 3) % len(slots)]
        status, held, _to = browser.ask("/booking/hold/", {"slot": slot})
        if status == 200:
            break
    key = re.search(r'name="key" value="([^"]+)"', held)[1]
    _status, _text, to = browser.ask("/booking/confirm/", {"key": key, "channel": "sms"})
    status, receipt, _to = browser.ask(to)
    assert status == 200
    assert "jari-number" in receipt


def drive(port: int, cookies: list[str], seconds: int, results) -> None:
    """One process of the load generator."""
    lock, times, problems = threading.Lock(), [], []
    waiting = list(reversed(cookies))
    deadline = time.monotonic() + seconds

    def citizens() -> None:
        browser = Browser(port)
        while time.monotonic() < deadline:
            with lock:
                if not waiting:
                    problems.append("the bench ran out of people")
                    return
                cookie, turn = waiting.pop(), len(waiting)
            start = time.perf_counter()
            try:
                book(browser, cookie, turn)
            except Exception as error:
                problems.append(repr(error))
                browser = Browser(port)
                continue
            times.append(time.perf_counter() - start)

    threads = [threading.Thread(target=citizens) for _ in range(CITIZENS_AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put((times, problems))


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its children so far (Linux)."""
    children = subprocess.run(
        ["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    total = 0.0
    for process in [str(pid), *children]:
        # proc_pid_stat(5): utime and stime are fields 14 and 15, the third follows the name.
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def main(seconds: int) -> int:
    figures = measure(seconds)
    sys.stdout.write(figures.text() + "\n")
    return 0 if figures.rate >= PROMISED and figures.sound else 1


@dataclass(frozen=True)
class Booked:
    """Whole bookings over HTTP."""

    rate: float  # a second
    p50: float  # milliseconds of the four requests
    p99: float
    cpu: float  # milliseconds of the web server
    problems: list[str]
    broken: list[str]  # invariants of verify_bookings

    @property
    def sound(self) -> bool:
        return not self.problems and not self.broken

    def text(self) -> str:
        return (
            f"{self.rate:.0f} bookings a second ({self.rate * 3600:,.0f} an hour; promised"
            f" {PROMISED}/s), whole booking {self.p50:.0f} ms in the middle,"
            f" {self.p99:.0f} ms for 99 of 100,"
            f" {self.cpu:.1f} ms of the web server's CPU each\n"
            f"problems: {len(self.problems)} {self.problems[:2]}; verify_bookings:"
            f" {self.broken or 'every invariant holds'}"
        )


def measure(seconds: int) -> Booked:
    with portal():
        from django.core import signing
        from django.db import connection

        from booking.models import Vaccine
        from booking.verifying import verify
        from eligibility.sessions import _SALT, COOKIE
        from tests.crowd import admit, open_slots
        from tests.factories import RoomFactory, VaccineFactory

        # The second dose on the next day: both doses find slots in the same list.
        double: Vaccine = VaccineFactory(doses=2, min_days=0, best_days=1, max_days=1)
        open_slots(1000, capacity=100)
        open_slots(1000, capacity=100, vaccine=double)
        admissions = admit(RoomFactory(), 150 * seconds)
        stamp = int(time.time())
        cookies = [
            f"{COOKIE}={signing.dumps([admission.ticket.person_id, stamp, 0], salt=_SALT)}"
            for admission in admissions
        ]
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        answers, cpu = book_all(cookies, seconds)
        # A fast run that broke an invariant would be worthless.
        broken = [result.invariant.name for result in verify() if result.broken]
        return booked(answers, cpu, seconds, broken)


def booked(answers: list[Any], cpu: float, seconds: int, broken: list[str]) -> Booked:
    """Of what `book_all` gave."""
    times = sorted(took for process_times, _problems in answers for took in process_times)
    return Booked(
        rate=len(times) / seconds,
        p50=1000 * times[len(times) // 2],
        p99=1000 * times[int(len(times) * 0.99)],
        cpu=1000 * cpu / len(times),
        problems=[problem for _times, problems in answers for problem in problems],
        broken=broken,
    )


@contextmanager
def server() -> Iterator[tuple[subprocess.Popen, int]]:
    """A web server as `make run` starts it, and its port."""
    port = free_port()
    process = subprocess.Popen(
        web_command("127.0.0.1", port),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'queue'}", "LOG_LEVEL": "ERROR"},
    )
    try:
        wait_for(port)
        yield process, port
    finally:
        process.terminate()
        process.wait()


def book_all(cookies: list[str], seconds: int) -> tuple[list[Any], float]:
    """What the drivers of a web server of its own measured, and the CPU seconds of the server."""
    with server() as (process, port):
        # spawn: a fork would inherit this process's database connection.
        spawn = multiprocessing.get_context("spawn")
        results = spawn.Queue()
        book_some(port, cookies[:200])
        # After the warm-up, which is not counted.
        before = cpu_seconds(process.pid)
        shares = [cookies[200 + number :: PROCESSES] for number in range(PROCESSES)]
        drivers = [
            spawn.Process(target=drive, args=(port, share, seconds, results)) for share in shares
        ]
        for driver in drivers:
            driver.start()
        answers = [results.get(timeout=seconds + 120) for _ in drivers]
        return answers, cpu_seconds(process.pid) - before


def wait_for(port: int) -> None:
    for _attempt in range(300):
        try:
            if Browser(port).ask("/healthz")[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the web server does not answer")


def book_some(port: int, cookies: list[str]) -> None:
    """Warm-up: imports, templates and query plans are loaded long before a real opening."""
    browser = Browser(port)
    for turn, cookie in enumerate(cookies):
        book(browser, cookie, turn)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 15))
