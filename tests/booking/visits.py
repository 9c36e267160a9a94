"""Care homes and visits for tests, made by the services that staff use."""

import uuid
from datetime import datetime, timedelta

from django.utils import timezone

from booking.models import CareHome, HomeVisit, Reservation, Vaccine
from booking.services.home_visits import plan_visit
from booking.services.visit_lists import book_list
from eligibility.models import Person
from tests.clock import clock
from tests.factories import ClinicFactory, CohortFactory, PersonFactory, VaccineFactory

BY = "staff:1"


def care_home(**values) -> CareHome:
    number = CareHome.objects.count() + 1
    values = {
        "name": f"시험요양원 {number}",
        "region": "서울특별시",
        "district": "강남구",
        "address": f"서울특별시 강남구 요양로 {number}",
        "phone": "0298765432",
        "contact": "박담당",
        **values,
    }
    values["clinic"] = values.get("clinic") or ClinicFactory()
    return CareHome.objects.create(**values)


def morning(days: int) -> datetime:
    """Ten o'clock, so many days from today."""
    hour = timezone.localtime(clock.now()).replace(hour=10, minute=0, second=0, microsecond=0)
    return hour + timedelta(days=days)


def planned_visit(
    *,
    days: int = 2,
    places: int = 5,
    dose: int = 1,
    home: CareHome | None = None,
    vaccine: Vaccine | None = None,
    starts_at: datetime | None = None,
    **values,
) -> HomeVisit:
    starts_at = starts_at or morning(days)
    visit = plan_visit(
        home=home or care_home(),
        vaccine=vaccine or VaccineFactory(),
        dose=dose,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=3),
        places=places,
        by=BY,
        **values,
    )
    return HomeVisit.objects.select_related("slot__home", "slot__clinic", "slot__vaccine").get(
        pk=visit.pk
    )


def residents(count: int, *, period: bool = True) -> list[Person]:
    """People of the roster, whose period is open."""
    if period:
        CohortFactory()
    return PersonFactory.create_batch(count)


def book(visit: HomeVisit, people: list[Person], key: uuid.UUID | None = None) -> list[Reservation]:
    ids = [person.pk for person in people]
    rows = book_list(visit_id=visit.pk, people=ids, key=key or uuid.uuid4(), by=BY)
    visit.slot.refresh_from_db()
    return rows
