"""What people need at a clinic counts when a place is offered to them, and is nowhere in clear."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from booking.areas import district_key
from booking.models import Clinic, Offer, Wish
from booking.services import wishes
from booking.services.changes import cancel_reservation
from booking.services.offers import make_offers
from booking.services.wishes import Wished
from eligibility.services.purging import purge
from tests.booking.test_offers import admitted, broken, entry, offered_to
from tests.booking.test_path import page
from tests.concurrency import at_once
from tests.eligibility.signing_in import sign_in
from tests.factories import ClinicFactory, ReservationFactory, SlotFactory

pytestmark = pytest.mark.django_db(transaction=True)

GANGNAM = district_key("서울특별시", "강남구")


def need(admission, *codes: str) -> None:
    wished = Wished((GANGNAM,), needs=frozenset(codes))
    wishes.keep_wishes(person_id=admission.ticket.person_id, wished=wished)


def booked_at(*facilities: str):
    """An appointment at a clinic that has these, in a slot for one person."""
    clinic = ClinicFactory(facilities=list(facilities))
    return ReservationFactory(slot=SlotFactory(capacity=1, clinic=clinic))


def people(*admissions) -> list[int]:
    return [admission.ticket.person_id for admission in admissions]


def test_a_freed_seat_passes_over_people_who_need_what_the_clinic_lacks():
    *needing, with_none = admitted(4)
    for admission in [*needing, with_none]:
        entry(admission)
    for admission in needing:
        need(admission, "wheelchair", "lift")

    cancel_reservation(reservation=booked_at("lift"), by="citizen")
    cancel_reservation(reservation=booked_at("lift", "parking", "wheelchair"), by="citizen")

    assert offered_to() == people(with_none, needing[0])
    assert broken() == []


def test_nobody_is_offered_a_seat_where_all_who_wait_need_something_else():
    for admission in admitted(2):
        entry(admission)
        need(admission, "sign_language")
    cancelled = booked_at()

    cancel_reservation(reservation=cancelled, by="citizen")
    before = make_offers()
    Clinic.objects.filter(pk=cancelled.slot.clinic_id).update(facilities=["sign_language"])

    assert (before, make_offers()) == (0, 1)


def test_the_earliest_place_on_joining_is_one_that_has_what_the_person_needs():
    SlotFactory(capacity=1)
    fitting = SlotFactory(capacity=1, clinic=ClinicFactory(facilities=["interpreter"]))
    [admission] = admitted(1)
    need(admission, "interpreter")

    entry(admission)

    assert Offer.objects.get().slot_id == fitting.pk


def test_what_is_needed_now_counts_and_not_what_was_needed_on_joining():
    [admission] = admitted(1)
    need(admission, "wheelchair")
    entry(admission)
    need(admission)

    cancel_reservation(reservation=booked_at(), by="citizen")

    assert offered_to() == people(admission)


def test_cancellations_at_once_reach_people_by_what_they_need():
    needing, others = admitted(3), admitted(3)
    for admission in [*needing, *others]:
        entry(admission)
    for admission in needing:
        need(admission, "wheelchair")
    fitting = [booked_at("wheelchair") for _ in needing]
    bare = [booked_at() for _ in others]

    at_once(
        [
            partial(cancel_reservation, reservation=reservation, by="citizen")
            for reservation in [*bare, *fitting]
        ]
    )
    make_offers()  # people who were skipped while another transaction dealt with them

    at_bare = Offer.objects.filter(slot__in=[reservation.slot_id for reservation in bare])
    assert set(at_bare.values_list("person", flat=True)) <= set(people(*others))
    assert sorted(set(offered_to())) == sorted(offered_to())
    assert make_offers() == 0
    assert broken() == []


def test_what_a_waiting_person_needs_is_kept_as_long_as_they_wait():
    waiting, gone = admitted(2)
    for admission in (waiting, gone):
        need(admission, "lift")
    entry(waiting)
    Wish.objects.update(changed_at=timezone.now() - wishes.KEPT_FOR - timedelta(days=1))

    purge()

    assert list(Wish.objects.values_list("person", flat=True)) == people(waiting)


def test_the_list_says_what_counts_and_stores_it_sealed_only(client):
    [admission] = admitted(1)
    need(admission, "wheelchair")
    sign_in(client, admission.ticket.person)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    joining = page(client.get(reverse("cancellation_list")))
    entry(admission)
    waiting = page(client.get(reverse("cancellation_list")))

    sentence = "Only places at clinics with what you need are offered to you: Wheelchair access."
    assert sentence in joining
    assert sentence in waiting
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM booking_listentry AS entry WHERE entry::text LIKE '%wheelchair%'"
        )
        assert cursor.fetchone() == (0,)
