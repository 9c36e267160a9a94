"""A clinic's morning on tablets: scans, marks, an old page, another device, no network."""

from contextlib import ExitStack
from datetime import date, timedelta

import pytest
from django.utils import timezone

from booking.models import Reservation
from booking.models.reservations import NUMBER_LETTERS
from booking.services.visits import mark_arrived
from staff.enums import Role
from tests.browser.test_desk import looks_right, sign_in
from tests.factories import ClinicFactory, PersonFactory, SlotFactory, StaffFactory, VaccineFactory
from web.codes import random_number

DAY = "/admin/booking/reservation/day/"
SIZES = [(360, 800), (768, 1024), (820, 1180), (1024, 768), (1280, 800)]


def booked(slot, name: str, **person) -> Reservation:
    """Booked by staff: a morning has many people, and none of them stands in a line here."""
    reservation = Reservation.objects.create(
        number=random_number(NUMBER_LETTERS),
        person=PersonFactory(name=name, birth_date=date(1963, 10, 26), **person),
        slot=slot,
        status="confirmed",
        origin="staff",
        by="staff:1",
        confirmed_at=timezone.now(),
    )
    type(slot).objects.filter(pk=slot.pk).update(booked=slot.booked + 1)
    slot.refresh_from_db()
    return reservation


@pytest.fixture
def clinic():
    return ClinicFactory(name="강남튼튼내과의원")


