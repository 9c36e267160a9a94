import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.cores import counted
from bench.figures import Row, Size
from bench.flows import walk
from bench.join import write_script
from bench.nginx import PROGRAM, nginx
from bench.parts.bookings import per_person
from bench.people import admitted, cookies_of, open_both
from bench.portal import make_room, median, portal, serving, wrk

JOIN_SECONDS, BOOKING_SECONDS = 2, 5
MOST = 300  # bookings a second that the people of a run suffice for
# A machine of the model: web nodes of two cores each, and a database of eight.
NODE_CORES, DATABASE_CORES = 2, 8
NODES = (1, 2, 4, 8, 16)

UPSTREAM = "upstream nodes { SERVERS keepalive 256; keepalive_requests 1000000; }"
SERVER = """
location / {
  proxy_pass http://nodes; proxy_http_version 1.1; proxy_set_header Connection "";
  proxy_set_header Host 127.0.0.1;
}
"""


def measure(size: Size) -> Iterator[Row]:
    if not PROGRAM.exists():
        raise RuntimeError(f"no balancer: {PROGRAM} is not installed")
    turns = size.of(2, 1)
    with portal(), ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        room, ids = make_room("bench", 3 * (turns + 1) * JOIN_SECONDS * 18_000)
        people = iter(ids)
        open_both()
        cookies = cookies_of(admitted(MOST * BOOKING_SECONDS * 3 * (turns + 1)))
        first, process = stack.enter_context(serving("portal"))
        second, _other = stack.enter_context(serving("portal"))
        ways = {
            "one node without a balancer": first,
            "one node behind a balancer": stack.enter_context(balancer([first])),
            "two nodes behind a balancer": stack.enter_context(balancer([first, second])),
        }
        joins: dict[str, list] = {way: [] for way in ways}
        bookings: dict[str, list] = {way: [] for way in ways}
        for turn in range(-1, turns):
            for way, url in ways.items():
                script = write_script(room, people, folder, JOIN_SECONDS * 18_000)
                load = {"connections": 128, "seconds": JOIN_SECONDS, "script": script}
                with counted(process) as cores:
                    joined = wrk(url, **load)
                share = [cookies.pop() for _ in range(MOST * BOOKING_SECONDS)]
                with counted(process) as booking_cores:
                    walked = walk(url, "booking", share, seconds=BOOKING_SECONDS)
                if turn >= 0:  # the first warms up
                    joins[way].append((joined, cores))
                    bookings[way].append((walked, booking_cores))
    yield from rows(joins, bookings)
    yield from model(joins, bookings)


@contextmanager
def balancer(urls: list[str]) -> Iterator[str]:
    servers = " ".join(f"server {url.removeprefix('http://')};" for url in urls)
    with nginx(SERVER, http=UPSTREAM.replace("SERVERS", servers)) as url:
        yield url


def rows(joins: dict, bookings: dict) -> Iterator[Row]:
    rates = {way: median(joined["rate"] for joined, _ in turns) for way, turns in joins.items()}
    booked = {way: median(walked.rate for walked, _ in turns) for way, turns in bookings.items()}
    straight = next(iter(rates))
    for way, rate in rates.items():
        wrong = sum(joined["wrong"] + joined["unanswered"] for joined, _ in joins[way])
        failed = wrong + sum(walked.failed for walked, _ in bookings[way])
        yield Row(
            way, f"{rate:,.0f} joins/s; {booked[way]:.0f} bookings/s, "
            f"{booked[way] / booked[straight]:.2f} of those without; {failed} failed",
            "" if way == straight else f"{straight}: {rates[straight]:,.0f} joins/s",
            None if way == straight else rate / rates[straight],
        )  # fmt: skip


def model(joins: dict, bookings: dict) -> Iterator[Row]:
    """How many web nodes give what, and what stops them, by the CPU that each act takes."""
    straight = next(iter(joins))
    joined, cores = max(joins[straight], key=lambda turn: turn[0]["rate"])
    walked, booking_cores = max(bookings[straight], key=lambda turn: turn[0].rate)
    booking = per_person(walked, booking_cores)
    costs = {
        "joins": (cores.web / joined["requests"], cores.postgres / joined["requests"]),
        "bookings": (booking["web"] / 1000, booking["Postgres"] / 1000),
    }
    for act, (web, postgres) in costs.items():
        database = DATABASE_CORES / postgres
        steps = []
        for nodes in NODES:
            rate, limit = min((nodes * NODE_CORES / web, "web"), (database, "Postgres"))
            steps.append(f"{nodes}: {rate:,.0f}/s ({limit})")
        yield Row(
            f"model: {act} by web nodes of {NODE_CORES} cores, Postgres on {DATABASE_CORES}",
            f"{'; '.join(steps)}. Of CPU one takes {1e6 * web:,.0f} µs of web and "
            f"{1e6 * postgres:,.0f} µs of Postgres",
        )
