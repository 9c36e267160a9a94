"""Every state in every language, width, size of letters and colours, with and without script.

A page is loaded once; screen, letters and colours change on the loaded page.
"""

from datetime import date, timedelta
from pathlib import Path
from pprint import pformat

import pytest
from playwright.sync_api import Page

from booking.models import Clinic, Offer, Vaccine
from eligibility.models import Cohort, Person
from standing.states import State
from tests.clock import clock
from tests.eligibility.signing_in import sign_in_context
from tests.factories import SlotFactory
from tests.standing.contradictions import as_seen, contradictions, main_actions
from tests.standing.scenes import SCENES, Scene

LANGUAGES = ["ko", "en", "zh-hans", "vi"]
HEIGHTS = {360: 740, 768: 1024, 1280: 800}
PHONE = 360
SIZES = [(width, large) for width in HEIGHTS for large in (False, True)]
COLOURS = {
    "light": {"color_scheme": "light", "forced_colors": "none"},
    "dark": {"color_scheme": "dark", "forced_colors": "none"},
    "forced": {"color_scheme": "light", "forced_colors": "active"},
}
LAYOUT = (Path(__file__).parent / "layout.js").read_text(encoding="utf-8")
CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")
# What is not painted becomes `hidden`, which `as_seen` leaves out.
HIDE = """() => document.querySelectorAll("body *").forEach((node) => {
    if (!node.checkVisibility({ visibilityProperty: true })) node.hidden = true;
})"""
AT_A_PLACE = {State.WAITING, State.PAUSED, State.STILL, State.GATHERED, State.CALLED, State.DOOR}
OTHER_PAGES = {
    State.INSIDE: "/booking/",
    State.HELD: "/booking/confirm/",
    State.SECOND_MISSING: "/booking/second/",
    State.ON_LIST: "/booking/list/",
    State.UNKNOWN: "/identity/",
}
RECEIPT = {State.BOOKED, State.CANCELLED, State.DONE}
# The longest names that clinics and vaccines have.
LONG = {
    "name": "가톨릭대학교 인천성모병원 코로나19 예방접종센터",
    "name_en": "Incheon St. Mary's Hospital of the Catholic University of Korea",
}


def everybody() -> dict[State, Scene]:
    """A person in each state, born on a day of their own: no line but theirs is open for them."""
    scenes = {}
    # The offer first: it goes to the first on the list.
    for year, state in enumerate(sorted(State, key=lambda s: s != State.OFFER), start=1930):
        before, born = set(Cohort.objects.values_list("pk", flat=True)), date(year, 5, 12)
        scenes[state] = SCENES[state]()
        Cohort.objects.exclude(pk__in=before).update(birth_from=born, birth_to=born)
        if scenes[state].person:
            Person.objects.filter(pk=scenes[state].person.pk).update(birth_date=born)
    for days in range(3, 20):
        SlotFactory(starts_at=clock.now() + timedelta(days=days))
    Clinic.objects.update(**LONG)
    Vaccine.objects.update(name_ko="코로나19 모더나 스파이크박스", name_en="Moderna Spikevax")
    return scenes


def pages_of(state: State, scene: Scene) -> list[str]:
    """The own place, and the page on which the person acts."""
    pages = ["/mine/" if scene.person else "/"]
    if state in AT_A_PLACE:
        pages.append(f"/queue/t/{scene.ticket.pk}/")
    elif state in RECEIPT:
        pages.append(f"/reservations/{scene.person.reservations.get().number}/")
    elif state == State.OFFER:
        pages.append(f"/offers/{Offer.objects.get().token}/")
    else:
        pages.append(OTHER_PAGES.get(state, "/eligibility/"))
    return pages


def looks(page: Page, *, sizes: list[tuple[int, bool]]) -> list[tuple[object, ...]]:
    """What is broken on the loaded page at these widths, with or without large letters."""
    found = []
    for width, large in sizes:
        page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        # Something sticks to the edges of a phone alone.
        options = {"large": large, "stops": width == PHONE}
        faults = page.evaluate(LAYOUT, options)
        found += [(width, "200 %" if large else "100 %", fault) for fault in faults]
    return found


def colours(page: Page) -> list[tuple[object, ...]]:
    found = []
    for name, media in COLOURS.items():
        page.emulate_media(**media)
        found += [(name, fault) for fault in page.evaluate(CONTRAST)]
    # Frames are wider in forced colours.
    page.set_viewport_size({"width": PHONE, "height": HEIGHTS[PHONE]})
    found += [("forced", fault) for fault in page.evaluate(LAYOUT, {"large": True, "stops": True})]
    page.emulate_media(**COLOURS["light"])
    return found


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_is_whole_and_says_one_thing(new_screen, language, script):
    clock.freeze()  # a line in which nobody is called would stand still
    page = new_screen(language, 360, script=script)
    broken = {}

    for state, scene in everybody().items():
        page.context.clear_cookies()
        if scene.person:
            sign_in_context(page.context, page.at, scene.person.pk)
        for address in pages_of(state, scene):
            page.goto(page.at + address)
            faults = looks(page, sizes=SIZES)
            if script:  # which changes no colour
                faults += colours(page)
            page.evaluate(HIDE)
            seen = as_seen(page.content(), script=script)
            own = address == "/mine/"
            faults += contradictions(seen, state, language, names=own)
            if own and len(main_actions(seen)) != 1:
                faults.append(f"main actions: {main_actions(seen)}")
            if faults:
                broken[state, address] = faults

    assert not broken, pformat(broken, width=150)
    assert page.said == []


BROKEN = """
<main style="position: relative; margin: 0; font-size: 20px">
  <h1>A heading</h1>
  <p style="position: absolute; left: 300px; width: 200px; margin: 0">Beyond the edge</p>
  <p style="margin-top: 40px">One text</p><p style="margin: -44px 0 0">Another over it</p>
  <p style="height: 9px; overflow: hidden">Cut off</p>
  <textarea rows="1" style="width: 60px">Lines that are not seen</textarea>
  <p style="width: 30px">Unbreakable</p><p style="width: 90px">010-1234-5678</p>
  <p style="color: #ccc">Pale</p><input style="border: 1px solid #ddd">
  <button style="outline: none">No ring</button>
  <div style="position: fixed; inset: 0 0 auto; height: 320px; z-index: 1">
    <button>Stuck</button>
  </div>
  <a href="#x" style="position: absolute; top: 9px">Below what is stuck</a>
</main>
"""


def test_each_fault_would_be_found(page):
    page.set_viewport_size({"width": PHONE, "height": HEIGHTS[PHONE]})
    page.set_content(BROKEN)

    found = page.evaluate(LAYOUT, {"large": False, "stops": True}) + page.evaluate(CONTRAST)

    wanted = [
        'scrolls sideways', 'leaves the screen: p "Beyond the edge"',
        'p "Another over it" lies over p "One text"', 'is cut off: p "Cut off"',
        'is cut off: textarea', 'sticks out of its box: p "Unbreakable"',
        'takes the screen: div "Stuck"', 'lies over the heading: div "Stuck"',
        'has the focus out of sight: a "Below what is stuck"',
        'does not show its focus: button "No ring"', "rgb(204, 204, 204) on 255,255,255: Pale",
        "edge 221,221,221 on 255,255,255: input",
    ]  # fmt: skip
    missing = [text for text in wanted if not any(fault.startswith(text) for fault in found)]
    assert missing == [], found
