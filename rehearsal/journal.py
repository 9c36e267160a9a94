"""The journal of a rehearsal: a folder of files to which lines are only ever appended.

    plan.json           what was to be played, and since when
    crowd-N.jsonl       by each process of the load generator: what citizens were told, each line
                        written as soon as the answer is there, and each second's requests
    watch.jsonl         by the command: the room, memory, faults
    findings.json       what the database said afterwards
    report.html, report.json

What was written stays if the writer is killed with kill -9: a line is one write to the kernel.
Only the last line may be half; the reader leaves it out. No file names a person: citizens are
numbers of rows.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import log10
from pathlib import Path
from typing import Any

# Latencies are counted in steps of 12 %: 20 of them for a factor of ten.
STEPS = 20


def step_of(milliseconds: float) -> int:
    return int(STEPS * log10(max(milliseconds, 1.0)))


def milliseconds_of(step: int) -> float:
    """The middle of a step."""
    return float(10 ** ((step + 0.5) / STEPS))


def percentile(steps: Counter[int], share: float) -> float | None:
    """The latency below which `share` of the answers were; None without answers."""
    total, reached = sum(steps.values()), 0
    for step in sorted(steps):
        reached += steps[step]
        if reached >= share * total:
            return milliseconds_of(step)
    return None


class Writer:
    """Appends lines to one file."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._file = os.open(path, flags, 0o600)

    def write(self, event: str, at: float, **values: Any) -> None:
        line = {"event": event, "at": round(at, 2), **values}
        os.write(self._file, json.dumps(line, separators=(",", ":")).encode() + b"\n")

    def close(self) -> None:
        os.close(self._file)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """All whole lines of a file; none if there is no file."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for raw in file:
            try:
                line = json.loads(raw)
            except ValueError:  # cut off by a kill
                continue
            if isinstance(line, dict) and "event" in line:
                yield line


@dataclass
class Asked:
    """Requests, and how many of them failed."""

    requests: int = 0
    failures: int = 0

    def add(self, requests: int, failures: int) -> None:
        self.requests += requests
        self.failures += failures


@dataclass
class PageCount:
    """Requests of one page: how many, how many failed, and latencies by step."""

    requests: int = 0
    failures: int = 0
    steps: Counter[int] = field(default_factory=Counter)

    def add(self, requests: int, failures: int, steps: dict[str, int]) -> None:
        self.requests += requests
        self.failures += failures
        self.steps.update({int(step): count for step, count in steps.items()})


@dataclass
class Second:
    """One second of the crowd, all its processes together."""

    stages: Counter[str] = field(default_factory=Counter)
    pages: dict[str, PageCount] = field(default_factory=dict)
    hosts: dict[str, Asked] = field(default_factory=dict)
    late: float = 0.0  # seconds by which the generator's own timers were late, the worst
    busy: float = 0.0  # seconds of CPU that the generator used


@dataclass
class Journal:
    """A whole journal, read from its folder."""

    folder: Path
    plan: dict[str, Any]
    citizens: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[int, Second] = field(default_factory=dict)
    watched: list[dict[str, Any]] = field(default_factory=list)
    findings: dict[str, Any] | None = None

    def of(self, event: str) -> list[dict[str, Any]]:
        """What the command watched of this kind, in order."""
        return [line for line in self.watched if line["event"] == event]

    @property
    def is_whole(self) -> bool:
        """Whether the crowd came to its end, and was not stopped before."""
        return any(line["event"] == "over" for line in self.watched)


def read(folder: Path) -> Journal:
    """Raises FileNotFoundError without a plan."""
    journal = Journal(folder, json.loads((folder / "plan.json").read_text()))
    people: dict[int, dict[str, Any]] = {}
    files = {}
    for path in sorted(folder.glob("crowd-*.jsonl")):
        stages: dict[int, dict[str, int]] = {}
        for line in lines(path):
            if line["event"] == "second":
                _add_second(journal, line)
                stages[int(line["at"])] = line["stages"]
            else:
                _add_to_person(people, line)
        files[path] = stages
    _add_stages(journal, files.values())
    journal.citizens = list(people.values())
    journal.watched = list(lines(folder / "watch.jsonl"))
    file = folder / "findings.json"
    journal.findings = json.loads(file.read_text()) if file.exists() else None
    return journal


def _add_second(journal: Journal, line: dict[str, Any]) -> None:
    second = journal.seconds.setdefault(int(line["at"]), Second())
    second.late = max(second.late, line["late"])
    second.busy += line["busy"]
    for name, (requests, failures, steps) in line["pages"].items():
        second.pages.setdefault(name, PageCount()).add(requests, failures, steps)
    for name, (requests, failures) in line.get("hosts", {}).items():
        second.hosts.setdefault(name, Asked()).add(requests, failures)


def _add_stages(journal: Journal, processes: Iterable[dict[int, dict[str, int]]]) -> None:
    """Citizens by stage over all processes; one that skipped a second is as it was before it."""
    for stages in processes:
        latest: dict[str, int] = {}
        for at in range(max(journal.seconds, default=-1) + 1):
            latest = stages.get(at, latest)
            journal.seconds.setdefault(at, Second()).stages.update(latest)


def _add_to_person(people: dict[int, dict[str, Any]], line: dict[str, Any]) -> None:
    """A citizen's record, built up from its lines in the order in which they were written."""
    person = line["person"]
    record = people.setdefault(person, {"person": person, "places": [], "outcome": "", "times": {}})
    event = line["event"]
    record["times"].setdefault(event, line["at"])
    if event == "place":
        if record.setdefault("ticket", line["ticket"]) != line["ticket"]:
            record["other_ticket"] = line["ticket"]
        if line["place"] is not None:
            record["places"].append(line["place"])
    elif event == "booked":
        if record.setdefault("number", line["number"]) != line["number"]:
            record["other_number"] = line["number"]
    elif event == "end":
        record |= {key: line[key] for key in line if key not in ("event", "at")}
    elif event == "jumped":
        record["jumped"] = line["how"]


def write_whole(path: Path, text: str) -> None:
    """Replace a file at once: a kill leaves the old one or the new one."""
    unfinished = path.with_suffix(path.suffix + ".tmp")
    unfinished.write_text(text)
    unfinished.replace(path)
