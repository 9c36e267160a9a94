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
from contextlib import ExitStack
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
    with portal():
        room, people = make_room("bench", PEOPLE)
        people = iter(people)
        with tempfile.TemporaryDirectory() as folder:
            if options.lanes:
                compare_lanes(options, room, people, Path(folder))
                return
            bare = pgbench(options.seconds)
            print(f"pgbench, bare insert, 16 clients: {bare:,.0f}/s")
            measure(options, room, people, Path(folder), bare)


def measure(options, room, people, folder, bare) -> None:
    """Both servers run at once and are measured in turn, so that other load disturbs both alike."""
    with served("bare") as empty_url, served("portal") as url:
        wrk(f"{empty_url}/empty/", connections=16, seconds=1)  # warm-up
        one_by_one(url, room, people, folder)
        for connections in counts(options):
            by_turns(options, room, people, folder, bare, connections, empty_url, url)
        full = wrk(f"{url}/empty/", connections=128, seconds=options.seconds)
        print(f"empty view behind the portal's middleware: {full['rate']:,.0f}/s")


def by_turns(arguments, room, people, folder, bare, connections, empty_url, url) -> None:
    empties, joins = [], []
    for _turn in range(arguments.turns):
        load = {"connections": connections, "seconds": arguments.seconds}
        empties.append(wrk(f"{empty_url}/empty/", **load))
        script = write_script(room, people, folder, arguments.seconds * 18_000)
        # Counted in the table: an answer that was not committed would be no join.
        before = room.tickets.count()
        joins.append(wrk(url, script=script, **load))
        joins[-1]["written"] = room.tickets.count() - before
    pairs = list(zip(joins, empties, strict=True))
    ratio = median(join["rate"] / empty["rate"] for join, empty in pairs)
    rate = median(join["rate"] for join in joins)
    print(
        f"{connections} connections: {rate:,.0f} joins/s, best "
        f"{max(join['rate'] for join in joins):,.0f} (p50 "
        f"{median(join['p50'] for join in joins):.1f} ms, p99 "
        f"{median(join['p99'] for join in joins):.1f} ms, "
        f"{sum(join['wrong'] for join in joins)} refused, "
        f"{sum(join['written'] for join in joins):,} tickets); {ratio:.2f} of an empty view "
        f"({median(empty['rate'] for empty in empties):,.0f}/s); {rate / bare:.2f} of pgbench"
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


def one_by_one(url, room, people, folder) -> None:
    script = write_script(room, people, folder, 3_000)
    result = wrk(url, connections=2, seconds=2, script=script)
    print(f"  two people at a time: p50 {result['p50']:.2f} ms, p99 {result['p99']:.2f} ms")


def counts(options) -> list[int]:
    return [int(number) for number in options.connections.split(",")]


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
