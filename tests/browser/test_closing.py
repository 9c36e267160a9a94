"""A closed afternoon with 40 people in a browser: closed, taken back, closed with a choice."""

from datetime import timedelta

import pytest
from django.utils import timezone

from booking.enums import AffectedOutcome
from booking.finder import availability
from booking.models import AffectedAppointment, Closure, ClosureOffer, Reservation, Slot
from booking.services.closure_messages import tell
from staff.enums import Role
from tests.booking.closures import book, clinic_near, slot_at
from tests.browser.test_desk import looks_right, sign_in
from tests.factories import ClinicFactory, SlotFactory, VaccineFactory


@pytest.fixture(params=[("ko", 820), ("en", 1280)], ids=str)
def screen(request, new_screen):
    return new_screen(*request.param)


@pytest.fixture
def afternoon():
    """40 people in an afternoon; 30 seats later at the clinic, and some at one nearby."""
    vaccine = VaccineFactory(name_ko="화이자", name_en="Pfizer")
    clinic = ClinicFactory(name="강남튼튼내과의원", district="강남구")
    first = SlotFactory(clinic=clinic, vaccine=vaccine, capacity=20)
    slots = [first, SlotFactory(
        clinic=clinic, vaccine=vaccine, capacity=20, starts_at=first.starts_at + timedelta(hours=1)
    )]  # fmt: skip
    for slot in slots:
        book(slot, 20)
    slot_at(first, 1, capacity=30)
    nearby = clinic_near(clinic, name="역삼사랑의원")
    for days in (1, 2):
        slot_at(first, days, clinic=nearby, capacity=15)
    availability.clear_caches()
    return first


def hours_of(screen, slot, mode: str) -> None:
    start = timezone.localtime(slot.starts_at)
    for name in ("first", "last"):
        screen.fill(f"[name={name}]", f"{start:%Y-%m-%d}")
    screen.fill("[name=opens]", f"{start:%H:%M}")
    screen.fill("[name=closes]", "23:30")
    screen.select_option("[name=reason]", "building")
    screen.check(f"[name=mode][value={mode}]")
    screen.click("section:has(#close) [type=submit]")
    looks_right(screen)


def press(screen, section: str) -> None:
    screen.click(f"{section} form[method=post] [type=submit]")
    looks_right(screen)


def test_an_afternoon_is_closed_taken_back_and_closed_with_a_choice(screen, browser, afternoon):
    sign_in(screen, role=Role.MANAGER, clinic=afternoon.clinic)
    screen.goto(f"{screen.at}/admin/booking/clinic/{afternoon.clinic_id}/closures/")
    looks_right(screen)
    hours_of(screen, afternoon, "move")
    assert screen.locator("section:has(#preview) tbody tr").count() == 40
    press(screen, "section:has(#preview)")
    assert AffectedAppointment.objects.filter(outcome=AffectedOutcome.MOVED).count() == 40
    press(screen, "section:has(#closed)")  # takes it back
    assert set(Slot.objects.values_list("booked", flat=True)) == {20, 0}

    screen.goto(f"{screen.at}/admin/booking/clinic/{afternoon.clinic_id}/closures/")
    hours_of(screen, afternoon, "offer")
    press(screen, "section:has(#preview)")
    closure = Closure.objects.latest("pk")
    assert tell(closure_id=closure.pk) == 40
    screen.reload()
    looks_right(screen)

    offer = ClosureOffer.objects.filter(choices__isnull=False).earliest("pk")
    takes_another_time(screen, browser, offer)
    screen.reload()
    looks_right(screen)
    assert Reservation.objects.filter(status="confirmed").count() == 40
    press(screen, "section:has(#closed)")  # opens the hours again
    assert Slot.objects.get(pk=afternoon.pk).left == 20


def takes_another_time(screen, browser, offer: ClosureOffer) -> None:
    """On the person's phone, from the address in their message."""
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, locale=screen.language, reduced_motion="reduce"
    )
    phone = context.new_page()
    phone.goto(f"{screen.at}/closures/{offer.token}/")
    fits(phone)
    phone.click("[name=slot] >> nth=0")
    fits(phone)
    offer.refresh_from_db()
    assert offer.answer == "chose"
    context.close()


def fits(page) -> None:
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
