"""The progress of a running rehearsal: citizens by stage, rate, errors and remaining time."""

import json
import shutil
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

# Stages of a citizen in order, with labels; citizens.py counts them by these keys.
STAGES = {
    "identity": "signing in",
    "line": "in the line",
    "booking": "booking",
    "through": "through",
}
PLAIN_EVERY_SECONDS = 10.0  # between lines where the output is no terminal
SPEED_OVER_SECONDS = 30.0


@dataclass(frozen=True)
class Progress:
    """The last state that Locust wrote; `requests` and `failures` are totals so far."""

    citizens: int
    seconds: float = 0.0
    stages: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    failures: int = 0
    per_second: float = 0.0  # requests over the last seconds

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

    @property
    def is_full(self) -> bool:
        return self.active >= self.max_active


def read(path: Path, citizens: int) -> Progress:
    """Read the last state that Locust wrote; an empty one before the first."""
    try:
        return Progress(citizens=citizens, **json.loads(path.read_text()))
    except FileNotFoundError:
        return Progress(citizens=citizens)


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


def summary(progress: Progress, seconds_left: float | None) -> str:
    """One line: time, arrivals, citizens by stage, rate, errors and remaining time."""
    stages = [f"{progress.stages.get(name, 0)} {label}" for name, label in STAGES.items()]
    broken = progress.outcomes.get("broken", 0)
    parts = [
        f"{_clock(progress.seconds)}  {progress.arrived} of {progress.citizens} came",
        ", ".join(stages) + (f" ({broken} could not go on)" if broken else ""),
        f"{progress.per_second:.0f} requests/s, {progress.failures} failed",
        "end not known yet" if seconds_left is None else f"about {_clock(seconds_left)} left",
    ]
    return " | ".join(parts)


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
