"""What a rehearsal shows while it runs: who is where, how fast it goes, and what it waits for."""

import json
import shutil
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

# The stages of a citizen, in their order. Locust's file writes these names.
STAGES = {
    "identity": "signing in",
    "line": "in the line",
    "booking": "booking",
    "through": "through",
}
PLAIN_EVERY_SECONDS = 10.0
SPEED_OVER_SECONDS = 30.0


@dataclass(frozen=True)
class Progress:
    """What Locust wrote last. `requests` and `failures` are of the whole run so far."""

    citizens: int
    seconds: float = 0.0
    stages: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    failures: int = 0
    per_second: float = 0.0  # requests over the last seconds

    @property
    def came(self) -> int:
        return sum(self.stages.values())

    @property
    def through(self) -> int:
        return self.stages.get("through", 0)

    @property
    def in_line(self) -> int:
        return self.stages.get("line", 0)


@dataclass(frozen=True)
class RoomView:
    """The room at the same moment: people before the end of the line, and its pace."""

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
    """The last state that Locust wrote; an empty one before its first."""
    try:
        return Progress(citizens=citizens, **json.loads(path.read_text()))
    except FileNotFoundError:
        return Progress(citizens=citizens)


class Estimate:
    """About how long a rehearsal goes on, from what was seen of it in the last seconds.

    The crowd arrives for `over` seconds. Then the slower of two decides: the room that calls the
    line, and the citizens who get through, at their speed of late.
    """

    def __init__(self, *, over: float) -> None:
        self.over = over
        self._seen: deque[tuple[float, int]] = deque()  # (seconds since the start, through)

    def seconds_left(self, progress: Progress, room: RoomView) -> float | None:
        """None while nothing tells."""
        speed = self._speed(progress)
        if progress.through >= progress.citizens:
            return 0.0
        if not speed or (room.waiting and not room.per_minute):
            return None
        by_room = 60.0 * room.waiting / room.per_minute if room.waiting else 0.0
        by_citizens = (progress.citizens - progress.through) / speed
        return max(self.over - progress.seconds, by_room, by_citizens)

    def _speed(self, progress: Progress) -> float:
        """Citizens who got through per second, over the last SPEED_OVER_SECONDS."""
        self._seen.append((progress.seconds, progress.through))
        while self._seen[0][0] < progress.seconds - SPEED_OVER_SECONDS:
            self._seen.popleft()
        seconds, through = self._seen[0]
        return (progress.through - through) / max(progress.seconds - seconds, 1.0)


def waits_for_room(progress: Progress, room: RoomView, *, over: float) -> bool:
    """Whether the crowd has come and most who are not through stand in the line."""
    under_way = progress.citizens - progress.through
    return progress.seconds >= over and 0 < under_way <= 2 * progress.in_line and room.waiting > 0


def summary(progress: Progress, left: float | None) -> str:
    """One line: how far it is, who is where, rate, errors, and about how long it goes on."""
    stages = [f"{progress.stages.get(name, 0)} {label}" for name, label in STAGES.items()]
    broken = progress.outcomes.get("broken", 0)
    parts = [
        f"{_clock(progress.seconds)}  {progress.came} of {progress.citizens} came",
        ", ".join(stages) + (f" ({broken} could not go on)" if broken else ""),
        f"{progress.per_second:.0f} requests/s, {progress.failures} failed",
        "end not known yet" if left is None else f"about {_clock(left)} left",
    ]
    return " | ".join(parts)


def why_waiting(room: RoomView) -> str:
    """What the room's own pace is, where the crowd waits for nothing else."""
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
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


class Display:
    """On a terminal one line that is written over; elsewhere a line every ten seconds."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.in_place = stream.isatty()
        self._shown_at: float | None = None
        self._told: set[str] = set()
        self._open = False
        self._unsaid = ""

    def show(self, line: str, *, at: float) -> None:
        """`at`: seconds since the start."""
        if self.in_place:
            width = shutil.get_terminal_size().columns - 1
            self.stream.write(f"\r\x1b[K{line[:width]}")
            self.stream.flush()
            self._open = True
        elif self._shown_at is None or at - self._shown_at >= PLAIN_EVERY_SECONDS:
            self._shown_at = at
            self._unsaid = ""
            self.say(line)
        else:
            self._unsaid = line

    def say_once(self, what: str, line: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self.say(line)

    def say(self, line: str) -> None:
        """A line that stays."""
        self._leave_line()
        self.stream.write(line + "\n")
        self.stream.flush()

    def close(self) -> None:
        """The last state stays, whatever came before it."""
        self._leave_line()
        if self._unsaid:
            self.say(self._unsaid)
            self._unsaid = ""

    def _leave_line(self) -> None:
        if self._open:
            self.stream.write("\n")
            self._open = False
