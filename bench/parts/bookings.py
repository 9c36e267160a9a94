from collections.abc import Iterator
from dataclasses import dataclass

from bench.booking_path import book_all
from bench.booking_path import booked as booked_in_python
from bench.cores import Cores, counted
from bench.figures import Picture, Row, Size, percentile
from bench.flows import Walked, walk
from bench.people import admitted, broken_invariants, cookies_of, open_both
from bench.portal import portal, serving

AIM = 1_000_000  # an hour
MOST = 400  # bookings a second that the people of a run suffice for


@dataclass
class Booked:
    clients: int
    walked: Walked
    cores: Cores

    @property
    def times(self) -> list[float]:
        return self.walked.steps["through"]


def measure(size: Size) -> Iterator[Row | Picture]:
    clients = [16] if size.quick else [1, 4, 8, 16, 32, 64]
    seconds = size.of(8, 5)
    with portal():
        open_both()
        by_python = size.of(8, 3)
        needed = MOST * seconds * len(clients)
        people = cookies_of(admitted(200 + needed + 200 + MOST * by_python))
        with serving("portal") as (url, process):
            walk(url, "booking", people[:200], seconds=3, clients=4)
            curve = []
            for number, count in enumerate(clients):
                share = people[200 + MOST * seconds * number :][: MOST * seconds]
                with counted(process) as cores:
                    walked = walk(url, "booking", share, seconds=seconds, clients=count)
                curve.append(Booked(count, walked, cores))
        answers, cpu = book_all(people[200 + needed :], by_python)
        earlier = booked_in_python(answers, cpu, by_python, list(broken_invariants()))
    best = max(curve, key=lambda booked: booked.walked.rate)
    for booked in curve:
        yield row(booked, is_best=booked is best)
    yield from arithmetic(best)
    if not size.quick:
        yield from pictures(curve)
    yield Row(
        "bookings by a generator in Python (`python -m bench.booking_path`), 16 at a time",
        f"{earlier.rate:.0f}/s, p99 {earlier.p99:.0f} ms; {earlier.cpu:.1f} ms of web CPU each",
        f"the best above: {best.walked.rate:.0f}/s", earlier.rate / best.walked.rate,
    )  # fmt: skip
    if not earlier.sound:
        raise RuntimeError(f"{earlier.problems[:3]} {earlier.broken}")


def row(booked: Booked, *, is_best: bool) -> Row:
    walked = booked.walked
    hourly = walked.rate * 3600
    return Row(
        f"bookings, {booked.clients} people at a time" + (" (the most)" if is_best else ""),
        f"{walked.rate:.0f}/s, {hourly:,.0f} an hour; p50 {percentile(booked.times, 50):.0f} ms, "
        f"p99 {percentile(booked.times, 99):.0f} ms; {walked.failed} failed",
        "the aim" if is_best else "", hourly / AIM if is_best else None,
        f"{AIM:,} an hour" if is_best else "", hourly >= AIM if is_best else None,
    )  # fmt: skip


def arithmetic(best: Booked) -> Iterator[Row]:
    """CPU of a booking by process; how many of them two cores could do at most."""
    spent = per_person(best.walked, best.cores)
    parts = ", ".join(f"{name} {each:.1f} ms" for name, each in spent.items())
    yield Row("CPU of a booking at the most", f"{parts}: {sum(spent.values()):.1f} ms")
    yield Row(
        "what two cores could do, if they did nothing else",
        f"{2000 / sum(spent.values()):.0f}/s; without the load generator "
        f"{2000 / (sum(spent.values()) - spent['load generator']):.0f}/s",
    )


def per_person(walked: Walked, cores: Cores) -> dict[str, float]:
    """Milliseconds of CPU for each who went through."""
    # The processes were watched from the first request on, the walk without its ramp.
    share = 1000 / max(walked.rate * cores.seconds, 1e-9)
    return {
        "web": cores.web * share,
        "Postgres": cores.postgres * share,
        "load generator": 1000 * walked.cores / max(walked.rate, 1e-9),
    }


def pictures(curve: list[Booked]) -> Iterator[Picture]:
    labels = [f"{booked.clients}" for booked in curve]
    yield Picture(
        "bookings-throughput", "Bookings a second by people at a time", "per second",
        "People at a time", labels, {"bookings": [booked.walked.rate for booked in curve]},
    )  # fmt: skip
    series = {
        f"p{percent}": [percentile(booked.times, percent) for booked in curve]
        for percent in (50, 99)
    }
    yield Picture(
        "bookings-latency", "How long a whole booking takes by people at a time", "ms",
        "People at a time", labels, series,
    )  # fmt: skip
