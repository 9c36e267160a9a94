"""Booking for somebody else in two tabs, and both doses together, as people see them."""

from datetime import timedelta

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from booking.models import Reservation
from booking.services.confirmations import confirm_hold
from booking.services.holds import hold_slot
from eligibility.models import Proxy
from tests.browser.test_desk import sticks_out
from tests.browser.test_family import looks_right, looks_right_at, picture
from tests.browser.test_frame import double_letters
from tests.eligibility.signing_in import sign_in_context
from tests.factories import (
    AdmissionFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    VaccineFactory,
)

NAMED = {"ko-KR": "김영희님을 대신해 예약 중입니다", "en-GB": "You are booking for 김영희"}
WIDTHS = [360, 820, 1280]
# Each page is looked at at every width; between them people press what they see at one.
SCREENS = pytest.mark.parametrize(("language", "width"), [("ko-KR", 360), ("en-GB", 1280)])


@pytest.fixture
def mother():
    """Inside, with a son who may act for her."""
    admission = AdmissionFactory(person=PersonFactory(name="김영희"))
    son = AdmissionFactory().ticket.person
    Proxy.objects.create(person=admission.ticket.person, by=son, shows_earlier=True)
    return admission.ticket.person


def stays_in_sight(page, band) -> None:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        expect(band).to_be_in_viewport()
        page.evaluate("window.scrollTo(0, 0)")
    page.set_viewport_size({"width": page.width, "height": 900})


def fits_in_large_letters(page, name: str) -> None:
    double_letters(page)
    for width in WIDTHS:
        assert not sticks_out(page, width), width
        picture(page, f"{name}-{width}")
    page.set_viewport_size({"width": page.width, "height": 900})


@SCREENS
def test_the_name_stays_in_sight_on_the_way_to_the_receipt(
    new_screen, live_server, mother, language, width
):
    for hours in range(8):
        SlotFactory(starts_at=SlotFactory().starts_at + timedelta(hours=hours))
    page = new_screen(language, width)
    sign_in_context(page.context, live_server.url, mother.proxies.get().by_id)
    page.goto(f"{live_server.url}/family/")
    page.locator('form[action$="/act/"] button').click()
    band = page.locator(".jari-for")
    expect(band).to_contain_text(NAMED[language])

    for name in ("own_place", "booking"):
        page.goto(live_server.url + reverse(name))
        stays_in_sight(page, band)
        looks_right_at(page, WIDTHS, f"acting-{name}-{language}")
    page.locator('button[name="slot"]').first.click()
    expect(band).to_contain_text(NAMED[language])
    looks_right_at(page, WIDTHS, f"acting-confirm-{language}")
    fits_in_large_letters(page, f"acting-confirm-200-{language}")
    page.locator('.booking-press button[form="confirm"]').click()
    expect(page.locator(".booking-number")).to_be_visible()
    expect(band).to_contain_text(NAMED[language])
    picture(page, f"acting-receipt-{language}-{width}")
    assert Reservation.objects.get().person == mother
    assert page.said == []


@pytest.mark.parametrize("language", NAMED)
def test_an_old_tab_books_for_nobody(new_screen, live_server, mother, language):
    SlotFactory()
    tab = new_screen(language, 360)
    sign_in_context(tab.context, live_server.url, mother.proxies.get().by_id)
    tab.goto(f"{live_server.url}/family/")
    tab.locator('form[action$="/act/"] button').click()
    tab.goto(f"{live_server.url}/booking/")
    other = tab.context.new_page()
    other.goto(f"{live_server.url}/mine/")
    other.locator(".jari-for button").click()
    expect(other.locator(".jari-for")).to_have_count(0)

    tab.locator('button[name="slot"]').first.click()

    said = {"ko-KR": "처리하지 않았습니다", "en-GB": "Nothing was done"}[language]
    expect(tab.get_by_role("heading", name=said)).to_be_visible()
    expect(tab.locator("main")).to_contain_text("김영희")
    looks_right(tab)
    picture(tab, f"made-for-another-{language}")
    assert not Reservation.objects.exists()
    tab.locator('form[action$="/act/"] button').click()
    expect(tab.locator(".jari-for")).to_contain_text(NAMED[language])


