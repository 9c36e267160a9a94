"""The progress of a running rehearsal: citizens by stage, rate, errors and remaining time."""

import json
import shutil
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from rehearsal.journal import percentile

# Stages of a citizen in order, with labels; citizens.py counts them by these keys.
STAGES = {
    "identity": "signing in",
    "line": "in the line",
    "booking": "booking",
    "through": "through",
}
PLAIN_EVERY_SECONDS = 10.0  # between lines where the output is no terminal
LATELY_SECONDS = 10  # rate and latencies of a line are of this time
SPEED_OVER_SECONDS = 30.0


@dataclass(frozen=True)
class Progress:
    """The last state of the crowd; `requests` and `failures` are totals so far."""

    citizens: int
    seconds: float = 0.0
    stages: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    failures: int = 0
    per_second: float = 0.0  # requests over the last seconds
    p50: float | None = None  # milliseconds, of the last seconds
    p95: float | None = None

    @property
    def arrived(self) -> int:
        return sum(self.stages.values())

    @property
    def through(self) -> int:
        return self.stages.get("through", 0)

    @property
    def in_line(self) -> int:
        return self.stages.get("line", 0)


@dataclass(frozen=True)
class RoomView:
    """The room at the same time: people waiting, people inside, and its pace."""

    waiting: int  # people with a place who have not been called
    per_minute: int  # called over the last minute
    max_per_minute: int
    active: int
    max_active: int
    reasons: list[str] = field(default_factory=list)  # why the pace is what it is
    serving: int = 0
    score: dict[str, Any] | None = None  # of the waiting times that were given

    @property
    def is_full(self) -> bool:
        return self.active >= self.max_active


class Tail:
    """Follows the journals of the crowd's processes while they are written."""

    def __init__(self, folder: Path, citizens: int) -> None:
        self._folder, self._citizens = folder, citizens
        self._offsets: dict[Path, int] = {}
        self._stages: dict[Path, dict[str, int]] = {}
        self._outcomes: Counter[str] = Counter()
        # Second, requests, and latencies by step.
        self._lately: deque[tuple[int, int, Counter[int]]] = deque()
        self._requests = self._failures = self._second = 0

    def read(self) -> Progress:
        """The state as of what is written now; an empty one before the first line."""
        for path in sorted(self._folder.glob("crowd-*.jsonl")):
            self._follow(path)
        while self._lately and self._lately[0][0] < self._second - LATELY_SECONDS:
            self._lately.popleft()
        steps: Counter[int] = Counter()
        for _second, _requests, counted in self._lately:
            steps.update(counted)
        stages: Counter[str] = Counter()
        for counts in self._stages.values():
            stages.update(counts)
        return Progress(
            citizens=self._citizens,
            seconds=float(self._second),
            stages=stages,
            outcomes=self._outcomes,
            requests=self._requests,
            failures=self._failures,
            per_second=sum(entry[1] for entry in self._lately) / LATELY_SECONDS,
            p50=percentile(steps, 0.5),
            p95=percentile(steps, 0.95),
        )

    def _follow(self, path: Path) -> None:
        with path.open("rb") as file:
            file.seek(self._offsets.get(path, 0))
            for raw in file:
                if not raw.endswith(b"\n"):  # still being written
                    break
                self._offsets[path] = self._offsets.get(path, 0) + len(raw)
                # Most lines are of single citizens and need not be parsed here.
                if raw.startswith(b'{"event":"second"'):
                    self._add(path, json.loads(raw))
                elif raw.startswith(b'{"event":"end"'):
                    self._outcomes[json.loads(raw)["outcome"]] += 1

    def _add(self, path: Path, line: dict[str, Any]) -> None:
        self._second = max(self._second, int(line["at"]))
        self._stages[path] = line["stages"]
        requests, steps = 0, Counter[int]()
        for count, failures, counted in line["pages"].values():
            requests += count
            self._failures += failures
            steps.update({int(step): number for step, number in counted.items()})
        self._requests += requests
        self._lately.append((int(line["at"]), requests, steps))


