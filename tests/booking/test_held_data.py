"""What a person's own page lists of their bookings, wishes and places in line."""

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import override

from booking.areas import district_key
from booking.enums import Facility
from booking.services import wishes
from booking.services.wishes import Wished
from tests.eligibility.signing_in import sign_in
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    TicketFactory,
)
from waiting_room.services.joining import leave_line

pytestmark = pytest.mark.django_db


def sections_of(client, language: str) -> dict[str, list[str]]:
    answer = client.get(reverse("my_data"), headers={"accept-language": language})
    return {str(section.title): section.texts for section in answer.context["held"]}


def test_a_person_sees_what_came_of_using_the_portal(client):
    person = PersonFactory()
    clinic = ClinicFactory(name="한강의원", name_en="Hangang Clinic")
    admission = AdmissionFactory(person=person)
    booked = ReservationFactory(person=person, slot=SlotFactory(clinic=clinic), admission=admission)
    kept = Wished(
        (district_key("서울특별시", "서초구"),),
        weekdays=frozenset({5}),
        part="morning",
        needs=frozenset({Facility.LIFT}),
    )
    wishes.keep_wishes(person_id=person.pk, wished=kept)
    sign_in(client, person)

    english, korean = sections_of(client, "en"), sections_of(client, "ko")

    ticket = admission.ticket
    with override("en"):
        day = date_format(timezone.localtime(booked.slot.starts_at), "D j M Y")
    assert english == {
        "My place": [
            f"{ticket.room.cohort.name_en}: Entry number {ticket.entry}, Place {ticket.place}"
        ],
        "My bookings": [
            f"{booked.shown_number}: {day}, 10:00, Hangang Clinic (한강의원) (Confirmed)"
        ],
        "What would suit me": ["Seoul Seocho-gu", "Sat", "Morning, before 12", "Lift"],
    }
    assert korean["나의 희망 조건"] == ["서울특별시 서초구", "토", "오전(12시 전)", "승강기"]


def test_a_place_that_was_left_is_held_and_said_so(client):
    ticket = TicketFactory()
    leave_line(ticket=ticket)
    sign_in(client, ticket.person)

    [text] = sections_of(client, "en")["My place"]

    assert text.endswith("Left the line")
