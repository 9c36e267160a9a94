"""What a measurement gives: rows of a table and pictures, as docs/performance.md shows them."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Size:
    """How much a part measures."""

    quick: bool = False
    large: bool = False

    def of(self, usual: int, quick: int, large: int | None = None) -> int:
        if self.quick:
            return quick
        return large if self.large and large is not None else usual


@dataclass(frozen=True)
class Row:
    """One figure. `ratio` is against `reference`, which was measured in the same run."""

    what: str
    result: str
    reference: str = ""
    ratio: float | None = None
    aim: str = ""
    met: bool | None = None

    @property
    def cells(self) -> list[str]:
        verdict = {None: "", True: ": met", False: ": missed"}[self.met]
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        cells = [self.what, self.result, self.reference, ratio, self.aim + verdict]
        return [cell or "–" for cell in cells]


@dataclass(frozen=True)
class Picture:
    """A chart of lines over `labels`, drawn as docs/pictures/bench/<key>.svg."""

    key: str
    title: str
    unit: str
    head: str
    labels: list[str]
    series: dict[str, list[float | None]]
    decimals: int = 0

    @property
    def file(self) -> str:
        return f"{self.key}.svg"


@dataclass
class Found:
    """All that a part has found so far; it breaks off with `trouble`."""

    rows: list[Row] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    trouble: str = ""


HEAD = "| what | result | reference in the same run | ratio | aim |\n|---|---|---|---|---|\n"


def table(rows: list[Row]) -> str:
    return HEAD + "".join(f"| {' | '.join(row.cells)} |\n" for row in rows)


def note(path: Path, figure: Row | Picture) -> None:
    """Append a figure to a file, at once: a part that breaks off later loses nothing."""
    with path.open("a") as file:
        file.write(json.dumps([type(figure).__name__, asdict(figure)]) + "\n")


def read_notes(path: Path) -> Found:
    found = Found()
    for line in path.read_text().splitlines() if path.exists() else []:
        kind, values = json.loads(line)
        if kind == "Row":
            found.rows.append(Row(**values))
        else:
            found.pictures.append(Picture(**values))
    return found


def percentile(numbers: list[float], percent: float) -> float:
    """The nearest of `numbers`, which may be unsorted; 0.0 without any."""
    numbers = sorted(numbers)
    return numbers[min(int(len(numbers) * percent / 100), len(numbers) - 1)] if numbers else 0.0
