"""The path by the keyboard alone: Tab, Enter and typing."""

import pytest
from django.utils.translation import gettext, override
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
        // Forced colours take away shadows and backgrounds, never outlines.
        seen: shown.outlineStyle !== "none" && parseFloat(shown.outlineWidth) >= 2,
    };
}"""


# Which of the page's nodes has the focus.
STOP = """() => document.activeElement === document.body ? null
    : [...document.querySelectorAll("*")].indexOf(document.activeElement)"""


def reach(page: Page, text: str, *, exact: bool = False) -> None:
    """Tab to what has this text in its name, field or address, or `exact` as its name; each stop
    shows the focus."""
    passed = []
    for _step in range(MOST_STEPS):
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUSED)
        if found is None:  # past the last stop, in the browser's own frame
            continue
        assert found["seen"], found
        if exact and found["name"].strip() == text:
            return
        if not exact and any(text in found[key] for key in ("name", "field", "href")):
            return
        passed.append(found["name"])
    raise AssertionError(f"{text} is not reached: {passed}")


def press(page: Page, text: str, *, exact: bool = False) -> None:
    reach(page, text, exact=exact)
    with page.expect_navigation():
        page.keyboard.press("Enter")


@pytest.mark.parametrize(
    ("language", "width", "colours", "script"),
    [
        ("ko", 360, "active", True),
        ("en", 768, "none", False),
        ("zh-hans", 1280, "active", False),
        ("vi", 360, "none", True),
    ],
)
def test_a_time_is_booked_from_the_start_page(new_screen, language, width, colours, script):
    clinic_with_times()
    person = SCENES[State.INSIDE]().person
    page = new_screen(language, width, script=script)
    page.emulate_media(forced_colors=colours)
    sign_in_context(page.context, page.at, person.pk)
    page.goto(page.at + "/")

    press(page, "/booking/")
    first = page.locator(".jari-slots button").first.inner_text().split("\n")[0]
    press(page, first)
    with override(language):
        book, booked = gettext("Book this"), gettext("Your vaccination is booked")
    press(page, book, exact=True)

    expect(page.locator("h1")).to_have_text(booked)
    assert Reservation.objects.filter(person=person, status="confirmed").exists()


@pytest.mark.parametrize(
    ("state", "address"),
    [
        (State.UNKNOWN, "/identity/"),
        (State.WAITING, "/queue/t/{ticket}/"),
        (State.INSIDE, "/booking/"),
        (State.HELD, "/booking/confirm/"),
        (State.BOOKED, "/family/"),
    ],
)
@pytest.mark.parametrize("key", ["Tab", "Shift+Tab"])
def test_the_keyboard_passes_through_each_page_and_out_of_it(new_screen, state, address, key):
    scene = SCENES[state]()
    page = new_screen("ko", 360)
    if scene.person:
        sign_in_context(page.context, page.at, scene.person.pk)
    page.goto(page.at + address.format(ticket=scene.ticket and scene.ticket.pk))
    page.evaluate("document.querySelectorAll('details').forEach((node) => { node.open = true; })")
    stops = []

    for _step in range(2 * MOST_STEPS):
        page.keyboard.press(key)
        found = page.evaluate(STOP)
        if found is None:
            break
        if found not in stops[-1:]:  # a date has a stop for its day, month and year
            stops.append(found)

    assert found is None  # in the browser's own frame
    assert len(stops) > 8
    assert len(set(stops)) == len(stops)


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


# What tells the marked element from its neighbours, apart from colours and backgrounds.
MARKS = """(selector) => [...document.querySelectorAll(selector)].map((node) => {
    const shown = getComputedStyle(node);
    const lines = ["Top", "Right", "Bottom", "Left"]
        .filter((side) => shown[`border${side}Style`] !== "none")
        .map((side) => side + shown[`border${side}Width`]);
    const outline = shown.outlineStyle === "none" ? "" : shown.outlineWidth;
    return [lines.join(), outline, shown.fontWeight].join(" ");
})"""


@pytest.mark.parametrize(
    ("state", "address", "marked", "others"),
    [
        (State.BOOKED, "/mine/", ".jari-nav [aria-current]", ".jari-nav a:not([aria-current])"),
        (State.INSIDE, "/booking/", ".booking-days [aria-current]", ".booking-days a"),
        (State.INSIDE, "/booking/", ".jari-steps .is-now", ".jari-steps li:not(.is-now)"),
    ],
)
def test_forced_colours_leave_the_mark_of_what_is_current(
    new_screen, state, address, marked, others
):
    clinic_with_times()
    page = new_screen("ko", 820)
    page.emulate_media(forced_colors="active")
    sign_in_context(page.context, page.at, SCENES[state]().person.pk)

    page.goto(page.at + address)
    [of_marked] = page.evaluate(MARKS, marked)
    of_others = page.evaluate(MARKS, f"{others}:not([aria-current])")

    assert len(of_others) >= 2
    assert of_marked not in of_others


@pytest.mark.parametrize("state", [State.WAITING, State.PAUSED, State.CALLED, State.HELD])
def test_forced_colours_leave_a_frame_around_what_a_background_sets_apart(new_screen, state):
    scene = SCENES[state]()
    page = new_screen("ko", 360)
    page.emulate_media(forced_colors="active")
    sign_in_context(page.context, page.at, scene.person.pk)
    blocks = (
        ".jari-badge, .jari-notice, .jari-number, .jari-button, .jari-card, .booking-clock,"
        ".booking-stay"
    )

    for address in ["/mine/", f"/queue/t/{scene.ticket.pk}/", "/booking/confirm/"]:
        page.goto(page.at + address)
        shown = page.evaluate(MARKS, f":is({blocks}):not([hidden] *, [hidden], .text)")
        assert [mark for mark in shown if mark.startswith(" ") and "px" not in mark] == []
