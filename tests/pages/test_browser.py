"""The frame in a real browser: fits a phone, passes axe, obeys the policy, needs no script."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import sync_playwright

from tests.factories import CohortFactory, RoomFactory

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium: set CHROMIUM"),
]


@contextmanager
def browser():
    """Opened after the rows are made: Django refuses the database beside a running event loop."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        try:
            yield chromium
        finally:
            chromium.close()


def campaign():
    CohortFactory(closed=True, name_ko="60–74세")
    RoomFactory(gathering=True)
    CohortFactory()
    CohortFactory(soon=True)


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("language", ["ko", "en"])
def test_home_fits_the_screen_and_passes_axe(live_server, language, width):
    campaign()
    said, outside = [], []

    with browser() as chromium:
        context = chromium.new_context(
            viewport={"width": width, "height": 800}, locale=language, reduced_motion="reduce"
        )
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda r: outside.append(r.url))
        page.goto(live_server.url)
        page.wait_for_load_state("networkidle")
        beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        too_small = page.evaluate(
            "[...document.querySelectorAll('button, a.jari-button')]"
            ".filter(e => e.getBoundingClientRect().height < 44).length"
        )
        heard = list(said)  # axe itself tries inline styles later
        violations = [rule["id"] for rule in Axe().run(page).response["violations"]]

    assert beyond == 0
    assert too_small == 0
    assert heard == []
    assert [url for url in outside if not url.startswith((live_server.url, "data:"))] == []
    assert violations == []


def test_server_clock_ignores_the_clock_of_the_device(live_server):
    with browser() as chromium:
        page = chromium.new_page()
        page.clock.install(time="2031-01-01T00:00:00")
        page.goto(live_server.url)
        page.wait_for_load_state("networkidle")
        page.clock.run_for(1500)
        shown = page.get_attribute("[data-part=time]", "datetime")

    assert shown.endswith("Z")  # written by the script: the page itself gives +09:00
    assert abs(timezone.datetime.fromisoformat(shown) - timezone.now()).total_seconds() < 60


def test_language_changes_without_script(live_server):
    with browser() as chromium:
        page = chromium.new_context(locale="ko", java_script_enabled=False).new_page()
        page.goto(live_server.url)
        before = page.get_attribute("html", "lang")
        page.click("button[lang=en]")
        after = page.get_attribute("html", "lang")

    assert (before, after) == ("ko", "en")


def test_keyboard_reaches_the_content_first(live_server):
    with browser() as chromium:
        page = chromium.new_page()
        page.goto(live_server.url)
        page.keyboard.press("Tab")
        skip = page.evaluate("document.activeElement.getAttribute('href')")
        seen = page.locator(".jari-skip").bounding_box()["y"] >= 0
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        inside = page.evaluate("document.activeElement.closest('main') !== null")

    assert (skip, seen, inside) == ("#main", True, True)