class Estimate:
    """Estimates the remaining time of a rehearsal.

    The crowd arrives during `over` seconds. After that the slower of two rates counts: calls of
    the room, and citizens who finish, both of the last seconds.
    """

    def __init__(self, *, over: float) -> None:
        self.over = over
        self._samples: deque[tuple[float, int]] = deque()  # (seconds since the start, through)

    def seconds_left(self, progress: Progress, room: RoomView) -> float | None:
        """The remaining time; None while no rate is known."""
        speed = self._speed(progress)
        if progress.through >= progress.citizens:
            return 0.0
        if not speed or (room.waiting and not room.per_minute):
            return None
        by_room = 60.0 * room.waiting / room.per_minute if room.waiting else 0.0
        by_citizens = (progress.citizens - progress.through) / speed
        return max(self.over - progress.seconds, by_room, by_citizens)

    def _speed(self, progress: Progress) -> float:
        """Citizens who finished per second within the last SPEED_OVER_SECONDS."""
        self._samples.append((progress.seconds, progress.through))
        while self._samples[0][0] < progress.seconds - SPEED_OVER_SECONDS:
            self._samples.popleft()
        seconds, through = self._samples[0]
        return (progress.through - through) / max(progress.seconds - seconds, 1.0)


def waits_for_room(progress: Progress, room: RoomView, *, over: float) -> bool:
    """Whether all have arrived and at least half of the unfinished wait in the line."""
    unfinished = progress.citizens - progress.through
    return progress.seconds >= over and 0 < unfinished <= 2 * progress.in_line and room.waiting > 0


def summary(progress: Progress, room: RoomView | None, seconds_left: float | None) -> str:
    """One line: time, citizens by stage, the room's pace, requests, errors and remaining time."""
    stages = [f"{progress.stages.get(name, 0)} {label}" for name, label in STAGES.items()]
    broken = progress.outcomes.get("broken", 0)
    through = [f"{progress.outcomes.get('booked', 0)} booked"]
    through += [f"{broken} could not go on"] if broken else []
    parts = [
        f"{_clock(progress.seconds)}  {progress.arrived} of {progress.citizens} came",
        f"{', '.join(stages)} ({', '.join(through)})",
        "room not seen yet" if room is None else _pace(room),
        f"{progress.per_second:.0f} requests/s, {_latency(progress)}{progress.failures} failed",
        "end not known yet" if seconds_left is None else f"about {_clock(seconds_left)} left",
    ]
    return " | ".join(parts)


def _pace(room: RoomView) -> str:
    return f"called {room.serving}, {room.per_minute} a minute, {room.active} inside"


def _latency(progress: Progress) -> str:
    if progress.p50 is None or progress.p95 is None:
        return ""
    return f"p50 {progress.p50:.0f} ms, p95 {progress.p95:.0f} ms, "


def why_waiting(room: RoomView) -> str:
    """A sentence about the room's pace, for a crowd that waits for nothing else."""
    limit = f"It calls {room.per_minute} a minute (at most {room.max_per_minute})"
    inside = f"{room.active} of {room.max_active} people are inside"
    return " ".join(
        [
            f"The rehearsal waits for the room's own pace. {limit}; {inside}.",
            *room.reasons[:1],
            "--pace and --cap change both for a rehearsal.",
        ]
    )


def _clock(seconds: float) -> str:
    minutes, remainder = divmod(round(seconds), 60)
    return f"{minutes}:{remainder:02}"


class Display:
    """Shows progress: on a terminal one line, overwritten; else a line every ten seconds."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.in_place = stream.isatty()
        self._shown_at: float | None = None
        self._written: set[str] = set()
        self._line_open = False
        self._pending = ""

    def show(self, line: str, *, at: float) -> None:
        """`at`: seconds since the start."""
        if self.in_place:
            width = shutil.get_terminal_size().columns - 1
            # Back to the start of the line, erase it, write it anew.
            self.stream.write(f"\r\x1b[K{line[:width]}")
            self.stream.flush()
            self._line_open = True
        elif self._shown_at is None or at - self._shown_at >= PLAIN_EVERY_SECONDS:
            self._shown_at = at
            self._pending = ""
            self.write_line(line)
        else:
            self._pending = line

    def write_once(self, key: str, line: str) -> None:
        if key not in self._written:
            self._written.add(key)
            self.write_line(line)

    def write_line(self, line: str) -> None:
        """Write a line that is not overwritten."""
        self._end_line()
        self.stream.write(line + "\n")
        self.stream.flush()

    def close(self) -> None:
        """Write the last state if it was held back."""
        self._end_line()
        if self._pending:
            self.write_line(self._pending)
            self._pending = ""

    def _end_line(self) -> None:
        if self._line_open:
            self.stream.write("\n")
            self._line_open = False
