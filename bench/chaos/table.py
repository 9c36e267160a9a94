"""The table of docs/reliability.md, which the run writes."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from launcher.home import ROOT

FILE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- rows of make chaos -->\n", "<!-- end of rows -->\n"


@dataclass(frozen=True)
class Gaps:
    """Seconds between two that worked, from the fault on; None where nothing worked any more."""

    commits: float | None
    pages: float | None
    line: float | None


@dataclass(frozen=True)
class Seen:
    """What a stranger saw who asked for a page again and again."""

    slowest: float  # seconds
    refused: int
    bare: int  # of the refusals: those that did not say that the place is kept


@dataclass(frozen=True)
class Row:
    """What one fault did. A count is None where no report was made, which is no zero."""

    fault: str
    how: str
    gaps: Gaps
    stranger: Seen
    booked: int | None
    stuck: int | None
    verified: bool
    counts: dict[str, int | None] = field(default_factory=dict)

    @property
    def kept(self) -> bool:
        return self.verified and all(count == 0 for count in self.counts.values())

    def text(self) -> str:
        counts = ", ".join(f"{name} {_shown(count)}" for name, count in self.counts.items())
        return (
            f"  commits went on after {_seconds(self.gaps.commits)}, pages after "
            f"{_seconds(self.gaps.pages)}, the line after {_seconds(self.gaps.line)}; "
            f"{self._seen()}; booked {_shown(self.booked)}, could not go on {_shown(self.stuck)}; "
            f"{counts}; verifiers {'silent' if self.verified else 'FOUND SOMETHING'}"
        )

    def _seen(self) -> str:
        bare = f", {self.stranger.bare} of them bare" if self.stranger.bare else ""
        refused = f"{self.stranger.refused} refused{bare}" if self.stranger.refused else "0 refused"
        return f"{self.stranger.slowest:.1f} s, {refused}"

    def line(self) -> str:
        broken = [f"{name} {_shown(c)}" for name, c in self.counts.items() if c != 0]
        day = datetime.now(UTC).date().isoformat()
        cells = [
            self.fault, self.how, _seconds(self.gaps.commits), _seconds(self.gaps.pages),
            _seconds(self.gaps.line), self._seen(), f"{_shown(self.booked)}; {_shown(self.stuck)}",
            ", ".join(broken) or "0", "silent" if self.verified else "found something", day,
        ]  # fmt: skip
        return f"| {' | '.join(cells)} |\n"


def write_rows(rows: list[Row]) -> None:
    """Replace the rows of these faults, and leave those of others."""
    before, behind = FILE.read_text().split(BEGIN)
    table, after = behind.split(END)
    head, rule, *old = table.splitlines(keepends=True)
    # Rows of other faults stay: a run may be of one alone.
    lines = {line.split("|")[1].strip(): line for line in old}
    lines |= {row.fault: row.line() for row in rows}
    FILE.write_text("".join([before, BEGIN, head, rule, *lines.values(), END, after]))


def _seconds(gap: float | None) -> str:
    return "never" if gap is None else f"{gap:.1f} s"


def _shown(count: int | None) -> str:
    return "?" if count is None else str(count)
