"""Write the table of docs/security.md from docs/asvs.csv: `python -m launcher.asvs`."""

import csv
import re
from collections import Counter
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
# Accepted: not met to the letter, on purpose; the reason says what stands in its place. Out of
# scope: the operator's part, for which the portal has what is named.
STATUSES = ("met", "accepted", "not met", "not applicable", "out of scope")
LISTED = ("not met", "accepted", "out of scope")
BEGIN, END = "<!-- made by launcher/asvs.py -->", "<!-- until here -->"
CHAPTERS = [
    "Encoding",
    "Validation, business logic",
    "Web frontend",
    "API and web service",
    "Files",
    "Authentication",
    "Sessions",
    "Authorization",
    "Self-contained tokens",
    "OAuth and OIDC",
    "Cryptography",
    "Communication",
    "Configuration",
    "Data protection",
    "Architecture",
    "Logging, errors",
    "WebRTC",
]


def requirements() -> list[dict[str, str]]:
    with (DOCS / "asvs.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def table() -> str:
    """Counts of statuses by chapter and level, and what is not met, with the reasons."""
    rows = requirements()
    lines = ["| chapter | " + " | ".join(STATUSES) + " |", "|---|" + "---|" * len(STATUSES)]
    for number, name in enumerate(CHAPTERS, 1):
        own = [row for row in rows if row["id"].startswith(f"{number}.")]
        lines.append(_counts(f"V{number} {name}", own))
    lines += [
        _counts(f"level {level}", [row for row in rows if row["level"] == level])
        for level in ("1", "2")
    ]
    for status in LISTED:
        found = [f"- {row['id']}: {row['reason']}" for row in rows if row["status"] == status]
        lines += ["", f"{status.capitalize()}:", "", *(found or ["- none"])]
    return "\n".join(lines)


def _counts(name: str, rows: list[dict[str, str]]) -> str:
    counts = Counter(row["status"] for row in rows)
    return f"| {name} | " + " | ".join(str(counts[status]) for status in STATUSES) + " |"


def with_table(text: str) -> str:
    """`text` with the table between the two markers replaced."""
    section = f"{BEGIN}\n{table()}\n{END}"
    # By a function: a replacement text would have its backslashes interpreted.
    return re.sub(f"{BEGIN}.*?{END}", lambda _match: section, text, flags=re.DOTALL)


if __name__ == "__main__":
    page = DOCS / "security.md"
    page.write_text(with_table(page.read_text(encoding="utf-8")), encoding="utf-8")
