"""Booking in a real Chromium: without script, on a phone, through axe, and nothing typed lost."""

import re
from datetime import time, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core import signing
from django.utils import timezone
from django.utils.translation import gettext, override
from playwright.sync_api import expect

from booking.models import Clinic, Offer, Reservation, Slot
from booking.services.changes import cancel_reservation
from booking.services.offers import Preferences, join_list
from eligibility.sessions import _SALT, COOKIE
from tests.browser.test_desk import WIDTHS, sticks_out
from tests.browser.test_frame import double_letters
from tests.browser.test_matrix import LONG
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    ReservationFactory,
    SlotFactory,
    VaccineFactory,
)


def enter(context, live_server, language="en"):
    """Give this browser to somebody who was called and entered."""
    admission = AdmissionFactory()
    stamp = int(timezone.now().timestamp())
    value = signing.dumps([admission.ticket.person_id, stamp, 0], salt=_SALT)
    context.add_cookies(
        [
            {"name": COOKIE, "value": value, "url": live_server.url},
            {"name": "jari_language", "value": language, "url": live_server.url},
        ]
    )
    return admission


def clinic_with_times() -> Slot:
    vaccine = VaccineFactory(double=True, name_en="Two", name_ko="두번백신")
    VaccineFactory(name_en="One", name_ko="한번백신")
    first = SlotFactory(vaccine=vaccine, clinic=ClinicFactory(name="서울바른이비인후과의원"))
    for days in range(1, 40):
        SlotFactory(
            clinic=first.clinic, vaccine=vaccine, starts_at=first.starts_at + timedelta(days=days)
        )
    SlotFactory(full=True, clinic=ClinicFactory(district="송파구"))
    return first


def test_a_booking_without_script(browser, live_server):
    slot = clinic_with_times()
    context = browser.new_context(java_script_enabled=False, locale="en")
    enter(context, live_server)
    page = context.new_page()

    page.goto(live_server.url + "/booking/")
    page.locator(".jari-slots button").first.click()
    page.get_by_role("button", name="Ten more minutes").click()
    page.get_by_role("button", name="Book this").click()
    heading = page.locator("h1").inner_text()
    context.close()

    assert heading == "Your vaccination is booked"
    booked = Reservation.objects.filter(status="confirmed").order_by("dose")
    assert [one.dose for one in booked] == [1, 2]
    assert (booked[0].slot_id, booked[0].extensions) == (slot.pk, 1)


def test_a_receipt_of_two_doses_fits_one_sheet_of_paper(page, context, live_server):
    clinic_with_times()
    Clinic.objects.update(**LONG)
    enter(context, live_server, "vi")
    page.goto(live_server.url + "/booking/")
    page.locator(".jari-slots button").first.click()
    page.locator(".booking-press button").click()
    page.wait_for_url("**/reservations/**")

    paper = page.pdf(format="A4", margin=dict.fromkeys(["top", "right", "bottom", "left"], "15mm"))

    assert page.locator(".booking-other").count() == 1
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1


def test_typing_outlives_reload_language_and_back(context, live_server):
    clinic_with_times()
    enter(context, live_server)
    page = context.new_page()
    page.goto(live_server.url + "/booking/")
    page.locator(".jari-slots button").first.click()
    page.check("input[value=email]")
    page.fill("input[name=email]", "me@example.org")
    seen = []

    page.reload()
    seen.append(page.input_value("input[name=email]"))
    page.locator(".jari-languages summary").click()
    page.get_by_role("button", name="한국어").click()
    page.wait_for_selector("html[lang=ko]")
    seen.append(page.input_value("input[name=email]"))
    page.goto(live_server.url + "/booking/")
    page.go_back()
    seen.append(page.input_value("input[name=email]"))

    assert seen == ["me@example.org"] * 3
    assert page.is_checked("input[value=email]")


def test_the_clock_of_a_hold_counts_down_and_warns(page, context, live_server):
    clinic_with_times()
    enter(context, live_server)
    page.clock.install()
    page.goto(live_server.url + "/booking/")
    page.locator(".jari-slots button").first.click()
    page.wait_for_selector(".booking-left")
    shown = page.locator(".booking-left").inner_text()
    quiet = page.locator(".booking-warning").inner_text()
    page.clock.run_for(8.5 * 60 * 1000)
    soon = page.locator(".booking-warning").inner_text()

    assert shown.startswith(("9 min", "10 min"))
    assert quiet == ""
    assert soon == "Less than two minutes left. Extend the time, or confirm."


