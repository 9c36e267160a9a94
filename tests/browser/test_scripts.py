"""The checks of the pages, case by case: of proofs (tlog_cases) and of draws (draw_rule_cases)."""

from pathlib import Path

import pytest
from django.conf import settings

from tests.browser import draw_rule_cases, tlog_cases


@pytest.fixture
def judge(context):
    """Runs cases in a page of its own, on a secure origin without any server."""
    folder = Path(settings.BASE_DIR) / "static" / "jari"
    context.route(
        "http://localhost/", lambda route: route.fulfill(body="", content_type="text/html")
    )
    context.route(
        "http://localhost/*.js",
        lambda route: route.fulfill(
            path=folder / route.request.url.rsplit("/", 1)[1], content_type="text/javascript"
        ),
    )
    page = context.new_page()
    page.goto("http://localhost/")
    return page.evaluate


@pytest.mark.parametrize("cases", [tlog_cases, draw_rule_cases], ids=["proofs", "draws"])
def test_each_forgery_is_called_by_its_name(judge, cases):
    assert len(cases.CASES) > 50
    assert cases.wrong_answers(lambda given: judge(cases.JUDGE, given)) == []