@pytest.fixture
def people(clock, clinic):
    """Two dozen people around half past nine."""
    clock.at("09:30", tick=True)
    vaccine = VaccineFactory(name_ko="화이자", name_en="Pfizer")
    morning = timezone.localtime().replace(minute=0, second=0, microsecond=0)
    slots = [
        SlotFactory(
            clinic=clinic,
            vaccine=vaccine,
            starts_at=morning + timedelta(minutes=20 * number),
            capacity=30,
        )
        for number in range(8)
    ]
    names = ["김은란", "남궁민수", "이영희", "박철수", "최지우", "정하나"]
    return [
        booked(slots[number // 3], f"{names[number % 6]}{'가나다라'[number // 6]}")
        for number in range(24)
    ]


@pytest.fixture
def tablet(live_server, browser, clinic):
    """Makes tablets that are signed in at the clinic; each is closed with no fetch under way."""
    with ExitStack() as stack:

        def make(size=(820, 1180), language="ko", **options):
            context = browser.new_context(
                viewport={"width": size[0], "height": size[1]},
                locale=language,
                reduced_motion="reduce",
                has_touch=True,
                **options,
            )
            stack.callback(context.close)
            page = context.new_page()
            stack.callback(page.goto, "about:blank")
            page.said, page.at = [], live_server.url
            page.on("console", lambda message: page.said.append(message.text))
            sign_in(page, role=Role.CLINIC, clinic=clinic)
            return page

        yield make


def row(page, reservation):
    return page.locator(f"#reservation-{reservation.pk}")


def press(place, act: str) -> None:
    place.locator(f"button[value={act}]").click()


def status(reservation) -> str:
    reservation.refresh_from_db()
    return reservation.status


def scan(page, text: str) -> None:
    """A scanner types, whatever has the focus, and ends with Enter."""
    page.keyboard.type(text)
    with page.expect_response(lambda answer: "/day/find/" in answer.url):
        page.keyboard.press("Enter")


@pytest.mark.parametrize(("language", "size"), [("ko", SIZES[0]), ("en", SIZES[-1])], ids=str)
def test_the_day_fits_every_screen(tablet, people, size, language):
    """Opened on one of them, looked at on all."""
    page = tablet(size, language)
    page.wait_for_url(f"**{DAY}")
    assert page.evaluate("document.activeElement.id") == "box"

    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        looks_right(page)
        boxes = page.eval_on_selector_all(
            "#day-rows button", "all => all.map(one => one.getBoundingClientRect().toJSON())"
        )
        assert max(box["right"] for box in boxes) <= width
        assert min(box["height"] for box in boxes) >= 44
    scan(page, people[0].number)
    page.wait_for_selector("#day-found .is-large")
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        looks_right(page)


def test_a_morning_of_two_hundred_with_two_tablets_and_an_old_page(tablet, people):
    for number in range(len(people), 200):
        booked(people[number % len(people)].slot, f"한사람{'가나다라마바사아자차'[number % 10]}")
    first, second, old = tablet(), tablet((1280, 800)), tablet()
    # This one hears of nothing: its rows stay as they were.
    old.route("**/day/changes/**", lambda route: route.fulfill(status=304))
    page_height = first.evaluate("scrollY")
    for reservation in people[:3]:
        first.locator("h1").click()  # the focus is anywhere
        scan(first, reservation.number)
        card = first.locator(f"#found-reservation-{reservation.pk}")
        card.wait_for()
        assert card.locator(".visit-name").inner_text() == reservation.person.name
        assert status(reservation) == "confirmed"
        press(card, "arrived")
        row(first, reservation).locator(".status-arrived").wait_for()
        assert status(reservation) == "arrived"
        row(second, reservation).locator(".status-arrived").wait_for()
    assert first.evaluate("scrollY") == page_height

    press(row(second, people[0]), "vaccinated")
    row(first, people[0]).locator(".status-vaccinated").wait_for()
    press(row(old, people[0]), "arrived")
    said = old.locator("#day-said .is-problem")
    said.wait_for()
    assert "아무것도 바꾸지 않았습니다" in said.inner_text()
    assert status(people[0]) == "vaccinated"
    row(old, people[0]).locator(".status-vaccinated").wait_for()

    scan(first, people[1].number)
    first.locator("#day-found .is-problem").wait_for()
    assert "이미 09:3" in first.locator("#day-found").inner_text()
    assert status(people[1]) == "arrived"


def test_the_last_mark_is_taken_back_by_name(tablet, people):
    page = tablet()
    press(row(page, people[3]), "arrived")
    undo = page.locator("#day-said button")
    undo.wait_for()
    assert undo.inner_text().strip() == f"{people[3].person.name} 님 되돌리기"

    undo.click()

    row(page, people[3]).locator(".status-confirmed").wait_for()
    assert status(people[3]) == "confirmed"


def test_a_second_tap_does_not_set_the_next_mark(tablet, people):
    page = tablet()
    button = row(page, people[0]).locator("button[value=arrived]")
    button.scroll_into_view_if_needed()
    place = button.bounding_box()

    for _tap in range(2):
        page.touchscreen.tap(place["x"] + 5, place["y"] + 5)

    row(page, people[0]).locator(".status-arrived").wait_for()
    page.wait_for_load_state("networkidle")
    assert status(people[0]) == "arrived"


def test_without_network_the_page_says_so_and_keeps_what_was_pressed(tablet, people):
    page = tablet()
    page.context.set_offline(True)
    page.locator("#day-offline").wait_for()
    assert "09:3" in page.locator("#day-offline").inner_text()

    press(row(page, people[0]), "arrived")
    press(row(page, people[1]), "arrived")
    page.locator("#day-unsaved li").nth(1).wait_for()
    assert page.locator("#day-unsaved li").all_inner_texts() == [
        f"{reservation.person.name}: 도착" for reservation in people[:2]
    ]
    assert status(people[0]) == "confirmed"
    # Another device marks one of them meanwhile.
    by = StaffFactory(role=Role.CLINIC, clinic=people[1].slot.clinic)
    mark_arrived(reservation=people[1], by=f"staff:{by.pk}")
    page.context.set_offline(False)
    page.locator("#day-offline").wait_for(state="hidden")
    page.locator("[data-save]").click()

    page.locator("#day-unsaved").wait_for(state="hidden")
    row(page, people[0]).locator(".status-arrived").wait_for()
    assert [status(reservation) for reservation in people[:2]] == ["arrived", "arrived"]


def test_a_tablet_that_was_signed_out_says_so(tablet, people):
    page = tablet()

    page.context.clear_cookies()

    page.locator("#day-out").wait_for()


def test_the_same_forms_work_without_script(tablet, people):
    page = tablet(java_script_enabled=False)
    press(row(page, people[5]), "arrived")
    page.wait_for_url(f"**#reservation-{people[5].pk}")
    assert status(people[5]) == "arrived"

    page.fill("#box", people[5].person.name)
    page.click("[data-box] button")

    page.wait_for_url("**/day/find/**")
    assert page.locator("#day-found .visit").count() == 1
    press(page.locator("#day-found"), "take_back")
    page.wait_for_url(f"**#reservation-{people[5].pk}")
    assert status(people[5]) == "confirmed"