def test_the_stay_counts_down_on_the_page(page, context, live_server):
    clinic_with_times()
    enter(context, live_server)

    page.goto(live_server.url + "/booking/")

    left = page.locator(".booking-stay-left")
    expect(left).to_be_visible()
    expect(left).not_to_have_text(left.inner_text())


def test_when_the_time_has_run_out_there_is_one_thing_to_press(page, context, live_server):
    clinic_with_times()
    enter(context, live_server)
    page.clock.install()
    page.goto(live_server.url + "/booking/")
    page.locator(".jari-slots button").first.click()
    page.wait_for_selector(".booking-left")
    page.get_by_role("button", name="Book this").focus()

    page.clock.run_for(10.5 * 60 * 1000)

    assert page.locator(".booking-warning").inner_text() == (
        "The time has run out. Choose a time again."
    )
    pressable = page.locator("main").locator("button, a.jari-button").all()
    assert [one.inner_text() for one in pressable if one.is_visible()] == [
        "See whether it is still open"
    ]
    # Whoever stood on a button that went away stands on the one that came.
    assert page.evaluate("document.activeElement.innerText") == "See whether it is still open"
    assert page.url.endswith(page.get_attribute("[data-after]", "href"))


def test_the_address_is_asked_only_of_whoever_wants_an_email(page, context, live_server):
    clinic_with_times()
    enter(context, live_server)
    page.goto(live_server.url + "/booking/")
    page.locator(".jari-slots button").first.click()
    page.wait_for_load_state("load")  # what moves meanwhile would take the click
    address = page.locator("input[name=email]")

    before = address.is_visible()
    page.check("input[value=email]")
    chosen = address.is_visible()
    page.fill("input[name=email]", "me@")
    page.get_by_role("button", name="Book this").click()
    page.wait_for_selector(".jari-summary")
    page.check("input[value=sms]")
    wrong = address.is_visible()
    page.get_by_role("button", name="Book this").click()
    page.wait_for_url("**/reservations/**")

    assert (before, chosen) == (False, True)
    # What is wrong with it can be seen, whatever is chosen; who wants none need not mend it.
    assert wrong


def test_on_a_phone_the_button_that_books_is_in_sight_and_hides_no_focus(browser, live_server):
    clinic_with_times()
    context = browser.new_context(viewport={"width": 360, "height": 640}, locale="en")
    enter(context, live_server)
    page = context.new_page()
    page.goto(live_server.url + "/booking/")
    page.locator(".jari-slots button").first.click()
    page.wait_for_selector(".booking-press")
    page.wait_for_load_state("networkidle")

    button = page.get_by_role("button", name="Book this").bounding_box()
    below = []
    page.locator("main").focus()
    while page.evaluate("document.activeElement.closest('main') !== null"):
        page.keyboard.press("Tab")
        below.append(
            page.evaluate(
                """() => {
                  const one = document.activeElement;
                  const bar = document.querySelector(".booking-press");
                  if (!one.closest("main") || bar.contains(one)) return false;
                  return one.getBoundingClientRect().bottom > bar.getBoundingClientRect().top
                    && one.getBoundingClientRect().top < bar.getBoundingClientRect().bottom;
                }"""
            )
        )
    context.close()

    assert button["y"] + button["height"] <= 640
    assert (len(below) > 4, any(below)) == (True, False)


