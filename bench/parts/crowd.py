import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.cores import counted, memory_of
from bench.figures import Picture, Row, Size
from bench.flows import ticking
from bench.join import write_script
from bench.portal import ROOT, make_room, median, portal, serving, wrk

MILLION = 1_000_000
JOINING, POLLING = 128, 250  # connections
OTHERS = (0, 10_000, 100_000)
MOST_P99 = 250  # milliseconds
RATE = 16_700  # joins a second: a million in the first minute


def measure(size: Size) -> Iterator[Row | Picture]:
    seconds, turns = 4, size.of(3, 1)
    with ExitStack() as stack:
        stack.enter_context(portal())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        room, ids = make_room("bench", 20_000 * seconds * turns * len(OTHERS) + 40_000)
        people = iter(ids)
        url, process = stack.enter_context(serving("portal"))
        stack.enter_context(ticking(room.pk))
        at_rest = memory_of(process)
        wrk(url, connections=16, seconds=2, script=write_script(room, people, folder, 40_000))
        interval = poll_seconds(url)
        results: dict[int, list[dict]] = {others: [] for others in OTHERS}
        polls: dict[int, list[dict]] = {others: [] for others in OTHERS}
        for _turn in range(turns):
            for others in OTHERS:
                script = write_script(room, people, folder, seconds * 18_000)
                offered = others / interval
                with (
                    polled(url, folder, offered, seconds, polls[others]),
                    counted(process) as cores,
                ):
                    found = wrk(url, connections=JOINING, seconds=seconds, script=script)
                results[others].append(found | {"web": cores.web, "postgres": cores.postgres})
        yield from rows(results, polls, interval)
        afterwards = memory_of(process)
        joined = room.tickets.count()
    yield memory_row(at_rest, afterwards, joined)
    yield Picture(
        "crowd-joins", "Joins a second while others poll", "per second", "Others",
        [f"{others:,}" for others in OTHERS],
        {"joins": [median(found["rate"] for found in results[others]) for others in OTHERS]},
    )  # fmt: skip


def poll_seconds(url: str) -> float:
    """What the now document tells people far behind: their interval."""
    import json
    import urllib.request

    with urllib.request.urlopen(f"{url}/queue/bench/now.json") as answer:  # noqa: S310
        document = json.load(answer)
    return max([document["poll_seconds"], *(seconds for _ahead, seconds in document["polls"])])


@contextmanager
def polled(url, folder: Path, offered: float, seconds: int, found: list) -> Iterator[None]:
    """Polls of others beside: `offered` requests a second over POLLING connections."""
    if not offered:
        yield
        return
    script = folder / "poll.lua"
    text = (ROOT / "bench" / "poll.lua").read_text().replace("@COHORT@", "bench")
    script.write_text(text.replace("@PAUSE@", f"{1000 * POLLING / offered:.0f}"))
    load = {"connections": POLLING, "seconds": seconds, "script": script, "threads": 1}
    thread = threading.Thread(target=lambda: found.append(wrk(url, **load)))
    thread.start()
    try:
        yield
    finally:
        thread.join()


def rows(results: dict, polls: dict, interval: float) -> Iterator[Row]:
    alone = median(found["rate"] for found in results[0])
    for others, turns in results.items():
        rate = median(found["rate"] for found in turns)
        p99 = median(found["p99"] for found in turns)
        is_aim = others == OTHERS[-1]
        wrong = sum(found["wrong"] + found["unanswered"] for found in turns)
        yield Row(
            f"joins while {others:,} others poll every {interval:.0f} s",
            f"{rate:,.0f}/s; p50 {median(found['p50'] for found in turns):.1f} ms, "
            f"p99 {p99:.0f} ms, longest {max(found['longest'] for found in turns):.0f}; "
            f"{wrong} failed; 1,000,000 in {MILLION / rate:.0f} s",
            "" if not others else f"nobody polls: {alone:,.0f}/s",
            rate / alone if others else None,
            f"{RATE:,}/s, p99 under {MOST_P99} ms" if is_aim else "",
            (rate >= RATE and p99 < MOST_P99) if is_aim else None,
        )  # fmt: skip
        if others:
            yield polls_row(polls[others], others / interval)
    yield from arithmetic(results[0])


def arithmetic(turns: list[dict]) -> Iterator[Row]:
    """CPU of a join by process; how many of them two cores could do at most."""
    best = max(turns, key=lambda found: found["rate"])
    joins = best["requests"]
    spent = {
        "web": best["web"] / joins,
        "Postgres": best["postgres"] / joins,
        "load generator": best["used"] / joins,
    }
    parts = ", ".join(f"{name} {1e6 * each:.0f} µs" for name, each in spent.items())
    total = sum(spent.values())
    yield Row("CPU of a join, nobody polls", f"{parts}: {1e6 * total:.0f} µs")
    yield Row(
        "what two cores could do, if they did nothing else",
        f"{2 / total:,.0f}/s; without the load generator "
        f"{2 / (total - spent['load generator']):,.0f}/s",
    )


def polls_row(turns: list[dict], due: float) -> Row:
    rate, p99, cores = (median(found[name] for found in turns) for name in ("rate", "p99", "cores"))
    return Row(
        "their polls", f"{rate:,.0f}/s; p99 {p99:.0f} ms; wrk used {cores:.2f} cores",
        f"due: {due:,.0f}/s", rate / due,
    )  # fmt: skip


def memory_row(before: list[int], after: list[int], joined: int) -> Row:
    shown = [", ".join(f"{size} MB" for size in sizes) for sizes in (before, after)]
    return Row(
        f"memory of the web processes after {joined:,} joins", shown[1],
        f"just started: {shown[0]}", sum(after) / max(sum(before), 1),
    )  # fmt: skip
