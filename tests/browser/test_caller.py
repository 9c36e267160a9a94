"""The call of the columnist: found by one box, and read from one page, on any screen."""

import os
from pathlib import Path

import pytest

from booking.models import Reservation
from messaging.services import send_waiting
from staff.enums import Role
from tests.browser.test_desk import looks_right, sign_in
from tests.events import evening
from tests.factories import (
    ClinicFactory,
    CohortFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
)

# The last day of the evening as the desk reads it out.
STORY = {
    "en": [
        "19:58:00 verified by a code to the phone",
        "20:00:03 joined the line as number 6,123 (The fifties)",
        "20:48:00 called: number 6,123",
        "20:48:02 message handed over: it is your turn (Text message)",
        "20:49:00 away: had not entered a minute after the call; the turn stays theirs",
        "20:51:00 entered the booking pages",
        "21:01:20 the hold ran out unconfirmed",
    ],
    "ko": [
        "19:58:00 본인확인을 하셨습니다 (휴대전화 인증번호)",
        "20:00:03 6,123번으로 줄에 서셨습니다 (50대)",
        "20:48:00 6,123번을 불렀습니다",
        "20:48:02 메시지를 보냈고 통신사에 전달되었습니다: 차례가 됨 (문자)",
        "20:49:00 자리에 안 계셨습니다",
        "20:51:00 예약 화면에 들어오셨습니다",
        "21:01:20 확정하지 않으셔서 잡아 둔 자리가 풀렸습니다",
    ],
}


@pytest.fixture(params=[("ko", 360), ("en", 820)], ids=str)
def screen(request, new_screen):
    return new_screen(*request.param)


def picture(page, name: str) -> None:
    """A picture of the whole page where JARI_PICTURES names a folder."""
    folder = os.environ.get("JARI_PICTURES")
    if folder:
        path = Path(folder) / f"{name}-{page.language}-{page.width}.png"
        page.screenshot(path=path, full_page=True)


def test_the_call_of_the_columnist(screen):
    page = screen
    person = evening.play()
    sign_in(page, role=Role.LOCAL, region="서울특별시")
    looks_right(page)
    picture(page, "overview")
    page.goto(f"{page.at}/admin/desk/")
    looks_right(page)
    picture(page, "box")
    assert page.evaluate("document.activeElement.id") == "find-caller"

    page.keyboard.type(f"{person.birth_date:%Y%m%d} {person.name}")
    page.keyboard.press("Enter")

    page.wait_for_selector(".events")
    looks_right(page)
    picture(page, "caller")
    assert person.name in page.locator("h1, #content h1").first.inner_text()
    aloud = page.locator(".read-out p").inner_text()
    at = [aloud.find(words) for words in STORY[page.language]]
    assert -1 not in at
    assert at == sorted(at)
    page.click("form[action$='/code/'] button")
    looks_right(page)
    picture(page, "code")


def test_several_people_of_one_name_and_nobody(screen):
    page = screen
    sign_in(page, role=Role.LOCAL, region="서울특별시")
    for number in (1111, 2222):
        person = PersonFactory(name="박서준", phone=f"+82101234{number}")
    ReservationFactory(person=person, slot=SlotFactory())

    page.goto(f"{page.at}/admin/desk/")
    page.fill("#find-caller", "박서준 19640512")
    page.keyboard.press("Enter")
    page.wait_for_selector(".found-people")
    looks_right(page)
    picture(page, "several")
    page.fill("#find-caller", "박")
    page.keyboard.press("Enter")
    page.wait_for_selector("#content [role=alert]")
    looks_right(page)
    picture(page, "nobody")
    page.goto(f"{page.at}/admin/desk/")
    page.fill("#find-caller", "010-1234-2222")
    page.keyboard.press("Enter")
    page.wait_for_selector(".appointments")
    looks_right(page)
    picture(page, "appointment")


@pytest.mark.parametrize("screen", [("en", 360), ("ko", 820)], indirect=True, ids=str)
def test_a_caller_without_a_phone(screen):
    """By a card at the counter: entered, booked, a voucher in the hand, a letter to follow."""
    page = screen
    CohortFactory(proof="counter")
    clinic = ClinicFactory(region="서울특별시", district="강남구")
    slot = SlotFactory(clinic=clinic)
    sign_in(page, role=Role.LOCAL, region="서울특별시", district="강남구")
    page.goto(f"{page.at}/admin/desk/card/")
    looks_right(page)
    page.select_option("[name=card]", "welfare")
    page.fill("[name=name]", "이순옥")
    page.fill("[name=birth_date]", "19640512")
    page.click(".submit-row input")  # neither a phone nor the word that there is none
    looks_right(page)
    page.check("[name=no_phone]")
    page.click(".submit-row input")

    page.wait_for_selector(".periods li")
    looks_right(page)
    page.click("a[href^='/admin/booking/reservation/desk/']")
    page.click(f".desk-times a[href$='slot={slot.pk}']")
    page.click(".submit-row input")
    reservation = Reservation.objects.get()
    page.goto(f"{page.at}/admin/desk/")
    page.fill("#find-caller", reservation.number)
    page.keyboard.press("Enter")
    page.click("a[href*='/voucher/']")
    looks_right(page)
    assert reservation.shown_number in page.inner_text(".voucher-paper")
    send_waiting()
    page.goto(f"{page.at}/admin/desk/letters/")
    looks_right(page)
    with page.expect_download() as download:
        page.click("#content form button")
    assert download.value.suggested_filename.endswith(".pdf")
    page.reload()
    looks_right(page)
    assert page.locator("button[name=again]").count() == 1


@pytest.mark.parametrize("screen", [("ko", 1280), ("en", 1280)], indirect=True, ids=str)
def test_the_page_at_twice_the_text_size(screen):
    page = screen
    person = evening.play()
    sign_in(page, role=Role.LOCAL, region="서울특별시")
    page.goto(f"{page.at}/admin/desk/")
    page.fill("#find-caller", f"{person.birth_date:%Y%m%d} {person.name}")
    page.keyboard.press("Enter")
    page.wait_for_selector(".events")

    page.evaluate("document.documentElement.style.fontSize = '200%'")

    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    picture(page, "large")
