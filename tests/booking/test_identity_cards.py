"""A card seen at the counter: who it is, also with a new phone or not on the roster."""

from functools import partial

import pytest
from django.utils import translation

from booking.services.staff_bookings import book_for
from eligibility.enums import Card, Proof, ReviewStatus
from eligibility.exceptions import CardRefused
from eligibility.models import Correction, Person, Review
from eligibility.services.decisions import decide
from eligibility.services.identity import find_or_declare
from eligibility.services.identity_cards import see_card
from eligibility.services.reindexing import _replaced_values
from eligibility.services.reviews import grant_review, open_review
from events.services import story_of
from messaging.models import Message
from staff.enums import Role
from staff.models import Access
from tests.booking.test_caller_page import local, page, said, search  # noqa: F401 - a fixture
from tests.concurrency import at_once
from tests.factories import (
    ClinicFactory,
    CohortFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    StaffFactory,
    TicketFactory,
)
from waiting_room.services.joining import issue_ticket

pytestmark = pytest.mark.django_db
CARD = "/admin/desk/card/"
NEW_PHONE = "+821087654321"
BY = "staff:7"


def typed(person, **changes) -> dict[str, str]:
    return {
        "card": "resident",
        "name": person.name,
        "birth_date": f"{person.birth_date:%Y%m%d}",
        "phone": person.phone,
        **changes,
    }


def declared_with(phone: str, person) -> Person:
    """The same person as they signed in with another phone."""
    return find_or_declare(name=person.name, birth_date=person.birth_date, phone=phone)


def may_book(person) -> bool:
    return any(answer.eligible and not answer.provisional for answer in decide(person=person))


def test_a_card_certifies_a_person_of_the_roster():
    CohortFactory(proof=Proof.PROVIDER)
    person = PersonFactory()
    assert not may_book(person)

    seen = see_card(person=person, card=Card.PASSPORT, by=BY)

    assert (seen.person, seen.review) == (person, None)
    assert may_book(Person.objects.get(pk=person.pk))
    [event] = [event for event in story_of(person.pk) if event.kind == "card_seen"]
    assert (event.actor, event.parameters) == (BY, {"card": "passport"})


def test_a_card_of_somebody_off_the_roster_asks_the_authority():
    cohort = CohortFactory()
    person = PersonFactory(declared=True)

    seen = see_card(person=person, card=Card.RESIDENT, by=BY)

    assert (seen.review.cohort, seen.review.status) == (cohort, ReviewStatus.OPEN)
    assert not may_book(person)
    assert see_card(person=person, card=Card.RESIDENT, by=BY).review == seen.review
    grant_review(review=seen.review, by="staff:1")
    [reservation] = book_for(person=person, slot=SlotFactory(), by=BY)
    assert reservation.person == person


@pytest.mark.parametrize("phone", ["+821012345678", ""])
def test_one_review_at_a_time_is_asked_for_and_the_reason_is_told(phone):
    CohortFactory()
    CohortFactory()
    person = PersonFactory(declared=True, phone=phone)
    first = see_card(person=person, card=Card.RESIDENT, by=BY)
    again = see_card(person=person, card=Card.RESIDENT, by=BY)
    family = see_card(person=PersonFactory(declared=True, phone=phone), card=Card.RESIDENT, by=BY)

    assert (again.review, Review.objects.filter(person=person).count()) == (first.review, 1)
    assert bool(family.review) is not bool(phone)
    assert bool(family.refusal) is bool(phone)


def test_ticket_and_appointment_go_with_the_person_to_a_new_phone():
    reservation = ReservationFactory()
    person, old = reservation.person, reservation.person.phone
    ticket = person.tickets.get()

    kept = see_card(person=person, card=Card.RESIDENT, by=BY, phone=NEW_PHONE).person

    assert (kept.pk, kept.phone) == (person.pk, NEW_PHONE)
    assert kept.session_generation == person.session_generation + 1
    assert kept.tickets.get() == ticket
    assert kept.reservations.get() == reservation
    assert declared_with(NEW_PHONE, person) == kept
    told = Message.objects.filter(kind__in=["phone", "correction"]).order_by("kind")
    assert [message.to for message in told] == [NEW_PHONE, old]
    # The next roster, which still has the old phone, recognizes the row.
    assert _replaced_values([kept.pk]) == {kept.pk: {"phone": old}}
    assert "correction_granted" in [event.kind for event in story_of(kept.pk)]


def test_who_declared_themselves_with_the_new_phone_becomes_one_with_the_roster():
    person = PersonFactory()
    twin = declared_with(NEW_PHONE, person)

    kept = see_card(person=person, card=Card.RESIDENT, by=BY, phone=NEW_PHONE).person

    assert (kept.pk, kept.phone) == (person.pk, NEW_PHONE)
    assert Person.objects.get(pk=twin.pk).forgotten_at
    assert declared_with(NEW_PHONE, person) == kept


def test_the_row_with_the_ticket_stays_and_takes_the_roster_over():
    cohort = CohortFactory()
    person = PersonFactory()
    twin = declared_with(NEW_PHONE, person)
    review = open_review(person=twin, cohort=cohort, reason="identity")
    ticket = TicketFactory(person=twin)

    kept = see_card(person=person, card=Card.RESIDENT, by=BY, phone=NEW_PHONE).person

    assert (kept.pk, kept.phone, kept.roster_key) == (twin.pk, NEW_PHONE, person.roster_key)
    assert kept.tickets.get() == ticket
    assert may_book(kept)
    assert Review.objects.get(pk=review.pk).status == ReviewStatus.GRANTED
    assert Person.objects.get(pk=person.pk).forgotten_at
    replaced = Correction.objects.get(person=kept)
    assert (replaced.wanted, replaced.replaced) == (NEW_PHONE, person.phone)


