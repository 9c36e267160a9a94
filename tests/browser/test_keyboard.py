"""The path by the keyboard alone: Tab, Enter and typing."""

import pytest
from playwright.sync_api import Page, expect

from booking.models import Reservation
from eligibility.models import Person
from standing.states import State
from tests.browser.test_booking import clinic_with_times
from tests.eligibility.signing_in import sign_in_context
from tests.standing.scenes import SCENES

MOST_STEPS = 80
FOCUSED = """() => {
    const on = document.activeElement;
    if (on === document.body) return null;
    const shown = getComputedStyle(on);
    return {
        name: on.labels?.[0]?.innerText || on.getAttribute("aria-label") || on.innerText || "",
        field: on.name || "",
        href: on.getAttribute("href") || "",
        seen: shown.outlineStyle !== "none" || shown.boxShadow !== "none",
    };
}"""


def reach(page: Page, text: str) -> None:
    """Tab to what has this text in its name, field or address; each stop shows the focus."""
    passed = []
    for _step in range(MOST_STEPS):
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUSED)
        if found is None:  # past the last stop, in the browser's own frame
            continue
        assert found["seen"], found
        if any(text in found[key] for key in ("name", "field", "href")):
            return
        passed.append(found["name"])
    raise AssertionError(f"{text} is not reached: {passed}")


def press(page: Page, text: str) -> None:
    reach(page, text)
    with page.expect_navigation():
        page.keyboard.press("Enter")


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_time_is_booked_from_the_start_page(new_screen, language):
    clinic_with_times()
    person = SCENES[State.INSIDE]().person
    page = new_screen(language, 360)
    sign_in_context(page.context, page.at, person.pk)
    page.goto(page.at + "/")

    press(page, "/booking/")
    first = page.locator(".jari-slots button").first.inner_text().split("\n")[0]
    press(page, first)
    press(page, {"ko": "예약하기", "en": "Book this"}[language])

    expect(page.locator("h1")).to_contain_text({"ko": "예약", "en": "is booked"}[language])
    assert Reservation.objects.filter(person=person, status="confirmed").exists()


def test_a_person_is_identified(new_screen):
    person = Person.objects.get(pk=SCENES[State.MAY_JOIN]().person.pk)
    page = new_screen("en", 360)
    page.goto(page.at + "/")

    press(page, "/identity/")
    for field, value in [
        ("name", person.name),
        ("birth", f"{person.birth_date:%Y%m%d}"),
        ("phone", person.phone),
    ]:
        reach(page, field)
        page.keyboard.type(value)
    page.keyboard.press("Enter")

    expect(page.locator("input[name=code]")).to_be_visible()
