"""People who go through the portal page after page, played by wrk with bench/flow.lua.

Fifty microseconds of CPU a request, where a client in Python takes half a millisecond: the load
generator shares the machine with the portal.
"""

import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.figures import percentile
from bench.portal import ROOT, wrk

SCRIPT = ROOT / "bench" / "flow.lua"
RAMP_SECONDS = 2  # not counted: at first everybody is at the first page
# Milliseconds of an answer by step; `through` is the whole way, `later` a "try again in".
NO_STEPS = ("through", "later")


@dataclass
class Walked:
    """What a crowd of one run saw."""

    seconds: float  # that count
    cores: float  # of the load generator
    unanswered: int  # connections refused or cut
    steps: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    stuck: Counter[str] = field(default_factory=Counter)

    @property
    def through(self) -> int:
        return len(self.steps["through"])

    @property
    def rate(self) -> float:
        """Whole ways a second."""
        return self.through / self.seconds

    @property
    def asked_to_wait(self) -> int:
        return len(self.steps["later"])

    @property
    def answers(self) -> list[float]:
        """Milliseconds of all answers."""
        return [
            took for step, times in self.steps.items() if step not in NO_STEPS for took in times
        ]

    @property
    def failed(self) -> int:
        """People who were not let on, and silences; not those who were told when to try again."""
        return self.unanswered + self.stuck.total()

    def latency(self, step: str | None = None) -> str:
        times = self.steps[step] if step else self.answers
        return (
            f"p50 {percentile(times, 50):.0f} ms, p99 {percentile(times, 99):.0f} ms, "
            f"longest {max(times, default=0):.0f}"
        )


def walk(
    url: str, way: str, people: list[str], *, seconds: int, clients: int = 16, cohort: str = "-",
    per_second: float = 0,
) -> Walked:  # fmt: skip
    """Take people along a way (`whole`, `booking`, `identity`) with so many connections.

    `people` are cookies, or phone numbers for `identity`. With `per_second` so many requests are
    offered, otherwise as many as are answered. RuntimeError if the people run out.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "people").write_text("\n".join(people) + "\n")
        script = folder / "flow.lua"
        pace = 1000 * clients / per_second if per_second else 0
        words = {
            "THREADS": clients, "WAY": way, "COHORT": cohort, "PEOPLE": folder / "people",
            "JOURNAL": folder / "journal-", "PACE": pace,
            # The code is read from an English page.
            "LANGUAGE": "en" if way == "identity" else "ko",
        }  # fmt: skip
        text = SCRIPT.read_text()
        for word, value in words.items():
            text = text.replace(f"@{word}@", str(value))
        script.write_text(text)
        result = wrk(url, connections=clients, threads=clients, seconds=seconds, script=script)
        lines = [
            line.split()
            for file in folder.glob("journal-*")
            for line in file.read_text().splitlines()
        ]
    return read(lines, seconds, result)


def read(lines: list[list[str]], seconds: int, result: dict) -> Walked:
    """Of the journals' lines (step, milliseconds, status, when) and of what wrk says."""
    if not lines:
        raise RuntimeError(f"nobody got an answer: {result['output'][-500:]}")
    ramp = RAMP_SECONDS if seconds > 2 * RAMP_SECONDS else 0
    begun = min(float(line[3]) for line in lines) + ramp * 1000
    walked = Walked(seconds - ramp, result["cores"], result["unanswered"])
    for step, took, status, at in lines:
        if float(at) < begun:
            continue
        if step.startswith("stuck:"):
            walked.stuck[f"{step[6:]} {status}"] += 1
        else:
            walked.steps[step].append(float(took))
    return walked


@contextmanager
def ticking(room_pk: int, *, seconds: float = 1.0) -> Iterator[None]:
    """Calls the people of a room once a second, as cron and the worker of the line do."""
    from django.db import connection

    from waiting_room.models import Line
    from waiting_room.services.ticking import tick_room

    over = threading.Event()

    def tick() -> None:
        while not over.wait(seconds):
            # Everybody who waits: what is measured is the way, not the pace.
            Line.objects.filter(pk=room_pk).update(pace=10**6)
            tick_room(room_pk)
        connection.close()

    tick_room(room_pk)  # so that there is a now document
    thread = threading.Thread(target=tick)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
