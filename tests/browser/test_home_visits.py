"""A care home's visit in a browser: planned, its list booked, printed; and a resident's receipt."""

import pytest
from django.urls import reverse
from django.utils import timezone

from booking.models import HomeVisit
from staff.enums import Role
from tests.booking.visits import care_home, morning, residents
from tests.browser.test_desk import looks_right, sign_in
from tests.factories import ClinicFactory, PersonFactory, ReservationFactory, VaccineFactory


@pytest.fixture(params=[("ko", 360), ("en", 820)], ids=str)
def screen(request, new_screen):
    return new_screen(*request.param)


def test_a_visit_is_planned_and_its_list_booked(screen):
    clinic = ClinicFactory(name="강남튼튼내과의원")
    home = care_home(clinic=clinic, name="새봄요양원")
    vaccine = VaccineFactory(double=True, name_ko="화이자", name_en="Pfizer")
    people = [*residents(3), PersonFactory(name="박무전화", phone="")]
    ReservationFactory(person=people[2])
    sign_in(screen, role=Role.MANAGER, clinic=clinic)
    screen.goto(f"{screen.at}{reverse('admin:booking_homevisit_add')}?home={home.pk}")
    screen.select_option("[name=vaccine]", str(vaccine.pk))
    screen.fill("[name=day]", f"{timezone.localtime(morning(2)):%Y-%m-%d}")
    screen.fill("[name=places]", "5")
    looks_right(screen)

    screen.click(".submit-row [type=submit]")
    looks_right(screen)
    screen.click("a[href$='/list/']")
    lines = [f"{person.name} {person.birth_date}" for person in people]
    screen.fill("[name=text]", "\n".join([*lines, "누구도 1938-05-12", "이름만"]))
    screen.click("section:has(#list) [type=submit]")
    looks_right(screen)
    screen.click("section:has(#preview) [type=submit]")
    looks_right(screen)

    visit = HomeVisit.objects.get()
    assert visit.slot.reservations.filter(status="confirmed").count() == 3
    for name in ("print", "edit", "second", "call_off"):
        screen.goto(f"{screen.at}{reverse(f'admin:booking_homevisit_{name}', args=[visit.pk])}")
        looks_right(screen)
    screen.goto(f"{screen.at}{reverse('admin:booking_carehome_change', args=[home.pk])}")
    looks_right(screen)
    day = timezone.localtime(visit.slot.starts_at).date()
    address = reverse("admin:booking_reservation_day")
    screen.goto(f"{screen.at}{address}?day={day}&clinic={clinic.code}&hour=10")
    looks_right(screen)
