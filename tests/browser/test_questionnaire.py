"""The questions before a vaccination on every screen."""

import pytest

from staff.enums import Role
from tests.browser.test_desk import looks_right, sign_in
from vaccination.services.questionnaire_versions import open_draft


@pytest.fixture(params=[("ko", 360), ("en", 820)], ids=str)
def screen(request, live_server, browser):
    language, width = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 1000}, locale=language, reduced_motion="reduce"
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.said = []
    page.on("console", lambda message: page.said.append(message.text))
    page.at = live_server.url
    yield page
    context.close()


def test_the_authoritys_pages_fit_every_screen(screen):
    draft = open_draft(by="staff:1")
    sign_in(screen, role=Role.AUTHORITY)

    for page in ["", "add/", f"{draft.pk}/change/", f"{draft.pk}/edit/"]:
        screen.goto(f"{screen.at}/admin/vaccination/questionnaire/{page}")
        looks_right(screen)
