"""The browser reaches the real stack, and the strict content security policy holds there."""

from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer


def test_the_home_page_opens_without_a_complaint_in_the_console(
    page: Page, live_server: LiveServer
) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    answer = page.goto(f"{live_server.url}/")

    assert answer is not None
    assert answer.status == 200
    assert page.locator("html").get_attribute("lang") == "ko"
    assert page.locator("h1").count() == 1
    assert [line for line in complaints if not line.startswith(("log", "info", "debug"))] == []


def test_the_home_page_is_not_wider_than_a_phone(page: Page, live_server: LiveServer) -> None:
    page.goto(f"{live_server.url}/")

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
