import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.figures import Picture, Row, Size, percentile
from bench.flows import Walked, walk
from bench.people import admitted, broken_invariants, cookies_of, open_both
from bench.portal import ROOT, portal, serving, wrk

# Shares of what the server can do, and connections that are enough to offer so much.
LOADS = ((0.5, 32), (1.0, 64), (2.0, 256))
MOST = 400  # bookings a second that the people of a run suffice for
TODAY = 200  # people of the clinic whose staff look at its day meanwhile
# Above what the server can do nobody waits so many times longer than the median. Below, the median
# is that of an idle server, a few milliseconds.
MOST_TIMES = 20
# A page that threads make, and more connections than they serve in the ten seconds that anybody is
# let wait (config.lanes).
THREADED, CROWD = "/family/", 3_000


def measure(size: Size) -> Iterator[Row | Picture]:
    seconds = size.of(12, 6)
    with portal(), ExitStack() as stack:
        # Needs Django, which `portal` has set up.
        from bench.day import fill
        from tests.staff.signing_in import StaffClient

        user, _ids = fill(TODAY, 0)
        client = StaffClient()
        client.force_login(user)
        session = f"sessionid={client.cookies['sessionid'].value}"
        open_both()
        of_the_day = broken_invariants()  # the people of the clinic's day are rows only
        people = cookies_of(admitted(MOST * (8 + seconds * len(LOADS)) + 400))
        url, _process = stack.enter_context(serving("portal"))
        walk(url, "booking", people[:400], seconds=3, clients=4)
        share = people[400 : 400 + MOST * 8]
        most = walk(url, "booking", share, seconds=size.of(8, 5), clients=16)
        capacity = len(most.answers) / most.seconds
        yield Row(
            "as much as 16 connections get answered",
            f"{capacity:,.0f} answers/s, {most.rate:.0f} bookings/s; {most.latency()}",
        )
        walks: list[Walked] = []
        for number, (load, clients) in enumerate(LOADS):
            begin = 400 + MOST * (8 + seconds * number)
            with staff(url, session) as times:
                walked = walk(
                    url, "booking", people[begin : begin + MOST * seconds], seconds=seconds,
                    clients=clients, per_second=load * capacity,
                )  # fmt: skip
            walks.append(walked)
            yield from rows(load, clients, walked, most, times)
        yield more_than_can_wait(url, people[0], seconds=size.of(30, 15))
        broken = broken_invariants()
    yield pictured(walks)
    if broken != of_the_day:
        raise RuntimeError(f"broken: {broken}, before {of_the_day}")


@contextmanager
def staff(url: str, session: str) -> Iterator[list[float]]:
    """Looks at a clinic's day, again and again; yields the milliseconds of each look."""
    from bench.lanes import DAY, Asking

    over, asking = threading.Event(), Asking(url, DAY, session)

    def look() -> None:
        while not over.is_set():
            asking.ask_for(0.1)
            over.wait(0.3)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield asking.times
    finally:
        over.set()
        thread.join()


def rows(
    load: float, clients: int, walked: Walked, most: Walked, staffs: list[float]
) -> Iterator[Row]:
    answers = walked.answers
    middle, longest = percentile(answers, 50), max(answers, default=0)
    stuck = f" {dict(walked.stuck)}" if walked.stuck else ""
    name = f"{load:g} times that offered, {clients} connections"
    yield Row(
        f"{name}: errors",
        f"{walked.failed} of {len(answers):,} answers{stuck}; "
        f"{walked.asked_to_wait} were told when to try again; {walked.rate:.0f} bookings/s",
        f"{most.rate:.0f} bookings/s", walked.rate / most.rate, "0 errors", walked.failed == 0,
    )  # fmt: skip
    yield Row(
        f"{name}: the longest wait for an answer", f"{walked.latency()}",
        f"median {middle:.0f} ms", longest / max(middle, 0.1),
        f"{MOST_TIMES}" if load > 1 else "",
        longest / max(middle, 0.1) <= MOST_TIMES if load > 1 else None,
    )  # fmt: skip
    yield Row(
        f"{name}: staff look at a clinic's day",
        f"p50 {percentile(staffs, 50):.0f} ms, p95 {percentile(staffs, 95):.0f} ms, longest "
        f"{max(staffs, default=0):.0f}, of {len(staffs)}",
    )


def more_than_can_wait(url: str, cookie: str, *, seconds: int) -> Row:
    """A crowd whose end would wait too long: who is not let wait is told when to try again."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write((ROOT / "bench" / "again.lua").read_text().replace("@COOKIE@", cookie))
        file.flush()
        asked = wrk(f"{url}{THREADED}", connections=CROWD, seconds=seconds, script=Path(file.name))
    counts = re.search(r"said: (\d+) (\d+) (\d+)", asked["output"])
    if not counts:
        raise RuntimeError(f"nobody got an answer: {asked['output'][-500:]}")
    answered, later, failed = map(int, counts.groups())
    return Row(
        f"{CROWD:,} connections at a page that threads make: errors",
        f"{failed + asked['unanswered']} of {answered + later + failed:,} answers; {later:,} were "
        f"told when to try again; {answered / seconds:.0f} pages/s; longest "
        f"{asked['longest'] / 1000:.1f} s",
        aim="0 errors", met=failed + asked["unanswered"] == 0,
    )  # fmt: skip


def pictured(walks: list[Walked]) -> Picture:
    series = {
        f"p{percent}": [percentile(walked.answers, percent) for walked in walks]
        for percent in (50, 99)
    }
    series["longest"] = [max(walked.answers, default=0) for walked in walks]
    labels = [f"{load:g}" for load, _clients in LOADS]
    return Picture(
        "saturation", "How long an answer takes by offered load", "ms",
        "Load, 1 is what the server can do", labels, series,
    )  # fmt: skip
