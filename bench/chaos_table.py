"""The table of docs/reliability.md, which the run writes."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from launcher.home import ROOT

FILE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- rows of make chaos -->\n", "<!-- end of rows -->\n"


@dataclass(frozen=True)
class Row:
    """What one fault did. Gaps are seconds; None where nothing worked, or no report was made."""

    fault: str
    how: str
    commits_gap: float | None
    page_gap: float | None
    slowest: float
    refused: int
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
            f"  commits went on after {_seconds(self.commits_gap)}, pages after "
            f"{_seconds(self.page_gap)} (slowest {self.slowest:.1f} s, {self.refused} refused); "
            f"booked {_shown(self.booked)}, could not go on {_shown(self.stuck)}; {counts}; "
            f"verifiers {'silent' if self.verified else 'FOUND SOMETHING'}"
        )

    def line(self) -> str:
        lost = "0" if self.kept else ", ".join(f"{n} {_shown(c)}" for n, c in self.counts.items())
        day = datetime.now(UTC).date().isoformat()
        cells = [
            self.fault, self.how, _seconds(self.commits_gap), _seconds(self.page_gap),
            f"{self.slowest:.1f} s; {self.refused}", f"{_shown(self.booked)}; {_shown(self.stuck)}",
            lost, "silent" if self.verified else "found something", day,
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
