"""The guard against unknown variables finds them, and lets pass what may be missing."""

import pytest
from django.template import Context, Engine, Origin, Template

from tests.unknown_variables import TEMPLATES, UnknownVariable


def render(text: str, name: str = "booking/page.html", **values: object) -> str:
    engine = Engine.get_default()
    origin = Origin(f"{TEMPLATES}/{name}", template_name=name)
    return Template(text, origin=origin, name=name, engine=engine).render(Context(values))


@pytest.mark.parametrize(
    "text",
    [
        "{{ nothing }}",
        "{{ nothing|upper }}",
        "{{ page.nothing }}",
        "{% if nothing %}a{% endif %}",
        "{% for one in nothing %}a{% endfor %}",
        "{% if page.nothing %}a{% endif %}",
        "{% load i18n %}{% blocktranslate %}For {{ nothing }}{% endblocktranslate %}",
        '{% include "components/button.html" with label=nothing only %}',
    ],
)
def test_an_unknown_variable_fails(text: str) -> None:
    with pytest.raises(UnknownVariable, match="nothing"):
        render(text, page=range(3))


@pytest.mark.parametrize(
    ("text", "name", "shown"),
    [
        ("{{ nothing|default:1 }}", "booking/page.html", "1"),
        ("{% if numbers.nothing %}a{% endif %}", "booking/page.html", ""),
        ("{% if nothing %}a{% endif %}", "booking/components/part.html", ""),
        ("{{ numbers.one }}", "booking/page.html", "1"),
    ],
)
def test_what_may_be_missing_passes(text: str, name: str, shown: str) -> None:
    assert render(text, name, numbers={"one": 1}) == shown


def test_a_component_must_know_what_it_prints() -> None:
    with pytest.raises(UnknownVariable, match="nothing"):
        render("{{ nothing }}", "booking/components/part.html")
