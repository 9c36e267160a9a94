from datetime import timedelta

import pytest
from django.utils import timezone

from booking.models import Reservation
from eligibility.enums import ReviewReason
from eligibility.models import Cohort, Person, PhoneCode, Review
from eligibility.services.identity import find_or_declare, start_verification
from eligibility.services.purging import purge
from eligibility.services.reviews import open_review
from messaging.models import Message
from tests.factories import CohortFactory, PersonFactory, ReservationFactory

pytestmark = pytest.mark.django_db


def test_codes_go_after_a_day_and_messages_after_a_month(clock):
    person = PersonFactory()
    start_verification(name=person.name, birth_date=person.birth_date, phone=person.phone)
    at = timezone.now()

    counts = []
    for days in [0.9, 1.1, 29, 31]:
        clock.call_at(at + timedelta(days=days), purge)
        counts.append((PhoneCode.objects.count(), Message.objects.count()))

    assert counts == [(1, 1), (0, 1), (0, 1), (0, 0)]


def test_people_are_forgotten_when_the_campaign_is_long_over(settings, clock):
    settings.KEEP_DAYS = 10
    cohort, person = CohortFactory(), PersonFactory(declared=True, name="홍길동")
    open_review(person=person, cohort=cohort, reason=ReviewReason.OTHER, note="비밀")
    end = Cohort.objects.get().closes_at

    forgotten = []
    for days in [9, 11, 12]:
        forgotten.append(clock.call_at(end + timedelta(days=days), purge)["people"])

    row = Person.objects.get()
    assert forgotten == [0, 1, 0]
    assert (row.name, row.phone, row.birth_date.year) == ("", "", 1900)
    assert row.forgotten_at
    assert bytes(row.phone_index) != bytes(person.phone_index)
    assert Review.objects.get().note == ""
    again = find_or_declare(name="홍길동", birth_date=person.birth_date, phone=person.phone)
    assert again.pk != person.pk


def test_whoever_has_an_appointment_to_come_is_kept(settings, clock):
    settings.KEEP_DAYS = 10
    reservation = ReservationFactory()
    Reservation.objects.update(email="a@example.org")
    Cohort.objects.update(
        opens_at=timezone.now() - timedelta(days=30), closes_at=timezone.now() - timedelta(days=20)
    )

    kept = purge()["people"]
    forgotten = clock.call_at(reservation.slot.starts_at + timedelta(days=11), purge)["people"]

    assert (kept, forgotten) == (0, 1)
    assert Reservation.objects.get().email is None
