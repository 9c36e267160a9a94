"""Widgets of forms that browsers draw."""

from datetime import date
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.translation import override

from web.inputs import DayInput


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
def test_a_browsers_calendar_gets_its_own_format_in_every_language(language):
    with override(language):
        html = DayInput().render("day", date(2026, 11, 30))

    assert 'type="date"' in html
    assert 'value="2026-11-30"' in html


def test_there_is_one_calendar():
    root = Path(settings.BASE_DIR)
    others = [
        str(path.relative_to(root))
        for path in root.glob("*/**/*.py")
        if path.parts[len(root.parts)] not in {".venv", "tests", "web", "var"}
        and "forms.DateInput" in path.read_text(encoding="utf-8")
    ]

    assert others == []