def test_of_two_who_both_have_something_nothing_is_lost():
    person = ReservationFactory().person
    twin = declared_with(NEW_PHONE, person)
    ticket = TicketFactory(person=twin)

    with translation.override("en"), pytest.raises(CardRefused, match="both stay"):
        see_card(person=person, card=Card.RESIDENT, by=BY, phone=NEW_PHONE)

    assert Person.objects.get(pk=person.pk).phone == person.phone
    assert twin.tickets.get() == ticket
    assert not Message.objects.filter(kind="phone").exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("every_invariant_holds")
def test_two_counters_and_a_join_at_once_lose_no_place():
    """The person joins with the new phone while two counters move the old one to it."""
    person = PersonFactory()
    twin = declared_with(NEW_PHONE, person)
    room = TicketFactory().room

    at_once(
        [
            partial(see_card, person=person, card=Card.RESIDENT, by=BY, phone=NEW_PHONE),
            partial(see_card, person=person, card=Card.DRIVER, by="staff:8", phone=NEW_PHONE),
            partial(issue_ticket, room=room, person_id=person.pk),
        ]
    )

    live = Person.objects.get(phone_index__in=[declared_with(NEW_PHONE, person).phone_index])
    assert live.pk in (person.pk, twin.pk)
    for ticket in room.tickets.filter(person__in=[person, twin]):
        assert ticket.person.forgotten_at is None


def test_the_counter_finds_by_the_card_and_says_what_was_asked(local):  # noqa: F811
    CohortFactory()
    person = {"name": "새사람", "birth_date": "19640102", "phone": "010-7777-1234"}

    answer = local.post(CARD, {"card": "driver", **person})

    new = Person.objects.get()
    assert answer.status_code == 302
    assert said(answer)[0].startswith("Noted: the card was seen. The health authority was asked")
    assert Review.objects.get(person=new).note == "신분증 확인(창구): 운전면허증"
    assert page(local.get(answer.url)).count("showed an identity card at a counter") >= 1
    looks = Access.objects.filter(what__in=["find", "card"]).order_by("pk")
    assert list(looks.values_list("act", "data")) == [
        ("search", {"found": 0}),
        ("change", {"card": "driver"}),
    ]


def test_a_new_phone_is_given_only_to_the_chosen_one_of_that_name(local):  # noqa: F811
    CohortFactory()
    first, second = (PersonFactory(name="박서준", phone=f"+82101234{n}") for n in (1111, 2222))
    asked = typed(first, phone="010-8765-4321")

    choice = local.post(CARD, asked)

    assert choice.status_code == 422
    text = page(choice)
    assert "010-****-1111 · 서울특별시 강남구 · on the roster" in text
    assert "010-1234-1111" not in text
    refused = local.post(CARD, {**asked, "person": "999999"})
    assert refused.status_code == 422
    answer = local.post(CARD, {**asked, "person": str(second.pk)})
    assert answer.status_code == 302
    assert Person.objects.get(pk=first.pk).phone == first.phone
    assert Person.objects.get(pk=second.pk).phone == NEW_PHONE
    other = local.post(CARD, {**asked, "person": "new", "phone": "010-5555-4321"})
    assert other.status_code == 302
    assert Person.objects.count() == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("card", ""),
        ("card", "640512-1234567"),
        ("birth_date", "640512-1234567"),
        ("phone", "02-123-4567"),
        ("phone", "\0"),
        ("name", "<script>"),
        ("name", "가" * 300),
    ],
)
def test_bad_input_is_refused_and_no_number_is_repeated(local, field, value):  # noqa: F811
    answer = local.post(CARD, typed(PersonFactory(), **{field: value}))

    assert answer.status_code in (400, 422)
    assert "1234567" not in page(answer)
    assert not Access.objects.filter(what="card").exists()


def test_a_caller_found_already_gets_a_new_phone(local):  # noqa: F811
    person = ReservationFactory().person
    address = search(local, person.phone).url

    wrong = local.post(f"{address}card/", {"card": "resident", "phone": "02-1"})
    answer = local.post(f"{address}card/", {"card": "resident", "phone": "010-8765-4321"})

    assert wrong.status_code == 422
    assert answer.status_code == 302
    assert Person.objects.get(pk=person.pk).phone == NEW_PHONE
    assert "010-8765-4321" in page(local.get(answer.url))


def test_people_of_another_region_are_not_listed_for_a_local_government(local):  # noqa: F811
    CohortFactory()
    far = PersonFactory(name="박서준", region="부산광역시", district="해운대구")

    answer = local.post(CARD, typed(far, phone="010-8765-4321"))

    assert answer.status_code == 302
    assert Person.objects.get(pk=far.pk).phone == far.phone
    assert "부산광역시" not in page(local.get(answer.url))


def test_who_may_not_book_may_not_see_cards(local):  # noqa: F811
    person = ReservationFactory(slot=SlotFactory(clinic=ClinicFactory())).person
    address = search(local, person.phone).url
    local.force_login(StaffFactory(role=Role.AUTHORITY))

    for each in (CARD, f"{address}card/"):
        assert (local.get(each).status_code, local.post(each).status_code) == (403, 403)
