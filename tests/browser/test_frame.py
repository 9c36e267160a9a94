"""The frame of every page: fits a phone, passes axe, obeys the policy, needs no script."""

from datetime import datetime

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone

from standing.states import State
from tests.eligibility.signing_in import sign_in_context
from tests.factories import CohortFactory, RoomFactory
from tests.standing.scenes import SCENES


def campaign():
    CohortFactory(closed=True, name_ko="60–74세")
    RoomFactory(gathering=True)
    CohortFactory()
    CohortFactory(soon=True)


TOO_SMALL = """() => [...document.querySelectorAll("button, a.jari-button")]
    .filter((node) => node.getBoundingClientRect().height < 44).map((node) => node.outerHTML)"""


# Opened at one width, looked at at both.
@pytest.mark.parametrize(("language", "width"), [("ko", 360), ("en", 1280)])
def test_home_fits_the_screen_and_passes_axe(live_server, browser, language, width):
    campaign()
    said, outside = [], []

    context = browser.new_context(
        viewport={"width": width, "height": 800}, locale=language, reduced_motion="reduce"
    )
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda r: outside.append(r.url))
    page.goto(live_server.url)
    page.wait_for_load_state("networkidle")
    heard = list(said)  # axe itself tries inline styles later
    faults = []
    for screen in (360, 1280):
        page.set_viewport_size({"width": screen, "height": 800})
        if beyond := page.evaluate("document.documentElement.scrollWidth - innerWidth"):
            faults.append((screen, "scrolls sideways", beyond))
        if small := page.evaluate(TOO_SMALL):
            faults.append((screen, "too small", small))
        faults += [(screen, rule["id"]) for rule in Axe().run(page).response["violations"]]
    context.close()

    assert faults == []
    assert heard == []
    assert [url for url in outside if not url.startswith((live_server.url, "data:"))] == []


def double_letters(page) -> None:
    """Text of 200 %, as a reader's own setting makes it."""
    page.evaluate("""() => {
        const root = document.documentElement;
        root.style.fontSize = `${2 * parseFloat(getComputedStyle(root).fontSize)}px`;
    }""")


# WCAG 1.4.12, as a reader's own sheet sets it.
SPACED = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important;
        word-spacing: .16em !important } p { margin-bottom: 2em !important }`);
    document.adoptedStyleSheets = [sheet];
}"""
# Words in boxes that are too small for them; a box for readers of the screen alone is.
CUT_OFF = """() => [...document.querySelectorAll("main *")].filter((node) => {
    const shown = getComputedStyle(node);
    return shown.overflow === "hidden" && shown.clipPath === "none"
        && node.scrollHeight > node.clientHeight + 1;
}).map(node => node.outerHTML)"""


@pytest.mark.parametrize("language", ["ko", "en"])
def test_large_or_spaced_letters_and_narrow_screens_need_no_sideways_scrolling(
    new_screen, language
):
    RoomFactory(gathering=True)
    booked, inside, waiting = (
        SCENES[state]() for state in (State.BOOKED, State.INSIDE, State.WAITING)
    )
    receipt = f"/reservations/{booked.person.reservations.get().number}/"
    pages = [
        (None, ["/", "/identity/", "/reservations/", "/help/", "/status/"]),
        (booked, ["/", "/mine/", "/eligibility/", f"/queue/t/{booked.ticket.pk}/", receipt]),
        (inside, ["/booking/?choose", "/booking/"]),
        (waiting, [f"/queue/t/{waiting.ticket.pk}/", "/no-page/"]),
    ]
    page = new_screen(language, 360)
    faults = []

    for scene, addresses in pages:
        if scene:
            sign_in_context(page.context, page.at, scene.person.pk)
        for address in addresses:
            page.goto(page.at + address)
            for change in (to_320, space_out, to_360, double_letters):
                change(page)
                beyond = page.evaluate("document.documentElement.scrollWidth > innerWidth")
                if beyond or page.evaluate(CUT_OFF):
                    faults.append((address, change.__name__))

    assert faults == []


def to_320(page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})


def to_360(page) -> None:
    page.evaluate("document.adoptedStyleSheets = []")
    page.set_viewport_size({"width": 360, "height": 740})


def space_out(page) -> None:
    page.evaluate(SPACED)


BROKEN_STEPS = """() => [...document.querySelectorAll(".jari-steps span")].filter(step => {
    const text = step.firstChild, words = [...text.data.matchAll(/\\S+/g)];
    return words.some(word => {
        const range = document.createRange();
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        return range.getClientRects().length > 1;
    });
}).map(step => step.innerText)"""


@pytest.mark.parametrize("language", ["ko", "en", "vi"])
def test_words_stay_whole_and_apart_with_large_letters(new_screen, language):
    inside = SCENES[State.INSIDE]().person
    page = new_screen(language, 600)
    sign_in_context(page.context, page.at, inside.pk)
    page.goto(page.at + "/booking/?choose")
    double_letters(page)
    broken = page.evaluate(BROKEN_STEPS)
    link = "<a class='jari-link' href='#main'>Jung-gu <span lang='ko'>중구</span></a>"
    page.evaluate(f'document.querySelector("main").insertAdjacentHTML("beforeend", "{link}")')

    assert broken == []
    assert page.locator("a.jari-link").last.inner_text() == "Jung-gu 중구"


def test_server_clock_ignores_the_clock_of_the_device(live_server, page):
    page.clock.install(time="2031-01-01T00:00:00")
    page.goto(live_server.url)
    page.wait_for_load_state("networkidle")
    page.clock.run_for(1500)
    shown = page.get_attribute("[data-part=time]", "datetime")

    assert shown.endswith("Z")  # written by the script: the page itself gives +09:00
    assert abs(datetime.fromisoformat(shown) - timezone.now()).total_seconds() < 60


def test_language_changes_without_script(live_server, browser):
    context = browser.new_context(locale="ko", java_script_enabled=False)
    page = context.new_page()
    page.goto(live_server.url)
    before = page.get_attribute("html", "lang")
    page.click(".jari-languages summary")
    page.click("button[lang=en]")
    after = page.get_attribute("html", "lang")
    context.close()

    assert (before, after) == ("ko", "en")


def test_keyboard_reaches_the_content_first(live_server, page):
    page.goto(live_server.url)
    page.keyboard.press("Tab")
    skip = page.evaluate("document.activeElement.getAttribute('href')")
    seen = page.locator(".jari-skip").bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    inside = page.evaluate("document.activeElement.closest('main') !== null")

    assert (skip, seen, inside) == ("#main", True, True)
