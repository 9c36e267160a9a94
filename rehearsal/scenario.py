"""Scenario files of a rehearsal: who comes, when, what they do, and what breaks meanwhile.

A scenario is a TOML file; docs/rehearsal.md names its keys. Errors name the key and what it may
be. `scaled` makes the crowd smaller and `faster` its evening shorter; pace and cap of the room
are of the portal that is tested, so they stay.
"""

import random
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "scenarios"
# Any cohort whose line is open when the rehearsal begins.
OPEN = "open"
BEHAVIOURS = {
    "refresh_often": "reads the whole page of the ticket instead of the small document",
    "lose_cookie": "loses its cookies in the line, and signs in again",
    "other_device": "goes on with a second device",
    "away_when_called": "is away when called, and comes back",
    "abandon_hold": "chooses a time, and never confirms it",
    "wrong_cohort": "is of another cohort, and tries to join",
    "clock_changed": "has its clock wrong, and presses the button before it is called",
    "double_submit": "confirms twice at once",
    "leaves": "gives up in the line",
}
FAULTS = ("kill_web", "kill_worker", "kill_cron", "kill_postgres", "empty_redis")
# Round guesses, enough to exercise holds and admissions that run out.
USUAL = {
    "refresh_often": 0.05,
    "lose_cookie": 0.05,
    "other_device": 0.05,
    "abandon_hold": 0.03,
    "double_submit": 0.05,
    "leaves": 0.04,
}
BURST_SECONDS = 2.0


class ScenarioError(Exception):
    """A scenario can't be played; the message names the key and what it may be."""


@dataclass(frozen=True)
class Fault:
    minute: float
    kind: str  # one of FAULTS


@dataclass(frozen=True)
class CohortShare:
    code: str  # or OPEN
    share: float


@dataclass(frozen=True)
class Scenario:
    """One rehearsal. Rates are people per second, times are seconds unless named otherwise."""

    name: str
    title: Mapping[str, str]  # by language
    rates: tuple[float, ...]  # each for an equal part of `minutes`
    minutes: float
    burst: int = 0  # people who stand there at the first moment
    cohorts: tuple[CohortShare, ...] = (CohortShare(OPEN, 1.0),)
    behaviours: Mapping[str, float] = field(default_factory=lambda: USUAL)
    faults: tuple[Fault, ...] = ()
    pace: int | None = None
    cap: int | None = None
    patience: float = 900.0
    away: float = 60.0  # how long those are away who are away when called
    think: float = 0.0  # between two pages of a booking
    length: float | None = None  # the crowd is ended then, wherever it stands

    @property
    def over(self) -> float:
        """Seconds during which people come."""
        return max(self.minutes * 60, BURST_SECONDS if self.burst else 0.0)

    @property
    def citizens(self) -> int:
        return self.burst + round(self._later)

    @property
    def ends(self) -> float:
        """When the crowd is ended at the latest."""
        return self.length or self.over + self.patience + 300

    @property
    def _later(self) -> float:
        return sum(self.rates) * self.minutes * 60 / max(len(self.rates), 1)

    def scaled(self, factor: float) -> "Scenario":
        return replace(
            self,
            burst=round(self.burst * factor),
            rates=tuple(rate * factor for rate in self.rates),
        )

    def faster(self, factor: float) -> "Scenario":
        """The same people in a `factor`th of the time."""
        return replace(
            self,
            minutes=self.minutes / factor,
            rates=tuple(rate * factor for rate in self.rates),
            faults=tuple(Fault(fault.minute / factor, fault.kind) for fault in self.faults),
            patience=self.patience / factor,
            away=self.away / factor,
            think=self.think / factor,
            length=self.length / factor if self.length else None,
        )

    def moments(self, rng: random.Random) -> list[float]:
        """When each citizen comes, in order, in seconds since the beginning."""
        moments = [rng.uniform(0, BURST_SECONDS) for _ in range(self.burst)]
        total, part = self._later, self.minutes * 60 / max(len(self.rates), 1)
        count, reached, number = round(total), 0.0, 0
        # Evenly within each part: a seed then gives the same evening on every machine.
        for index, rate in enumerate(self.rates):
            until = reached + rate * part
            last = index == len(self.rates) - 1
            while number < count and (number + 0.5 <= until or last):
                share = (number + 0.5 - reached) / max(rate * part, 1e-9)
                moments.append(index * part + min(max(share, 0.0), 1.0) * part)
                number += 1
            reached = until
        return sorted(moments)


def flat(*, citizens: int, over: float, patience: float) -> Scenario:
    """`citizens` who come evenly during `over` seconds, without a file."""
    return Scenario(
        name="crowd",
        title={"ko": "고른 방문", "en": "An even crowd"},
        rates=(citizens / over,),
        minutes=over / 60,
        patience=patience,
    )


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str) -> Scenario:
    """A scenario by its name, or by the path of its file; raises ScenarioError."""
    path = FOLDER / f"{name}.toml"
    if not path.exists():
        path = Path(name)
    try:
        data = tomllib.loads(path.read_text())
    except (FileNotFoundError, IsADirectoryError):
        raise ScenarioError(
            f"There is no scenario {name}: give a file, or one of {', '.join(names())}."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path.name} is no TOML: {error}") from None
    return read(path.stem, data)


