"""A vaccination on the clinic's tablet: one press, by keyboard, with text of twice the size."""

from datetime import timedelta

import pytest

from booking.rules import day_of
from booking.services.visits import mark_arrived
from messaging.models import Message
from staff.enums import Role
from tests.browser.test_desk import looks_right, sign_in
from tests.factories import PersonFactory, ReservationFactory, SlotFactory, VaccineFactory
from tests.vaccination.factories import LotFactory
from vaccination.models import DoseGiven, Lot, NotDone, Reaction, Recall
from vaccination.services.doses import form_address
from vaccination.services.lots import set_default_lot
from vaccination.services.recalls import write_batch


@pytest.fixture(params=[("ko", 360), ("en", 820)], ids=str)
def screen(request, new_screen):
    return new_screen(*request.param, height=1000)


@pytest.fixture
def visit(clock):
    """Arrived today, at a clinic with a lot of the day."""
    vaccine = VaccineFactory(double=True, name_ko="화이자", name_en="Pfizer")
    slot = SlotFactory(vaccine=vaccine)
    row = ReservationFactory(slot=slot, person=PersonFactory(name="남궁민수"))
    clock.move_to(slot.starts_at + timedelta(minutes=1))
    mark_arrived(reservation=row, by="staff:1")
    lot = LotFactory(clinic=slot.clinic, vaccine=vaccine, number="FA4598")
    set_default_lot(lot=lot, on=day_of(slot.starts_at), by="staff:1")
    return row


def test_one_press_records_it_and_the_day_sheet_shows_it(screen, visit):
    sign_in(screen, role=Role.CLINIC, clinic=visit.slot.clinic)
    screen.goto(f"{screen.at}/admin/booking/reservation/day/")
    looks_right(screen)
    screen.click(".visit-link")
    looks_right(screen)
    assert screen.inner_text("#visit-name") == "남궁민수"
    # Name and birth date are read at arm's length.
    size = "parseFloat(getComputedStyle(document.querySelector('#visit-name')).fontSize)"
    assert screen.evaluate(size) >= 24

    screen.click("button[value=LA]")

    looks_right(screen)
    dose = DoseGiven.objects.get(reservation=visit)
    assert (dose.lot.number, dose.site, dose.identity) == ("FA4598", "LA", "card")
    assert "남궁민수" in screen.inner_text(".messagelist")
    assert screen.locator(f"#reservation-{visit.pk} .status-vaccinated").count() == 1


def test_by_keyboard_alone(screen, visit):
    sign_in(screen, role=Role.CLINIC, clinic=visit.slot.clinic)
    screen.goto(f"{screen.at}{form_address(visit)}")
    screen.focus("#id_lot")

    for _ in range(20):
        screen.keyboard.press("Tab")
        if screen.evaluate("document.activeElement.value") == "RA":
            break
    screen.keyboard.press("Enter")

    screen.wait_for_url("**/day/**")
    assert DoseGiven.objects.get(reservation=visit).site == "RA"


def test_with_text_of_twice_the_size_nothing_is_lost(screen, visit):
    sign_in(screen, role=Role.CLINIC, clinic=visit.slot.clinic)
    screen.goto(f"{screen.at}{form_address(visit)}")
    screen.evaluate("document.documentElement.style.fontSize = '200%'")

    for value in ("LA", "RA", "LT", "RT"):
        box = screen.locator(f"button[value={value}]").bounding_box()
        assert box["width"] > 40
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= screen.viewport_size["width"]


def test_refused_and_reaction_have_pages_of_their_own(screen, visit):
    sign_in(screen, role=Role.CLINIC, clinic=visit.slot.clinic)
    screen.goto(f"{screen.at}{form_address(visit)}not-done/")
    looks_right(screen)
    screen.check("input[value=objection]")
    screen.click(".submit-row input")
    assert NotDone.objects.get().outcome == "refused"

    screen.goto(f"{screen.at}{form_address(visit)}")
    looks_right(screen)
    screen.click("button[value=take_back]")
    screen.click("button[value=LA]")
    screen.goto(f"{screen.at}{form_address(visit)}reaction/")
    looks_right(screen)
    screen.check("input[value=rash]")
    screen.click(".submit-row input")

    looks_right(screen)
    assert Reaction.objects.get().manifestation == "rash"


def test_lots_and_a_recall_fit_every_screen(screen, visit):
    sign_in(screen, role=Role.MANAGER, clinic=visit.slot.clinic)
    lot = LotFactory(clinic=visit.slot.clinic, vaccine=visit.slot.vaccine)

    for address in [
        "/admin/vaccination/lot/add/",
        f"/admin/vaccination/lot/{lot.pk}/change/",
        f"/admin/vaccination/lot/{lot.pk}/waste/",
        "/admin/vaccination/recall/add/",
        f"/admin/vaccination/recall/add/?vaccine={lot.vaccine_id}&number={lot.number}",
    ]:
        screen.goto(f"{screen.at}{address}")
        looks_right(screen)


def test_a_recall_stops_the_lot_and_tells_who_got_it(screen, visit):
    sign_in(screen, role=Role.MANAGER, clinic=visit.slot.clinic)
    screen.goto(f"{screen.at}{form_address(visit)}")
    screen.click("button[value=LA]")
    screen.wait_for_url("**/day/**")
    screen.goto(f"{screen.at}/admin/vaccination/recall/add/")
    screen.select_option("[name=vaccine]", str(visit.slot.vaccine_id))
    screen.fill("[name=number]", "FA4598")
    screen.click(".submit-row input")
    looks_right(screen)
    screen.fill("[name=text_ko]", "이상 반응이 있으면 의료기관에 연락해 주십시오.")
    screen.click(".submit-row input")

    screen.wait_for_url("**/change/")
    looks_right(screen)
    screen.click("a[href$='/people/']")
    looks_right(screen)
    assert "남궁민수" in screen.inner_text("#content table")
    while write_batch(Recall.objects.get().pk):
        pass
    assert Message.objects.get(kind="recall").person_id == visit.person_id
    assert Lot.objects.get(number="FA4598").recalled_at
