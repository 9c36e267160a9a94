"""Day and place to pass on: a text that names nobody unasked and opens nothing."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.booking.test_path import browser_of, page
from tests.eligibility.signing_in import sign_in
from tests.factories import AdmissionFactory, PersonFactory, ReservationFactory, put_into

pytestmark = pytest.mark.django_db


@pytest.fixture
def booked():
    admission = AdmissionFactory(person=PersonFactory(name="김영희"))
    return ReservationFactory(person=admission.ticket.person, admission=admission)


def shared(browser: Client, reservation, **query) -> str:
    response = browser.get(reverse("share", args=[reservation.number]), query)
    return response.context["text"] if response.status_code == 200 else response.headers["Location"]


def test_the_text_says_when_and_where_and_nothing_that_opens_the_reservation(booked):
    browser = browser_of(booked.admission)

    receipt = page(browser.get(reverse("reservation", args=[booked.number])))
    text = shared(browser, booked)

    clinic = booked.slot.clinic
    first, _when, *place = text.split("\n")
    assert (first, place) == ("Vaccination", [clinic.full_name, clinic.address])
    assert reverse("share", args=[booked.number]) in receipt
    for secret in (booked.number, booked.shown_number, "http", "김영희", booked.person.phone):
        assert secret not in text


def test_the_name_is_in_it_if_the_reader_chose_it(booked):
    assert shared(browser_of(booked.admission), booked, name="1").startswith(
        "Vaccination of 김영희\n"
    )


def test_who_looked_it_up_by_its_number_learns_no_name(booked):
    browser = Client(headers={"accept-language": "en"})
    found = {"number": booked.number, "phone": booked.person.phone}
    browser.post(reverse("lookup"), found)

    assert shared(browser, booked, name="1").startswith("Vaccination\n")


def test_nobody_else_shares_it_and_nothing_that_is_over(booked):
    stranger = Client()
    sign_in(stranger, PersonFactory())

    assert shared(stranger, booked).startswith(reverse("lookup"))
    put_into(booked, "cancelled")
    receipt = reverse("reservation", args=[booked.number])
    assert shared(browser_of(booked.admission), booked) == receipt