@pytest.mark.parametrize(
    ("language", "width"), [("ko", 360), ("en", 1280), ("zh-hans", 1280), ("vi", 360)]
)
def test_every_page_fits_the_screen_and_passes_axe(live_server, browser, language, width):
    slot = clinic_with_times()
    size = {"width": width, "height": 800}
    context = browser.new_context(viewport=size, locale=language, reduced_motion="reduce")
    enter(context, live_server, language)
    page = context.new_page()
    faults, said = {}, []
    page.on("console", lambda message: said.append(message.text))

    def look(name):
        page.wait_for_load_state("networkidle")
        beyond = [other for other in WIDTHS if sticks_out(page, other)]
        double_letters(page)
        beyond += [(other, "large") for other in WIDTHS if sticks_out(page, other)]
        page.evaluate("document.documentElement.style.fontSize = ''")
        page.set_viewport_size(size)
        heard = [text for text in said if "Failed to load resource" not in text]
        rules = [rule["id"] for rule in Axe().run(page).response["violations"]]
        said.clear()
        if beyond or rules or heard:
            faults[name] = (beyond, rules, heard)

    for name, path in [
        ("list", "/booking/"),
        ("regions", "/booking/?choose=1"),
        ("districts", "/booking/?region=서울특별시"),
        ("wishes", "/wishes/"),
        ("narrowed", "/booking/?near=강남구&part=morning&weekday=1&date=2021-07-12"),
        ("sold out", "/booking/?region=서울특별시&district=송파구"),
        ("wait", "/booking/list/"),
        ("lookup", "/reservations/"),
        ("clinic", f"/booking/clinics/{slot.clinic.code}/"),
    ]:
        page.goto(live_server.url + path)
        look(name)
    page.locator(".jari-slots button").first.click()
    page.wait_for_url("**/confirm/")
    look("confirm")
    page.goto(live_server.url + "/booking/second/")
    look("second")
    page.goto(live_server.url + f"/booking/clinics/{slot.clinic.code}/")
    Slot.objects.filter(pk=slot.pk).update(capacity=1)
    lost = Slot.objects.filter(clinic=slot.clinic).order_by("starts_at")[1]
    page.goto(
        live_server.url + f"/booking/clinics/{slot.clinic.code}/?date="
        f"{timezone.localtime(lost.starts_at).date()}"
    )
    Slot.objects.filter(pk=lost.pk).update(capacity=0)
    page.locator(".jari-slots button").first.click()
    look("lost")
    Slot.objects.filter(pk__in=[slot.pk, lost.pk]).update(capacity=10)
    page.goto(live_server.url + "/booking/confirm/")
    with override(language):
        book = gettext("Book this")
    page.get_by_role("button", name=book).click()
    page.wait_for_url("**/reservations/**")
    receipt = page.url
    look("receipt")
    for name, path in [("history", "?history=1"), ("change", "change/"), ("cancel", "cancel/")]:
        page.goto(receipt + path)
        look(name)
    page.locator("form[action$='/cancel/'] button").click()
    page.wait_for_url(receipt)
    look("cancelled")
    page.goto(live_server.url + "/booking/confirm/")
    look("nothing held")
    context.close()

    assert faults == {}


def test_an_offer_is_answered_from_the_message(live_server, page):
    reservation = ReservationFactory(slot=SlotFactory(capacity=1))
    waiting = AdmissionFactory()
    today = timezone.localdate()
    join_list(
        person_id=waiting.ticket.person_id,
        admission_id=waiting.pk,
        dose=1,
        preferences=Preferences(
            places=["d:서울특별시/강남구"],
            dates=(today, today + timedelta(days=9)),
            hours=(time(0), time(23, 59)),
        ),
    )
    cancel_reservation(reservation=reservation, by="citizen")

    page.goto(f"{live_server.url}/offers/{Offer.objects.get().token}/")
    violations = [rule["id"] for rule in Axe().run(page).response["violations"]]
    page.locator("form[action*='/offers/'] button").first.click()
    expect(page.locator("h1")).to_have_text("예방접종이 예약되었습니다")

    assert violations == []
    assert "/offers/" in page.url  # it opens no reservation for whoever has the address


def test_the_finder_answers_without_a_reload_and_keeps_the_position_to_itself(context, live_server):
    slot = clinic_with_times()
    enter(context, live_server)
    context.grant_permissions(["geolocation"])
    context.set_geolocation({"latitude": 37.51, "longitude": 127.11})  # 송파구
    page = context.new_page()
    page.goto(live_server.url + "/booking/")
    page.evaluate("window.stays = true")
    asked = []
    page.on("request", lambda request: asked.append(request.url))

    page.locator(".booking-days a").nth(2).click()
    expect(page.locator(".booking-days a").nth(2)).to_have_attribute("aria-current", "date")
    third = page.url
    page.go_back()
    expect(page.locator(".booking-days a").nth(0)).to_have_attribute("aria-current", "date")
    page.go_forward()
    expect(page.locator(".booking-days a").nth(2)).to_have_attribute("aria-current", "date")
    assert page.url == third
    page.get_by_text("Search and filter").click()
    page.get_by_label("Afternoon").or_(page.locator("select[name=part]")).first.focus()
    page.select_option("select[name=part]", "morning")
    expect(page).to_have_url(re.compile("part=morning"))
    expect(page.locator(".booking-search")).to_have_attribute("open", "")
    page.get_by_role("button", name="Near me").click()
    expect(page.locator(".booking-where")).to_contain_text("송파구")

    assert page.evaluate("window.stays")
    assert not [url for url in asked if "37.5" in url or "127.1" in url]
    assert slot.clinic.name in page.locator("#main").inner_text()
