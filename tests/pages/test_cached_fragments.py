"""What is made once for everybody stays in its language and can hold nothing of a person."""

import pytest
from django.template import Context, RequestContext, Template, TemplateSyntaxError
from django.test import RequestFactory
from django.utils import translation

LOAD = "{% load i18n cached_fragments %}"


def made(text: str, **values) -> str:
    return Template(LOAD + text).render(Context(values))


def test_once_keeps_a_part_for_each_language():
    template = Template(LOAD + "{% once %}{% translate 'Clinic' %}{% endonce %}")

    pages = []
    for language in ["ko", "en", "ko"]:
        with translation.override(language):
            pages.append(template.render(Context()))

    assert pages == ["접종기관", "Clinic", "접종기관"]


def test_once_keeps_a_part_for_each_value_named():
    template = Template(LOAD + "{% once step=step %}[{{ step }}]{% endonce %}")

    pages = [template.render(Context({"step": step})) for step in [1, 2, 1]]

    assert pages == ["[1]", "[2]", "[1]"]


def test_once_makes_a_part_only_once():
    asked = []
    template = Template(LOAD + "{% once a=1 %}{{ a }}{{ b }}{% endonce %}{{ b }}")

    for _time in range(3):
        template.render(Context({"b": lambda: asked.append("outside")}))

    assert asked == ["outside"] * 3


def test_once_knows_nothing_of_the_request():
    request = RequestFactory().get("/mine/")
    template = Template(LOAD + "{% once %}{{ request.path }}{{ csrf_token }}{% endonce %}")

    assert template.render(RequestContext(request, {"csrf_token": "secret"})) == ""


@pytest.mark.parametrize(
    "inside",
    [
        "{% csrf_token %}",
        "{% block title %}{% endblock %}",
        "{% if a %}{% csrf_token %}{% endif %}",
    ],
)
def test_once_refuses_what_differs(inside):
    with pytest.raises(TemplateSyntaxError, match="not the same for everybody"):
        made("{% once %}" + inside + "{% endonce %}")


def test_once_takes_nothing_but_values():
    with pytest.raises(TemplateSyntaxError, match="name=value"):
        made("{% once step %}{% endonce %}")
