"""A yes before acting, and a review before entering, as people see them."""

import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from eligibility.models import Person, ProxyRequest
from eligibility.services.reviews import open_review
from tests.eligibility.signing_in import sign_in_context
from tests.factories import PersonFactory, RoomFactory, TicketFactory

WIDTHS = [360, 1280]
# Each page is looked at at every width; between them people press what they see at one.
SCREENS = pytest.mark.parametrize(("language", "width"), [("ko", 360), ("en", 1280)])


def picture(page, name: str) -> None:
    """Kept where JARI_PICTURES says, to be looked at."""
    folder = os.environ.get("JARI_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def looks_right(page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found] == []


def looks_right_at(page, widths, name: str) -> None:
    """The loaded page at each of these widths, with a picture; afterwards it has its own again."""
    size = page.viewport_size
    for width in widths:
        page.set_viewport_size(size | {"width": width})
        looks_right(page)
        picture(page, f"{name}-{width}")
    page.set_viewport_size(size)


@pytest.fixture
def signed(browser, live_server):
    """A browser of somebody, in a language and at a width."""
    contexts = []

    def open_browser(person: Person | None, language: str, width: int):
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            locale={"ko": "ko-KR", "en": "en-GB"}[language],
        )
        contexts.append(context)
        if person:
            sign_in_context(context, live_server.url, person.pk)
        return context.new_page()

    yield open_browser
    for context in contexts:
        context.close()


@SCREENS
def test_asking_and_saying_yes(signed, live_server, language, width):
    child, mother = PersonFactory(name="김자녀"), PersonFactory(name="김어머니")
    page = signed(child, language, width)
    page.goto(f"{live_server.url}/family/")
    page.fill("#id_name", mother.name)
    page.fill("#id_birth_date", f"{mother.birth_date:%Y%m%d}")
    page.fill("#id_phone", "0" + mother.phone.removeprefix("+82"))

    page.locator("#ward button[type=submit], #ward button").first.click()
    waiting = {"ko": "동의를 기다리는 중", "en": "Waiting for their yes"}[language]
    expect(page.get_by_role("heading", name=waiting)).to_be_visible()
    looks_right_at(page, WIDTHS, f"family-waiting-{language}")

    phone = signed(None, language, width)
    phone.goto(live_server.url + reverse("family_answer", args=[ProxyRequest.objects.get().token]))
    looks_right_at(phone, WIDTHS, f"family-answer-{language}")
    phone.locator("button[value=yes]").click()
    said = {"ko": "동의하셨습니다", "en": "You said yes"}[language]
    expect(phone.get_by_role("heading", name=said)).to_be_visible()
    looks_right_at(phone, WIDTHS, f"family-said-yes-{language}")

    page.reload()
    expect(page.get_by_role("heading", name=mother.name)).to_be_visible()
    hers = signed(mother, language, width)
    hers.goto(f"{live_server.url}/family/")
    looks_right_at(hers, WIDTHS, f"family-who-books-for-me-{language}")
    hers.goto(f"{live_server.url}/identity/data/")
    looks_right_at(hers, WIDTHS, f"my-data-{language}")


@SCREENS
def test_a_review_waits_in_the_line(signed, live_server, language, width):
    room = RoomFactory()
    person = PersonFactory(declared=True)
    page = signed(person, language, width)
    page.goto(f"{live_server.url}/eligibility/{room.cohort.code}/review/")
    looks_right_at(page, WIDTHS, f"review-{language}")

    open_review(person=person, cohort=room.cohort, reason="other")
    page.goto(f"{live_server.url}/eligibility/")
    looks_right_at(page, WIDTHS, f"eligibility-under-review-{language}")

    ticket = TicketFactory(room=room, person=person, called=True)
    page.goto(f"{live_server.url}/queue/t/{ticket.pk}/")
    expect(
        page.get_by_text(re.compile("재확인에서 인정되면 바로|as soon as the review")).first
    ).to_be_visible()
    expect(page.locator("#enter button")).to_be_hidden()
    looks_right_at(page, WIDTHS, f"ticket-under-review-{language}")


@SCREENS
def test_the_calculation_is_done_by_the_page_itself(signed, live_server, language, width):
    for _ in range(3):
        Client().post(
            "/identity/", {"name": "김시험", "birth_date": "640512", "phone": "010-0000-1234"}
        )
    for _ in range(3):
        Client().post(
            "/identity/", {"name": "김시험", "birth_date": "640512", "phone": "010-0000-1234"}
        )
    page = signed(None, language, width)
    page.goto(f"{live_server.url}/identity/")
    page.fill("#id_name", "김시험")
    page.fill("#id_birth_date", "19640512")
    page.fill("#id_phone", "010-0000-1234")
    page.locator("#identity .jari-actions button").first.click()
    page.wait_for_load_state()
    picture(page, f"identity-work-{language}-{width}")

    page.wait_for_url("**/identity/code/")
    assert page.locator("#id_code").is_visible()
