"""The desk in a browser: a caller is found, booked for both doses and read to, on any screen."""

import re
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone

from booking.models import Offer, Reservation
from booking.services.outside_doses import record_outside_dose
from booking.services.staff_bookings import book_for
from staff.enums import Role
from tests.factories import (
    ClinicFactory,
    CohortFactory,
    PersonFactory,
    RoomFactory,
    SlotFactory,
    StaffFactory,
    TicketFactory,
    VaccineFactory,
)
from tests.staff.signing_in import authenticator_of, code_of
from waiting_room.models import Room


@pytest.fixture
def caller():
    """Somebody who may book now, of a period that names one vaccine."""
    vaccine = VaccineFactory(double=True, name_ko="화이자", name_en="Pfizer")
    RoomFactory(
        cohort=CohortFactory(name_ko="55~59세", name_en="Aged 55–59", vaccines=[vaccine.code])
    )
    CohortFactory(soon=True, name_ko="기저질환자", name_en="Chronic diseases")
    clinic = ClinicFactory(name="강남튼튼내과의원", district="강남구")
    first = SlotFactory(clinic=clinic, vaccine=vaccine)
    for hours in (1, 2, 24):
        SlotFactory(
            clinic=clinic, vaccine=vaccine, starts_at=first.starts_at + timedelta(hours=hours)
        )
    for days in (27, 28, 30):
        SlotFactory(
            clinic=clinic, vaccine=vaccine, starts_at=first.starts_at + timedelta(days=days)
        )
    return PersonFactory(name="남궁민수"), first


# Of a phone, a clinic's tablet and the screen at a counter.
WIDTHS = (360, 820, 1280)


@pytest.fixture(params=[("ko", 360), ("en", 1280)], ids=str)
def screen(request, new_screen):
    """A page of this size and language, in which nothing may stick out or be said aloud."""
    return new_screen(*request.param, height=800)


def sign_in(page, **values):
    user = StaffFactory(**values)
    user.set_password("seven long winding rivers")
    user.save()
    device = authenticator_of(user)
    page.goto(f"{page.at}/admin/")
    page.fill("#id_username", user.username)
    page.fill("#id_password", "seven long winding rivers")
    page.click("input[type=submit]")
    page.fill("#id_code", code_of(device))
    page.click(".submit-row input")
    # The overview, or the day of a clinic.
    page.wait_for_url(re.compile(r"/admin/(booking/reservation/day/)?$"))
    page.said.clear()
    return user


def sticks_out(page, width: int) -> bool:
    """Whether the page scrolls sideways on a screen of this width."""
    page.set_viewport_size(page.viewport_size | {"width": width})
    return page.evaluate("document.documentElement.scrollWidth > innerWidth")


def looks_right(page) -> None:
    page.wait_for_load_state("networkidle")
    size = page.viewport_size
    beyond = [width for width in WIDTHS if sticks_out(page, width)]
    page.set_viewport_size(size)
    # A refusal has a status of its own, of which Chromium tells; axe tries inline styles later.
    # An address that names a row takes the focus there, of which Chromium tells as well.
    usual = ("Failed to load resource", "Autofocus processing was blocked")
    heard = [one for one in page.said if not one.startswith(usual)]
    violations = [
        (rule["id"], [node["html"] for node in rule["nodes"]])
        for rule in Axe().run(page, context="#content").response["violations"]
    ]
    page.said.clear()
    assert (beyond, heard, violations) == ([], [], [])


def find(page, person) -> None:
    page.goto(f"{page.at}/admin/booking/reservation/desk/")
    looks_right(page)
    page.fill("#id_name", person.name)
    page.fill("#id_birth_date", f"{person.birth_date:%Y%m%d}")
    page.fill("#id_phone", "0" + person.phone[3:])
    page.click(".submit-row input")


def test_a_caller_is_booked_for_both_doses_and_read_to(screen, caller):
    person, first = caller
    sign_in(screen, role=Role.LOCAL, region="서울특별시")
    find(screen, person)
    screen.select_option("#id_district", "강남구")
    screen.click(".pick-place button")
    looks_right(screen)

    screen.click(f".desk-times a[href$='slot={first.pk}']")
    looks_right(screen)
    screen.click(".submit-row input")

    looks_right(screen)
    assert screen.locator(".read-out p").count() == 5
    assert Reservation.objects.filter(person=person, status="confirmed").count() == 2
    screen.go_back()
    screen.click(".submit-row input")
    assert Reservation.objects.filter(person=person).count() == 2


def test_at_the_counter_others_in_the_line_come_first(screen, caller):
    person, first = caller
    room = Room.objects.select_related("cohort", "line").get()
    for _ in range(3):
        TicketFactory(room=room)
    sign_in(screen, role=Role.CLINIC, clinic=first.clinic)

    find(screen, person)

    looks_right(screen)
    assert screen.locator(".desk-times a").count() == 0


def test_somebody_faster_is_told_with_the_nearest_times(screen, caller):
    person, first = caller
    sign_in(screen, role=Role.CLINIC, clinic=first.clinic)
    find(screen, person)
    screen.click(f".desk-times a[href$='slot={first.pk}']")
    type(first).objects.filter(pk=first.pk).update(booked=first.capacity)

    screen.click(".submit-row input")

    looks_right(screen)
    assert screen.locator("[role=alert] ~ .desk-times a").count() > 0
    type(first).objects.filter(pk=first.pk).update(booked=0)


def test_what_a_mistake_lost_is_shown_with_what_can_be_done(screen, caller):
    person, first = caller
    staff = sign_in(screen, role=Role.CLINIC, clinic=first.clinic)
    book_for(person=person, slot=first, by="staff:1")
    outside_dose, _freed = record_outside_dose(
        person_id=person.pk,
        vaccine=first.vaccine,
        dose=1,
        given_on=timezone.localdate(),
        by=f"staff:{staff.pk}",
    )
    type(first).objects.filter(pk=first.pk).update(booked=first.capacity)
    screen.goto(f"{screen.at}/admin/booking/outsidedose/{outside_dose.pk}/withdraw/")

    screen.click(".submit-row input")

    looks_right(screen)
    screen.click(".acts-of-lost button")
    looks_right(screen)
    assert Offer.objects.get().person_id == person.pk
    type(first).objects.filter(pk=first.pk).update(booked=0)


def test_a_caller_is_moved_and_cancelled(screen, caller):
    page, (person, first) = screen, caller
    [reservation, *_rest] = book_for(person=person, slot=first, by="staff:1")
    sign_in(page, role=Role.CLINIC, clinic=first.clinic)
    page.goto(f"{page.at}/admin/booking/reservation/{reservation.pk}/change/")
    looks_right(page)

    page.click("a[href$='/move/']")
    looks_right(page)
    page.click(".desk-times a[href*='slot=']")
    looks_right(page)
    page.click(".submit-row input")
    page.wait_for_url("**/change/")
    moved = Reservation.objects.get(pk=reservation.pk)
    assert moved.slot_id != first.pk

    page.click("a[href$='/cancel/']")
    looks_right(page)
    page.select_option("#id_reason", "person")
    page.click(".submit-row input")
    page.wait_for_url("**/change/")
    looks_right(page)
    assert Reservation.objects.get(pk=reservation.pk).status == "cancelled"
    page.click(".marks button")
    page.wait_for_load_state("networkidle")
    assert Reservation.objects.get(pk=reservation.pk).status == "confirmed"
