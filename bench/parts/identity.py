import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.cores import counted
from bench.figures import Row, Size
from bench.flows import Walked, walk
from bench.join import write_script
from bench.parts.bookings import per_person
from bench.people import phones
from bench.portal import make_room, median, portal, serving, wrk

AIM = 200  # a second
BESIDE = 20  # people a second who prove who they are while others join
REQUESTS = 3  # form, code, check


def measure(size: Size) -> Iterator[Row]:
    seconds, turns = 3, size.of(5, 2)
    with ExitStack() as stack:
        stack.enter_context(portal())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        room, ids = make_room("bench", 20_000 * seconds * (2 * turns + 1))
        people = iter(ids)
        # The page shows the code, as in a sample campaign: no phone has to be read.
        os.environ["JARI_SAMPLE"] = "1"
        url, process = stack.enter_context(serving("portal"))
        walk(url, "identity", phones(300), seconds=2, clients=4)
        with counted(process) as cores:
            alone = walk(url, "identity", phones(6_000, 1_000), seconds=size.of(8, 5))
        yield from report_alone(alone, cores)
        wrk(url, connections=16, seconds=1, script=write_script(room, people, folder, 20_000))
        pairs: list[list[float]] = []
        beside: list[Walked] = []
        for turn in range(turns):
            joins = []
            for with_identity in (False, True):
                script = write_script(room, people, folder, seconds * 18_000)
                first = 10_000 + 1_000 * turn
                thread = threading.Thread(
                    target=lambda first=first: beside.append(
                        walk(url, "identity", phones(900, first), seconds=seconds,
                             per_second=BESIDE * REQUESTS)
                    )
                )  # fmt: skip
                if with_identity:
                    thread.start()
                joins.append(wrk(url, connections=128, seconds=seconds, script=script)["rate"])
                if with_identity:
                    thread.join()
            pairs.append(joins)
    before, after = (median(pair[each] for pair in pairs) for each in (0, 1))
    yield Row(
        f"joins while {BESIDE} people a second prove who they are", f"{after:,.0f}/s",
        f"joins alone: {before:,.0f}/s", median(pair[1] / pair[0] for pair in pairs), "0.9",
        median(pair[1] / pair[0] for pair in pairs) >= 0.9,
    )  # fmt: skip
    rate = sum(walked.through / seconds for walked in beside) / len(beside)
    yield Row(
        "those who prove it meanwhile", f"{rate:.0f}/s; {beside[-1].latency()} for an answer",
        f"offered {BESIDE}/s", rate / BESIDE,
    )  # fmt: skip


def report_alone(alone: Walked, cores) -> Iterator[Row]:
    yield Row(
        "form, code, check: 16 connections, each a new person, nobody else",
        f"{alone.rate:.0f}/s; {alone.latency()} for an answer; {alone.stuck.total()} stuck"
        + (f" {dict(alone.stuck)}" if alone.stuck else ""),
        "the aim", alone.rate / AIM, f"{AIM}/s", alone.rate >= AIM,
    )  # fmt: skip
    spent = per_person(alone, cores)
    parts = ", ".join(f"{name} {each:.1f} ms" for name, each in spent.items())
    yield Row("CPU of one", f"{parts}: {sum(spent.values()):.1f} ms")