@SCREENS
def test_both_doses_move_together(new_screen, live_server, language, width):
    vaccine = VaccineFactory(double=True)
    admission = AdmissionFactory()
    person = admission.ticket.person
    first = SlotFactory(vaccine=vaccine)
    later = [
        SlotFactory(
            clinic=first.clinic, vaccine=vaccine, starts_at=first.starts_at + timedelta(days=days)
        )
        for days in (28, 30, 58)
    ]
    key = hold_slot(
        person_id=person.pk,
        slot_id=first.pk,
        second_id=later[0].pk,
        admission_id=admission.pk,
    )
    booked = confirm_hold(person_id=person.pk, key=key)
    page = new_screen(language, width)
    sign_in_context(page.context, live_server.url, person.pk)
    page.goto(live_server.url + reverse("change", args=[booked[0].number]))
    looks_right_at(page, WIDTHS, f"change-one-{language}")
    page.locator('main a[href$="/change/both/"]').click()
    page.wait_for_url("**/change/both/")
    page.locator(f'a[href*="date={later[1].starts_at:%Y-%m-%d}"]').first.click()
    button = page.locator(f'button[name="slot"][value="{later[1].pk}"]')
    expect(button).to_be_visible()
    looks_right_at(page, WIDTHS, f"change-both-{language}")
    fits_in_large_letters(page, f"change-both-200-{language}")
    button.click()
    expect(page.locator(".booking-number")).to_be_visible()
    picture(page, f"changed-both-{language}-{width}")

    slots = Reservation.objects.order_by("dose").values_list("slot_id", flat=True)
    assert list(slots) == [later[1].pk, later[2].pk]


@SCREENS
def test_two_people_book_side_by_side(new_screen, live_server, mother, language, width):
    slot = SlotFactory(capacity=2)
    page = new_screen(language, width)
    sign_in_context(page.context, live_server.url, mother.proxies.get().by_id)
    page.goto(f"{live_server.url}/family/")
    looks_right_at(page, WIDTHS, f"family-both-{language}")
    page.locator('main a[href^="/booking/together/"]').click()
    button = page.locator(f'button[name="slot"][value="{slot.pk}"]')
    expect(button).to_be_visible()
    looks_right_at(page, WIDTHS, f"together-{language}")
    button.click()
    page.wait_for_url("**/confirm/")
    expect(page.locator("main")).to_contain_text("김영희")
    looks_right_at(page, WIDTHS, f"together-confirm-{language}")
    fits_in_large_letters(page, f"together-confirm-200-{language}")
    page.locator('.booking-press button[form="confirm"]').click()

    said = {"ko-KR": "모두 예약되었습니다", "en-GB": "All of you are booked"}[language]
    expect(page.get_by_role("heading", name=said)).to_be_visible()
    looks_right_at(page, WIDTHS, f"together-booked-{language}")
    assert list(Reservation.objects.values_list("status", flat=True)) == ["confirmed"] * 2
    assert page.said == []


@pytest.mark.parametrize("language", NAMED)
def test_day_and_place_are_copied_without_the_number(new_screen, live_server, language):
    reservation = ReservationFactory()
    page = new_screen(language, 360)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in_context(page.context, live_server.url, reservation.person_id)
    page.goto(live_server.url + reverse("reservation", args=[reservation.number]))
    page.locator('main a[href$="/share/"]').click()
    page.locator("[data-copy]").click()

    said = {"ko-KR": "복사했습니다", "en-GB": "Copied"}[language]
    expect(page.locator("[data-said]")).to_have_text(said)
    text = page.evaluate("navigator.clipboard.readText()")
    assert reservation.slot.clinic.name in text
    assert reservation.number not in text
    looks_right(page)
    picture(page, f"share-{language}")
