"""Looking up a booking and the day of a clinic, while a crowd saturates the machine.

    python -m bench.lanes [SECONDS] [--turns 3]

Two servers in turn: with a process of its own for both (config.calm), and with threads of their own
in the crowd's processes, as before (JARI_CALM_PROCESS=0). The crowd joins over 128 connections as
fast as it is answered, and asks for the line's page over 64 more. Meanwhile one client asks for
each of the two pages, the next as soon as it has one. Promised: p95 under 200 ms for both, on two
cores that the load generator shares. The clinic has 2,000 people a day, 252 of them on the page.
"""

import argparse
import http.client
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.join import write_script
from bench.portal import make_room, median, portal, served, wrk

PEOPLE, TODAY = 400_000, 2_000
JOINING, READING = 128, 64
MOST_MS = 200
LOOK_UP, DAY = "/reservations/", "/admin/booking/reservation/day/?hour=10"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", type=int, nargs="?", default=4)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    pages = []
    for page in measure(options.seconds, options.turns):
        print(page.text(), flush=True)
        pages.append(page)
    return 0 if all(page.p95 < MOST_MS for page in pages if page.lanes == "after") else 1


@dataclass(frozen=True)
class LookedUp:
    """A page looked up: `lanes` is "alone", or "before" and "after" beside a crowd."""

    page: str
    lanes: str
    p50: float  # milliseconds
    p95: float
    longest: float
    count: int
    joins: float = 0.0  # a second, beside

    def text(self) -> str:
        beside = f", {self.joins:,.0f} joins/s beside" if self.joins else ""
        return (
            f"{self.page} {self.lanes}: p50 {self.p50:.0f} ms, p95 {self.p95:.0f} ms, "
            f"longest {self.longest:.0f} ms of {self.count}{beside}"
        )


def measure(seconds: int, turns: int) -> Iterator[LookedUp]:
    with portal(), ExitStack() as stack:
        # Needs Django, which `portal` has set up.
        from bench.day import fill
        from tests.staff.signing_in import StaffClient

        # The clinic first: it takes ids from the sequence, the room those after the last.
        user, _ids = fill(TODAY, 0)
        room, people = make_room("bench", PEOPLE)
        client = StaffClient()
        client.force_login(user)
        cookies = {DAY: f"sessionid={client.cookies['sessionid'].value}", LOOK_UP: ""}
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = {name: stack.enter_context(lanes(name)) for name in ("before", "after")}
        # Both servers have loaded their templates before anything is measured.
        for url in servers.values():
            for page, cookie in cookies.items():
                Asking(url, page, cookie).ask_once()
        yield from by_turns(seconds, turns, servers, cookies, room, iter(people), folder)


@contextmanager
def lanes(name: str):
    os.environ["JARI_CALM_PROCESS"] = "0" if name == "before" else "1"
    with served("portal") as url:
        yield url


def by_turns(seconds, turns, servers, cookies, room, people, folder) -> Iterator[LookedUp]:
    for page, cookie in cookies.items():
        yield looked_up(page, "alone", run(servers["after"], {page: cookie}, 1)[page])
    found = {name: {page: [] for page in cookies} for name in servers}
    joins = {name: [] for name in servers}
    # In turn, so that other load of the machine disturbs both alike.
    for _turn in range(turns):
        for name, url in servers.items():
            script = write_script(room, people, folder, seconds * 14_000)
            times, rate = under_load(url, cookies, script, seconds)
            joins[name].append(rate)
            for page, more in times.items():
                found[name][page] += more
    for name, pages in found.items():
        for page, times in pages.items():
            yield looked_up(page, name, times, median(joins[name]))


def looked_up(page: str, lanes: str, times: list[float], joins: float = 0.0) -> LookedUp:
    return LookedUp(
        page=page,
        lanes=lanes,
        p50=share(times, 50),
        p95=share(times, 95),
        longest=max(times),
        count=len(times),
        joins=joins,
    )


def under_load(url, cookies, script, seconds) -> tuple[dict, float]:
    """Milliseconds by page, and joins a second meanwhile."""
    # A list, as threads return nothing.
    rates = []

    def join() -> None:
        rates.append(wrk(url, connections=JOINING, seconds=seconds, script=script)["rate"])

    def read() -> None:
        wrk(f"{url}/queue/bench/", connections=READING, seconds=seconds)

    crowd = [threading.Thread(target=act) for act in (join, read)]
    for thread in crowd:
        thread.start()
    time.sleep(0.5)  # until the crowd is there
    times = run(url, cookies, seconds - 1)
    for thread in crowd:
        thread.join()
    return times, rates[0]


def run(url: str, cookies: dict, seconds: float) -> dict:
    # Both pages at a time, each by a client of its own.
    asking = {page: Asking(url, page, cookie) for page, cookie in cookies.items()}
    threads = [threading.Thread(target=each.ask_for, args=[seconds]) for each in asking.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {page: each.times for page, each in asking.items()}


class Asking:
    """One client of one page."""

    def __init__(self, url: str, page: str, cookie: str) -> None:
        self.page, self.times = page, []
        self._headers = {"Cookie": cookie, "Accept-Language": "ko"} if cookie else {}
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)

    # One request after the other: a person does not ask for the next page before this one.
    def ask_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            self.ask_once()
            self.times.append(1000 * (time.monotonic() - began))

    def ask_once(self) -> None:
        self._connection.request("GET", self.page, headers=self._headers)
        answer = self._connection.getresponse()
        answer.read()
        assert answer.status == 200, (self.page, answer.status)


def share(times: list, percent: int) -> float:
    return sorted(times)[min(len(times) * percent // 100, len(times) - 1)]


if __name__ == "__main__":
    raise SystemExit(main())
