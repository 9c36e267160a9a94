"""Joins over HTTP, each committed before its answer, compared with an empty view and pgbench.

    python -m bench.join [SECONDS] [--turns 5] [--connections 64,128,256] [--lanes]

Each request is another person with a signed cookie. Also shown: an empty view of a Django without
middleware, one of the portal with its middleware, and the rate of pgbench for the bare INSERT.
Promised: at least half the rate of the bare empty view at 128 connections.

With `--lanes` only this: a server without threads of their own for look-ups (config.lanes) and one
with them, by turns, at 128 connections.
"""

import argparse
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.portal import make_room, median, portal, served, wrk
from launcher.postgres import installation

PEOPLE = 700_000  # more than one run joins: each request is a person who has not joined yet
TOKEN = "a" * 32  # any token: Django compares the cookie with the form
# The script for wrk: each of its threads takes every second cookie.
LUA = """
local cookies, count = {}, 0
local thread_number = 0
function setup(thread) thread:set("number", thread_number); thread_number = thread_number + 1 end
function init(args)
  local index = 0
  for line in io.lines(COOKIES) do
    if index % 2 == number then count = count + 1; cookies[count] = line end
    index = index + 1
  end
end
local turn = 0
local body = "csrfmiddlewaretoken=TOKEN"
function request()
  turn = turn + 1
  return wrk.format("POST", PATH, {
    ["Cookie"] = "csrftoken=TOKEN; jari_who=" .. cookies[(turn - 1) % count + 1],
    ["Sec-Fetch-Site"] = "same-origin",
    ["Content-Type"] = "application/x-www-form-urlencoded" }, body)
end
"""
# The least that a join could cost: the same row and indexes, without any condition.
BARE_TABLE = """
DROP TABLE IF EXISTS bare_ticket;
CREATE TABLE bare_ticket (LIKE waiting_room_ticket INCLUDING DEFAULTS INCLUDING INDEXES);
DROP SEQUENCE IF EXISTS bare_entry; CREATE SEQUENCE bare_entry;
"""
BARE = """
INSERT INTO bare_ticket (id, room_id, person_id, entry, joined_at, resume_index, provisional)
SELECT gen_random_uuid(), 1, entry, entry, now(), entry, false
FROM (SELECT nextval('bare_entry') AS entry) AS one;
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", type=int, nargs="?", default=2)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--connections", default="64,128,256")
    parser.add_argument("--lanes", action="store_true")
    options = parser.parse_args()
    if options.lanes:
        with portal(), tempfile.TemporaryDirectory() as folder:
            room, people = make_room("bench", PEOPLE)
            compare_lanes(options, room, iter(people), Path(folder))
        return
    connections = [int(number) for number in options.connections.split(",")]
    for figure in measure(options.seconds, options.turns, connections):
        print(figure.text())


@dataclass(frozen=True)
class Alone:
    """What is measured once, before and after the joins."""

    what: str
    rate: float  # a second; 0 where only the time counts
    p50: float = 0.0  # milliseconds
    p99: float = 0.0

    def text(self) -> str:
        took = f" p50 {self.p50:.2f} ms, p99 {self.p99:.2f} ms" if self.p50 else ""
        return f"{self.what}: {self.rate:,.0f}/s{took}"


@dataclass(frozen=True)
class Joins:
    """Joins at a number of connections: medians of the turns."""

    connections: int
    rate: float
    best: float
    p50: float
    p99: float
    refused: int
    written: int  # tickets in the table
    empty: float  # the bare empty view
    of_empty: float
    of_pgbench: float

    def text(self) -> str:
        return (
            f"{self.connections} connections: {self.rate:,.0f} joins/s, best {self.best:,.0f} "
            f"(p50 {self.p50:.1f} ms, p99 {self.p99:.1f} ms, {self.refused} refused, "
            f"{self.written:,} tickets); {self.of_empty:.2f} of an empty view "
            f"({self.empty:,.0f}/s); {self.of_pgbench:.2f} of pgbench"
        )


def measure(seconds: int, turns: int, connections: list[int]) -> Iterator[Alone | Joins]:
    """Both servers run at once and are measured in turn, so that other load disturbs both alike."""
    with ExitStack() as stack:
        stack.enter_context(portal())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        room, ids = make_room("bench", PEOPLE)
        people = iter(ids)
        bare = pgbench(seconds)
        yield Alone("pgbench, bare insert, 16 clients", bare)
        empty_url, url = (stack.enter_context(served(name)) for name in ("bare", "portal"))
        wrk(f"{empty_url}/empty/", connections=16, seconds=1)  # warm-up
        yield one_by_one(url, room, people, folder)
        for number in connections:
            load = {"connections": number, "seconds": seconds}
            yield by_turns(turns, load, room, people, folder, bare, empty_url, url)
        full = wrk(f"{url}/empty/", connections=128, seconds=seconds)
        yield Alone("empty view behind the portal's middleware", full["rate"])
        with served("nothing") as nowhere:
            script = write_script(room, people, folder, 1_000)
            idle = wrk(nowhere, connections=128, seconds=seconds, script=script)
        yield Alone("the load generator, its joins to a server that does nothing", idle["rate"])


def by_turns(turns, load, room, people, folder, bare, empty_url, url) -> Joins:
    empties, joins = [], []
    for _turn in range(turns):
        empties.append(wrk(f"{empty_url}/empty/", **load))
        script = write_script(room, people, folder, load["seconds"] * 18_000)
        # Counted in the table: an answer that was not committed would be no join.
        before = room.tickets.count()
        joins.append(wrk(url, script=script, **load))
        joins[-1]["written"] = room.tickets.count() - before
    pairs = list(zip(joins, empties, strict=True))
    ratio = median(join["rate"] / empty["rate"] for join, empty in pairs)
    rate = median(join["rate"] for join in joins)
    return Joins(
        connections=load["connections"],
        rate=rate,
        best=max(join["rate"] for join in joins),
        p50=median(join["p50"] for join in joins),
        p99=median(join["p99"] for join in joins),
        refused=sum(join["wrong"] for join in joins),
        written=sum(join["written"] for join in joins),
        empty=median(empty["rate"] for empty in empties),
        of_empty=ratio,
        of_pgbench=rate / bare,
    )


def compare_lanes(options, room, people, folder) -> None:
    rates: dict[str, list[float]] = {"0": [], "3": []}
    with ExitStack() as stack:
        urls = {}
        for threads in rates:
            os.environ["JARI_LOOKUP_THREADS"] = threads
            urls[threads] = stack.enter_context(served("portal"))
        for turn in range(options.turns + 1):
            # The order changes with each turn, as the first of two may find a calmer machine.
            for threads in sorted(urls, reverse=turn % 2 == 1):
                script = write_script(room, people, folder, options.seconds * 14_000)
                load = {"connections": 128, "seconds": options.seconds}
                rates[threads].append(wrk(urls[threads], script=script, **load)["rate"])
    # The first turn warmed both up.
    pairs = list(zip(rates["0"], rates["3"], strict=True))[1:]
    shown = ", ".join(f"{after / before:.2f}" for before, after in pairs)
    print(f"joins with lanes against without: {shown}")
    print(
        f"median {median(after / before for before, after in pairs):.2f}; "
        f"{median(before for before, _after in pairs):,.0f} joins/s without, "
        f"{median(after for _before, after in pairs):,.0f} with"
    )


def one_by_one(url, room, people, folder) -> Alone:
    script = write_script(room, people, folder, 3_000)
    result = wrk(url, connections=2, seconds=2, script=script)
    return Alone("two people at a time", result["rate"], result["p50"], result["p99"])


def write_script(room, people, folder: Path, count: int) -> Path:
    from django.http import HttpResponse

    from eligibility.sessions import sign_in

    cookies, script = folder / "cookies", folder / "join.lua"
    with cookies.open("w") as file:
        for _ in range(count):
            response = HttpResponse()
            # With a given generation sign_in needs no query for each of thousands of cookies.
            sign_in(response, person_id=next(people), generation=0)
            file.write(response.cookies["jari_who"].value + "\n")
    script.write_text(
        LUA.replace("COOKIES", f'"{cookies}"')
        .replace("PATH", f'"/queue/{room.cohort.code}/join/"')
        .replace("TOKEN", TOKEN)
    )
    return script


def pgbench(seconds: int) -> float:
    import re

    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(BARE_TABLE)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(BARE)
        script.flush()
        output = subprocess.run(
            [
                str(installation() / "bin" / "pgbench"), "-n", "-f", script.name, "-c", "16",
                "-j", "2", "-T", str(seconds), os.environ["DATABASE_URL"],
            ],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
    return float(re.search(r"tps = ([\d.]+)", output)[1])


if __name__ == "__main__":
    main()
