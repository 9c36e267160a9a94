"""Each page of a citizen's path before three engines, in both languages, light and dark."""

import pytest

from standing.states import State
from tests.browser.engines import faults
from tests.eligibility.signing_in import sign_in_context
from tests.factories import CohortFactory, SlotFactory
from tests.standing.scenes import SCENES

PUBLIC = ["/", "/identity/", "/reservations/", "/help/", "/privacy/", "/how/", "/queue/t/offline/"]


def addresses() -> list[tuple[object, list[str]]]:
    """Whose pages, and which."""
    CohortFactory(soon=True)
    waiting, called, inside, held, booked = (
        SCENES[state]()
        for state in (State.WAITING, State.CALLED, State.INSIDE, State.HELD, State.BOOKED)
    )
    clinic = SlotFactory().clinic
    number = booked.person.reservations.get().number
    return [
        (None, PUBLIC),
        (waiting, [f"/queue/t/{waiting.ticket.pk}/", f"/queue/{waiting.ticket.room.cohort.code}/"]),
        (called, [f"/queue/t/{called.ticket.pk}/", "/mine/", "/eligibility/"]),
        (inside, ["/booking/?choose=1", "/booking/", f"/booking/clinics/{clinic.code}/"]),
        (held, ["/booking/confirm/"]),
        (booked, [f"/reservations/{number}/", f"/reservations/{number}/cancel/", "/family/"]),
    ]


@pytest.mark.parametrize(("language", "scheme"), [("ko", "light"), ("en", "dark")])
def test_three_engines_find_nothing_on_the_path(new_screen, language, scheme):
    page = new_screen(language, 360)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    found = {}

    for scene, paths in addresses():
        if scene:
            sign_in_context(page.context, page.at, scene.person.pk)
        for path in paths:
            page.goto(page.at + path)
            if said := faults(page):
                found[path] = said

    assert found == {}


def test_each_engine_would_find_a_fault(page):
    page.set_content('<html><body><img src="x"><input><p style="color:#ccc">pale</p></body></html>')

    engines = {fault.split()[0] for fault in faults(page)}

    assert engines == {"axe", "HTMLCS", "IBM"}
