"""How templates are written. The formatter (make fmt) wraps what it can; these hold the rest."""

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = settings.BASE_DIR / "templates"
TEMPLATES = sorted(ROOT.rglob("*.html"))
LONGEST = 120


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_has_short_lines_and_named_ends_of_blocks(path: Path) -> None:
    text = path.read_text()

    long = [number for number, line in enumerate(text.splitlines(), 1) if len(line) > LONGEST]
    ends = re.findall(r"{% endblock( \w[\w-]*)? %}", text)

    assert long == []
    assert "" not in ends