def read(name: str, data: dict[str, Any]) -> Scenario:
    """Check and read what a file has; raises ScenarioError."""
    top = _Table(f"{name}", data)
    title = {"ko": top.text("title_ko"), "en": top.text("title_en")}
    arrivals = top.table("arrivals")
    rates = arrivals.rates("per_second")
    minutes = arrivals.number("minutes", default=float(len(rates)), least=0)
    room, times = top.table("room"), top.table("times")
    scenario = Scenario(
        name=name,
        title=title,
        rates=rates,
        minutes=minutes,
        burst=round(arrivals.number("burst", default=0, least=0)),
        cohorts=_cohorts(top.tables("cohorts")),
        behaviours=_behaviours(top.table("behaviours")),
        faults=_faults(top.tables("faults"), minutes),
        pace=room.limit("pace"),
        cap=room.limit("cap"),
        patience=times.number("patience_minutes", default=15, least=0) * 60,
        away=times.number("away_seconds", default=60, least=0),
        think=times.number("think_seconds", default=0, least=0),
        length=times.number("length_minutes", default=0, least=0) * 60 or None,
    )
    scale = top.number("scale", default=1, least=0)
    for table in (arrivals, room, times, top):
        table.refuse_others()
    if scenario.scaled(scale).citizens < 1:
        raise ScenarioError(f"{name}: nobody comes; arrivals.burst or per_second must be above 0.")
    return scenario.scaled(scale)


def _cohorts(tables: "list[_Table]") -> tuple[CohortShare, ...]:
    found = []
    for table in tables:
        found.append(CohortShare(table.text("code"), table.number("share", least=0, most=1)))
        table.refuse_others()
    if found and abs(sum(cohort.share for cohort in found) - 1) > 0.001:
        raise ScenarioError(f"{tables[0].path}.share: all of them must add up to 1.")
    return tuple(found) or (CohortShare(OPEN, 1.0),)


def _behaviours(table: "_Table") -> dict[str, float]:
    shares = {name: table.number(name, default=0, least=0, most=1) for name in BEHAVIOURS}
    table.refuse_others()
    return {name: share for name, share in shares.items() if share}


def _faults(tables: "list[_Table]", minutes: float) -> tuple[Fault, ...]:
    found = []
    for table in tables:
        fault = Fault(table.number("minute", least=0, most=minutes), table.one_of("kind", FAULTS))
        table.refuse_others()
        found.append(fault)
    return tuple(found)


class _Table:
    """A table of the file, whose values are checked as they are read."""

    def __init__(self, path: str, data: dict[str, Any]) -> None:
        self.path, self._data = path, data
        self._known: set[str] = set()

    def _take(self, key: str) -> Any:
        self._known.add(key)
        return self._data.get(key)

    def _refuse(self, key: str, rule: str) -> ScenarioError:
        return ScenarioError(f"{self.path}: {key} is {self._data.get(key)!r}, and must be {rule}.")

    def text(self, key: str) -> str:
        value = self._take(key)
        if not isinstance(value, str) or not value.strip():
            raise self._refuse(key, "a text")
        return value

    def one_of(self, key: str, allowed: Iterable[str]) -> str:
        value = self._take(key)
        if value not in allowed:
            raise self._refuse(key, f"one of {', '.join(allowed)}")
        return str(value)

    def number(
        self, key: str, *, least: float, most: float | None = None, default: float | None = None
    ) -> float:
        value = self._take(key)
        if value is None and default is not None:
            return default
        rule = f"a number from {least:g}" + (f" to {most:g}" if most is not None else "")
        # TOML has inf and nan, which no comparison would catch.
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refuse(key, rule)
        if not least <= value <= (most if most is not None else 1e9):
            raise self._refuse(key, rule)
        return float(value)

    def limit(self, key: str) -> int | None:
        """A limit of the room; None leaves the room's own."""
        if key not in self._data:
            return None
        value = self.number(key, least=1)
        if value != int(value):
            raise self._refuse(key, "a whole number")
        return int(value)

    def rates(self, key: str) -> tuple[float, ...]:
        values = self._take(key)
        if not isinstance(values, list) or not values or not all(map(_is_rate, values)):
            raise self._refuse(key, "a list of people per second, as [120, 60, 30]")
        return tuple(map(float, values))

    def table(self, key: str) -> "_Table":
        value = self._take(key)
        if value is not None and not isinstance(value, dict):
            raise self._refuse(key, f"a table, as [{key}]")
        return _Table(f"{self.path}.{key}", value or {})

    def tables(self, key: str) -> "list[_Table]":
        values = self._take(key) or []
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            raise self._refuse(key, f"tables, each as [[{key}]]")
        return [_Table(f"{self.path}.{key}", value) for value in values]

    def refuse_others(self) -> None:
        others = sorted(self._data.keys() - self._known)
        if others:
            allowed = ", ".join(sorted(self._known))
            raise ScenarioError(f"{self.path}: {others[0]} is no key; there are {allowed}.")


def _is_rate(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value < 1e9
