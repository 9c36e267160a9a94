"""Likely doubles, on the clinic's day sheet."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from booking.services.changes import cancel_reservation
from eligibility.doubles import likely_doubles
from staff.enums import Role
from staff.models import Access
from tests.factories import (
    ClinicFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    StaffFactory,
)

pytestmark = pytest.mark.django_db
NOTE = "May be booked twice"
SHEET = "/admin/booking/reservation/day/"


@pytest.fixture(autouse=True)
def _morning(clock):
    """The sheet is of today, and nothing can be booked that has begun."""
    clock.at("09:00", tick=True)


@pytest.fixture
def ours():
    return ClinicFactory(name="가의원", region="서울특별시", district="강남구")


@pytest.fixture
def theirs():
    return ClinicFactory(name="나의원", region="부산광역시", district="해운대구")


@pytest.fixture
def desk(client, ours):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    client.force_login(StaffFactory(role=Role.CLINIC, clinic=ours))
    return client


def namesake(phone: str, **values):
    return PersonFactory(name="김시험", phone=phone, **values)


def booked(person, clinic, **values):
    """Today, so that it stands on the sheet."""
    starts_at = timezone.localtime().replace(hour=12, minute=0, second=0, microsecond=0)
    slot = SlotFactory(clinic=clinic, starts_at=starts_at)
    return ReservationFactory(person=person, slot=slot, **values)


def test_a_declared_namesake_may_be_the_same_person_and_one_of_the_roster_may_not():
    known, other = namesake("+821000000001"), namesake("+821000000002")
    declared = namesake("+821000000003", declared=True)
    PersonFactory(name="김시험", birth_date=known.birth_date + timedelta(days=1))

    doubles = likely_doubles([known, other, declared])

    assert doubles == {
        known.pk: {declared.pk},
        other.pk: {declared.pk},
        declared.pk: {known.pk, other.pk},
    }


def test_two_whom_a_certified_provider_vouched_for_are_two():
    people = [
        namesake(f"+82100000000{number}", declared=True, certified_at=timezone.now())
        for number in range(2)
    ]

    assert likely_doubles(people) == {}


def test_the_sheet_links_to_the_other_booking_of_the_same_clinic(desk, ours):
    booked(namesake("+821000000001"), ours)
    other = booked(namesake("+821000000002", declared=True), ours)

    page = desk.get(SHEET).content.decode()

    assert page.count(NOTE) == 2
    assert page.count(f"/admin/booking/reservation/{other.pk}/change/") == 2


def test_the_sheet_says_only_that_there_is_one_at_a_clinic_of_others(desk, ours, theirs):
    booked(namesake("+821000000001"), ours)
    other = booked(namesake("+821000000002", declared=True), theirs)

    page = desk.get(SHEET).content.decode()

    assert page.count(NOTE) == 1
    assert "another clinic" in page
    for secret in [other.number, "나의원", "0000-0002", f"reservation/{other.pk}/"]:
        assert secret not in page


def test_the_double_goes_on_record_as_seen(desk, ours, theirs):
    here = booked(namesake("+821000000001"), ours)
    other = booked(namesake("+821000000002", declared=True), theirs)

    desk.get(SHEET)

    assert Access.objects.get().people == sorted([here.person_id, other.person_id])


def test_who_has_no_booking_that_counts_is_not_shown(desk, ours, theirs):
    booked(namesake("+821000000001"), ours)
    namesake("+821000000002", declared=True)
    cancelled = booked(namesake("+821000000003", declared=True), theirs)
    cancel_reservation(reservation=cancelled, by="test")

    assert NOTE not in desk.get(SHEET).content.decode()


def test_the_sheet_asks_no_more_for_three_pairs_than_for_one(desk, ours):
    def pair(name: str) -> None:
        for _ in range(2):
            booked(PersonFactory(name=name, declared=True), ours)

    pair("김시험가")
    desk.get(SHEET)
    with CaptureQueriesContext(connection) as one:
        desk.get(SHEET)
    pair("김시험나")
    pair("김시험다")
    with CaptureQueriesContext(connection) as three:
        page = desk.get(SHEET).content.decode()

    assert page.count(NOTE) == 6
    assert len(three) == len(one)
