"""The figures of a rehearsal, from its journal: curves, pages, capacity, advice.

Everything is computed from what was journaled, so that the report of a rehearsal that was killed
is the same but shorter.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import ceil, log10
from typing import Any

from rehearsal.journal import Asked, Journal, PageCount, percentile

MOST_BINS = 120
WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600)
# A group of pages for the curves of latency, by a word of their names; the first match counts.
GROUPS = {
    "join": ("/join/",),
    "line": ("/queue/",),
    "booking": ("/booking/",),
    "lookup": ("/reservations/",),
    "signing_in": ("/",),
}
# Of capacity: the window that is looked at, and what a healthy one has at most.
WINDOW_SECONDS = 30
HEALTHY_MS, HEALTHY_FAILURES, HEALTHY_LATE = 1000.0, 0.01, 0.5
# Of the advice: how much of the capacity is used, and the reserve of the cap.
USED, RESERVE = 0.8, 1.2


@dataclass(frozen=True)
class Curves:
    """Values for each bin of `width` seconds; None where nothing was seen."""

    width: int
    starts: list[int]
    arrivals: list[float]  # per second
    called: list[float]
    booked: list[float]
    stages: dict[str, list[float | None]]  # people, at the end of the bin
    latency: dict[str, list[float | None]]  # p95 in milliseconds, by group
    failures: list[float]  # requests
    late: list[float]  # milliseconds, the worst
    memory: dict[str, list[float | None]]  # megabytes by kind of process


@dataclass(frozen=True)
class Capacity:
    """The most bookings per second of a healthy window, and what kept it from being more."""

    per_second: float
    at: int  # second at which the window begins
    limit: str  # pace, cap, portal, crowd


@dataclass(frozen=True)
class Advice:
    pace: int
    cap: int
    booked_share: float  # of the called
    inside_seconds: float  # nine of ten who booked were inside for at most this long


@dataclass(frozen=True)
class Quarters:
    """First and last quarter of the time in which people came."""

    p95: tuple[float | None, float | None]
    memory: dict[str, tuple[float, float]]  # megabytes for each process, by kind


@dataclass(frozen=True)
class Figures:
    expected: int
    outcomes: Counter[str]
    counts: Counter[str]  # retries, nodes, devices, lost_races, by citizen's sum
    seconds: int
    requests: int
    failures: int
    pages: dict[str, PageCount]
    hosts: dict[str, Asked]
    curves: Curves
    faults: list[dict[str, Any]]
    away_seconds: float  # in which the database did not answer the command
    busy: float  # share of one core that the generator used
    worst_late: float  # seconds
    score: dict[str, Any] | None
    capacity: Capacity | None
    advice: Advice | None
    quarters: Quarters | None
    troubles: list[tuple[str, int]] = field(default_factory=list)

    @property
    def unfinished(self) -> int:
        """Citizens who were on their way, or not started, when it ended."""
        return self.expected - sum(self.outcomes.values())

    @property
    def stuck(self) -> int:
        return self.outcomes["broken"] + self.unfinished


def figures_of(played: Journal) -> Figures:
    ended = [citizen for citizen in played.citizens if citizen["outcome"]]
    pages: dict[str, PageCount] = {}
    for second in played.seconds.values():
        for name, page in second.pages.items():
            total = pages.setdefault(name, PageCount())
            total.requests += page.requests
            total.failures += page.failures
            total.steps.update(page.steps)
    hosts: dict[str, Asked] = {}
    for second in played.seconds.values():
        for name, asked in second.hosts.items():
            hosts.setdefault(name, Asked()).add(asked.requests, asked.failures)
    last = max(played.seconds, default=0) + 1
    busy = sum(second.busy for second in played.seconds.values())
    rooms = played.of("room")
    capacity = capacity_of(played)
    return Figures(
        expected=played.plan["citizens"],
        outcomes=Counter(citizen["outcome"] for citizen in ended),
        counts=Counter(
            {
                name: sum(citizen.get(name, 0) for citizen in ended)
                for name in ("retries", "nodes", "devices", "lost_races")
            }
        ),
        seconds=last,
        requests=sum(page.requests for page in pages.values()),
        failures=sum(page.failures for page in pages.values()),
        pages=dict(sorted(pages.items())),
        hosts=dict(sorted(hosts.items())),
        curves=curves_of(played, last),
        faults=played.of("fault"),
        away_seconds=_away(played),
        busy=busy / last,
        worst_late=max((second.late for second in played.seconds.values()), default=0.0),
        score=rooms[-1].get("score") if rooms else None,
        capacity=capacity,
        advice=advice_of(played, capacity),
        quarters=quarters_of(played),
        troubles=Counter(c["trouble"] for c in ended if "trouble" in c).most_common(10),
    )


def _away(played: Journal) -> float:
    """From the first question that got no answer to the next that got one, in sum."""
    total, since = 0.0, None
    for line in played.watched:
        if line["event"] == "away" and since is None:
            since = line["at"]
        elif line["event"] == "room" and since is not None:
            total, since = total + line["at"] - since, None
    return total


def curves_of(played: Journal, last: int) -> Curves:
    width = next((width for width in WIDTHS if last <= width * MOST_BINS), WIDTHS[-1])
    bins = -(-last // width)

    def rate(event: str) -> list[float]:
        counted = [0] * bins
        for citizen in played.citizens:
            at = citizen["times"].get(event)
            if at is not None and 0 <= at < bins * width:
                counted[int(at) // width] += 1
        return [count / width for count in counted]

    stages: dict[str, list[float | None]] = {
        name: [None] * bins for name in ("identity", "line", "booking")
    }
    steps = {name: [Counter[int]() for _ in range(bins)] for name in GROUPS}
    failures, late = [0.0] * bins, [0.0] * bins
    for at, second in sorted(played.seconds.items()):
        number = at // width
        late[number] = max(late[number], 1000 * second.late)
        for name, levels in stages.items():
            levels[number] = float(second.stages.get(name, 0))
        for name, page in second.pages.items():
            failures[number] += page.failures
            steps[group_of(name)][number].update(page.steps)
    return Curves(
        width=width,
        starts=[number * width for number in range(bins)],
        arrivals=rate("came"),
        called=rate("called"),
        booked=rate("booked"),
        stages=stages,
        latency={
            name: [percentile(counted, 0.95) for counted in each]
            for name, each in steps.items()
            if any(each)
        },
        failures=failures,
        late=late,
        memory=_memory_curves(played, bins, width),
    )


def group_of(page: str) -> str:
    return next(name for name, words in GROUPS.items() if any(word in page for word in words))


def _memory_curves(played: Journal, bins: int, width: int) -> dict[str, list[float | None]]:
    """Megabytes by kind; between two samples the earlier one."""
    curves: dict[str, list[float | None]] = {}
    for line in played.of("memory"):
        number = int(line["at"]) // width
        for kind, values in line["kinds"].items():
            if 0 <= number < bins:
                curve = curves.setdefault(kind, [None] * bins)
                curve[number:] = [values["bytes"] / 2**20] * (bins - number)
    return curves


def capacity_of(played: Journal) -> Capacity | None:
    """The healthy window with the most bookings.

    Healthy: nineteen of twenty answers of booking pages within a second, less than one of a
    hundred failed, and the load generator itself not late.
    """
    booked = Counter(
        int(citizen["times"]["booked"])
        for citizen in played.citizens
        if "booked" in citizen["times"]
    )
    if not booked:
        return None
    last = max(booked)
    best, healthy_only = (0, 0), True
    for begin in range(0, max(last - WINDOW_SECONDS + 2, 1), 5):
        window = range(begin, begin + WINDOW_SECONDS)
        count = sum(booked[second] for second in window)
        healthy = _is_healthy(played, window)
        healthy_only = healthy_only and healthy
        if healthy and count > best[0]:
            best = (count, begin)
    if not best[0]:
        return None
    # A crowd that is through earlier than a window is long booked in less time.
    length = min(WINDOW_SECONDS, max(last - best[1] + 1, 1))
    return Capacity(best[0] / length, best[1], _limit(played, best[1], healthy_only))


def _is_healthy(played: Journal, window: Iterable[int]) -> bool:
    total = PageCount()
    for at in window:
        second = played.seconds.get(at)
        if second is None:
            continue
        if second.late > HEALTHY_LATE:
            return False
        for name, page in second.pages.items():
            if group_of(name) == "booking":
                total.requests += page.requests
                total.failures += page.failures
                total.steps.update(page.steps)
    p95 = percentile(total.steps, 0.95)
    return total.failures <= HEALTHY_FAILURES * total.requests and (p95 or 0.0) <= HEALTHY_MS


def _limit(played: Journal, begin: int, healthy_only: bool) -> str:
    """What held the best window back, by what the room said in it."""
    rooms = [line for line in played.of("room") if begin <= line["at"] < begin + WINDOW_SECONDS]
    if not healthy_only:
        return "portal"
    for line in rooms:
        if line["waiting"] and line["per_minute"] >= 0.9 * line["max_per_minute"]:
            return "pace"
        if line["waiting"] and line["active"] >= 0.95 * line["max_active"]:
            return "cap"
    return "crowd"


def advice_of(played: Journal, capacity: Capacity | None) -> Advice | None:
    """Pace and cap by the rule of docs/rehearsal.md; None without bookings.

    pace: `USED` of the capacity a minute, divided by the share of the called who booked.
    cap: people who enter a second at that pace, times the seconds that nine of ten were inside,
    times `RESERVE` (Little's law).
    """
    called = sum("called" in citizen["times"] for citizen in played.citizens)
    stays = sorted(
        citizen["times"]["booked"] - citizen["times"]["entered"]
        for citizen in played.citizens
        if "booked" in citizen["times"] and "entered" in citizen["times"]
    )
    if capacity is None or not called or not stays:
        return None
    share = len(stays) / called
    inside = max(stays[min(len(stays) * 9 // 10, len(stays) - 1)], 1.0)
    pace = USED * 60 * capacity.per_second / share
    return Advice(
        pace=_two_digits(pace, int),
        cap=_two_digits(pace / 60 * inside * RESERVE, ceil),
        booked_share=share,
        inside_seconds=inside,
    )


def _two_digits(value: float, rounded: Callable[[float], int]) -> int:
    """Two digits are all that such a measurement is good for."""
    unit = 10 ** max(int(log10(max(value, 1))) - 1, 0)
    return max(int(rounded(value / unit) * unit), 1)


def quarters_of(played: Journal) -> Quarters | None:
    """None for a rehearsal of less than two minutes, or one that ended before its last quarter."""
    over = played.plan["scenario"]["minutes"] * 60
    if over < 120 or max(played.seconds, default=0) < 0.9 * over:
        return None
    parts = ((0.0, over / 4), (over * 3 / 4, over))
    latencies, memories = [], []
    for begin, end in parts:
        steps: Counter[int] = Counter()
        for at, second in played.seconds.items():
            if begin <= at < end:
                for page in second.pages.values():
                    steps.update(page.steps)
        latencies.append(percentile(steps, 0.95))
        memories.append(_mean_memory(played, begin, end))
    kinds = memories[0].keys() & memories[1].keys()
    return Quarters(
        p95=(latencies[0], latencies[1]),
        memory={kind: (memories[0][kind], memories[1][kind]) for kind in sorted(kinds)},
    )


def _mean_memory(played: Journal, begin: float, end: float) -> dict[str, float]:
    """Megabytes of one process, by kind: the mean over its samples."""
    samples: dict[str, list[float]] = {}
    for line in played.of("memory"):
        if begin <= line["at"] < end:
            for kind, values in line["kinds"].items():
                each = values["bytes"] / values["processes"] / 2**20
                samples.setdefault(kind, []).append(each)
    return {kind: sum(values) / len(values) for kind, values in samples.items()}
