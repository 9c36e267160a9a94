"""Pages in a real Chromium, from a live server of the whole stack.

`page` is a phone-sized page; a test takes it and `live_server.url`, and needs no marker."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from launcher.browser import MISSING, find_chromium

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE = {"width": 390, "height": 844}
# For what a test expects to see: 5 are too few on a busy machine. Actions have 30 by default.
PATIENCE_SECONDS = 30


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(scope="session")
def chromium() -> str:
    path = find_chromium()
    if path:
        return path
    if os.environ.get("CI"):
        pytest.fail(MISSING.replace("are skipped", "can't run"))
    pytest.skip(MISSING)


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """Until the tests of this folder are done: Playwright's event loop runs in this thread, and
    Django would take our queries for its own mistake."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        expect.set_options(timeout=PATIENCE_SECONDS * 1000)
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One person's browser; make further ones with `browser.new_context()`."""
    context = browser.new_context(viewport=PHONE, locale="ko-KR", timezone_id="Asia/Seoul")
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def new_screen(live_server, browser):
    """Makes a page of this language and size; what its scripts say is collected in `said`."""
    with ExitStack() as stack:

        def make(language: str, width: int, height: int = 900, *, script: bool = True):
            context = browser.new_context(
                viewport={"width": width, "height": height},
                locale=language,
                reduced_motion="reduce",
                java_script_enabled=script,
            )
            stack.enter_context(context)
            page = context.new_page()
            page.said = []
            page.on("console", lambda message: page.said.append(message.text))
            page.at, page.language, page.width = live_server.url, language, width
            return page

        yield make
