"""Opening hours in a browser: hours, a special day, the preview, the slots; on any screen."""

from datetime import timedelta

import pytest

from booking.models import OpeningHours, Slot
from database.clock import known_today
from staff.enums import Role
from tests.browser.test_desk import looks_right, screen, sign_in
from tests.factories import ClinicFactory, VaccineFactory

__all__ = ["screen"]  # a fixture


@pytest.fixture
def clinic():
    VaccineFactory(name_ko="화이자", name_en="Pfizer")
    return ClinicFactory(name="강남튼튼내과의원", district="강남구")


def test_a_manager_sets_the_week_and_makes_its_slots(screen, clinic):
    sign_in(screen, role=Role.MANAGER, clinic=clinic)
    screen.goto(f"{screen.at}/admin/booking/clinic/{clinic.pk}/schedule/")
    looks_right(screen)
    for weekday in range(7):
        screen.check(f"[name=weekdays][value='{weekday}']")
    screen.select_option("#id_vaccine", index=1)
    for name, hour in [("opens", "09:00"), ("closes", "13:00"), ("lunch_from", "11:00")]:
        screen.fill(f"section:has(#weekly) [name={name}]", hour)
    screen.click("[name=save_hours]")  # lunch has no end
    looks_right(screen)
    assert screen.locator(".errornote").count() == 1
    screen.fill("[name=lunch_to]", "12:00")
    screen.click("[name=save_hours]")
    looks_right(screen)
    assert OpeningHours.objects.filter(clinic=clinic).count() == 7

    closed = known_today() + timedelta(days=3)
    screen.fill("[name=on]", closed.isoformat())
    screen.click("[name=save_day]")
    screen.fill("[name=last]", (known_today() + timedelta(days=6)).isoformat())
    screen.click("section:has(#make) [type=submit]")
    looks_right(screen)
    screen.click("form[method=post] [type=submit].default")
    looks_right(screen)

    days = Slot.objects.filter(clinic=clinic).values_list("starts_at__date", flat=True).distinct()
    assert closed not in set(days)
    assert Slot.objects.filter(clinic=clinic, capacity=10).exists()
