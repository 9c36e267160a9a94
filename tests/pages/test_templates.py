"""How templates are written. The formatter (make fmt) wraps what it can; these hold the rest."""

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = settings.BASE_DIR / "templates"
TEMPLATES = sorted(ROOT.rglob("*.html"))
LONGEST = 120
# Included with the whole context of the page.
OPEN_INCLUDES = {
    # The frame of each page, which knows its request.
    "components/header.html",
    "components/footer.html",
    "admin/components/language.html",
    # A form for a passkey, with the request's token and the address to go on to.
    "admin/components/passkey.html",
    # Django's own parts.
    "admin/app_list.html",
    "admin/includes/fieldset.html",
    # The sections of the ticket's page, in files of their own for their length.
    "waiting_room/components/standing.html",
    "waiting_room/components/keeping.html",
    "waiting_room/components/check.html",
    "page.part",
    "section",
}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_has_short_lines_and_named_ends_of_blocks(path: Path) -> None:
    text = path.read_text()

    long = [number for number, line in enumerate(text.splitlines(), 1) if len(line) > LONGEST]
    ends = re.findall(r"{% endblock( \w[\w-]*)? %}", text)

    assert long == []
    assert "" not in ends


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_component_sees_only_what_it_is_given(path: Path) -> None:
    includes = re.findall(r"{% include (\S+)(.*?)%}", path.read_text())

    open_includes = {name.strip("\"'") for name, values in includes if "only" not in values.split()}

    assert open_includes - OPEN_INCLUDES == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_component_with_a_form_is_given_the_token_of_the_request(path: Path) -> None:
    """Else its form is refused in a browser, and accepted by the client of most tests."""
    includes = re.findall(r'{% include "(\S+)"(.*?)%}', path.read_text())

    without = {
        name
        for name, values in includes
        if "only" in values.split()
        and "csrf_token=" not in values
        and (ROOT / name).exists()
        and "csrf_token" in (ROOT / name).read_text()
    }

    assert without == set()
