"""docs/accessibility.md has every item of both standards, and names tests that exist."""

import re
from pathlib import Path

from django.conf import settings

from tests.docs.test_security import exists

PAGE = (Path(settings.BASE_DIR) / "docs/accessibility.md").read_text(encoding="utf-8")
# When, and how it was looked at.
BY_HAND = re.compile(r"by hand, \d{4}-\d\d-\d\d: .{20,}")
# KWCAG 2.2: guideline → its number of items.
KWCAG = {
    "5.1": 1, "5.2": 1, "5.3": 3, "5.4": 4,
    "6.1": 4, "6.2": 2, "6.3": 1, "6.4": 4, "6.5": 4,
    "7.1": 1, "7.2": 2, "7.3": 4,
    "8.1": 1, "8.2": 1,
}  # fmt: skip
WCAG = """
1.1.1 1.2.1 1.2.2 1.2.3 1.2.4 1.2.5 1.3.1 1.3.2 1.3.3 1.3.4 1.3.5 1.4.1 1.4.2 1.4.3 1.4.4 1.4.5
1.4.10 1.4.11 1.4.12 1.4.13 2.1.1 2.1.2 2.1.4 2.2.1 2.2.2 2.3.1 2.4.1 2.4.2 2.4.3 2.4.4 2.4.5 2.4.6
2.4.7 2.4.11 2.5.1 2.5.2 2.5.3 2.5.4 2.5.7 2.5.8 3.1.1 3.1.2 3.2.1 3.2.2 3.2.3 3.2.4 3.2.6 3.3.1
3.3.2 3.3.3 3.3.4 3.3.7 3.3.8 4.1.2 4.1.3
""".split()  # noqa: SIM905 - a list of 55 texts is no easier to read


def rows() -> dict[str, str]:
    """Number of each item → what shows it."""
    found = re.findall(r"^\| (\d[\d.]+) [^|]+ \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE)
    assert len(dict(found)) == len(found)
    return dict(found)


def test_every_item_of_both_standards_has_a_row():
    items = [f"{line}.{number}" for line, count in KWCAG.items() for number in range(1, count + 1)]

    assert (len(items), len(WCAG)) == (33, 55)
    assert list(rows()) == items + WCAG


def test_what_shows_an_item_exists():
    known = rows()

    for item, shown in known.items():
        by_hand = BY_HAND.fullmatch(shown)
        assert by_hand or shown in known or exists(shown.strip("`")), item
