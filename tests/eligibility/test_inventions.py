"""Invented names get nobody a place, a dose, or more of a draw than a household has."""

import random
from collections import Counter
from datetime import date
from functools import partial

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from eligibility.enums import Proof, Reason
from eligibility.models import Decision, Review
from eligibility.services.decisions import store_decisions
from eligibility.services.reviews import grant_review, open_review, refuse_review
from tests.concurrency import at_once
from tests.eligibility.signing_in import sign_in
from tests.factories import CohortFactory, PersonFactory, RoomFactory, TicketFactory
from waiting_room import draw
from waiting_room.models import Admission, Line, Ticket

pytestmark = pytest.mark.django_db

PHONE = "+821000001234"


def browser_of(person) -> Client:
    browser = Client(headers={"accept-language": "en"})
    sign_in(browser, person)
    return browser


def invented(number: int = 0, **values):
    return PersonFactory(declared=True, phone=PHONE, name=f"김허구{chr(0xAC00 + number)}", **values)


def review(browser, cohort):
    return browser.post(reverse("review", args=[cohort.code]), {"reason": "other", "note": ""})


def join(browser, room):
    return browser.post(reverse("queue_join", args=[room.cohort.code]))


def test_a_typed_birth_date_that_does_not_fit_is_no_matter_of_a_review():
    room = RoomFactory()
    browser = browser_of(invented(birth_date=date(2003, 4, 5)))

    shown = browser.get("/eligibility/").content.decode()
    asked = review(browser, room.cohort)

    assert reverse("review", args=[room.cohort.code]) not in shown
    assert asked.status_code == 409
    assert join(browser, room).status_code == 403
    assert not Review.objects.exists()


def test_whoever_waits_for_a_decision_does_not_enter_before_it():
    room = RoomFactory()
    person = invented()
    browser = browser_of(person)
    review(browser, room.cohort)
    joined = join(browser, room)
    ticket = Ticket.objects.get()
    Line.objects.filter(pk=room.pk).update(serving=ticket.place)

    early = browser.post(reverse("enter", args=[ticket.pk]))
    booking = browser.get(reverse("booking"))
    grant_review(review=Review.objects.get(), by="staff:1")
    granted = browser.post(reverse("enter", args=[ticket.pk]))

    assert joined.status_code == 302
    assert early.status_code == 409
    assert "Your review is not decided yet" in early.content.decode()
    assert booking.status_code == 403
    # At once, without waiting for a job, and by the place that was waited for.
    assert granted["Location"] == "/booking/"


def test_the_table_of_admissions_refuses_a_provisional_ticket_by_itself():
    ticket = TicketFactory(called=True)
    Ticket.objects.filter(pk=ticket.pk).update(provisional=True)
    now = timezone.now()

    with pytest.raises(IntegrityError, match="provisional"), transaction.atomic():
        Admission.objects.create(ticket=ticket, room=ticket.room, entered_at=now, expires_at=now)


def test_one_phone_has_one_open_review_whatever_names_it_invents():
    """In any cohort; once the review is decided the next of the household has their turn."""
    rooms = [RoomFactory(), RoomFactory()]
    first, second = browser_of(invented()), browser_of(invented(1))

    asked = [review(browser, rooms[0].cohort).status_code for browser in (first, second)]
    other_line = review(second, rooms[1].cohort)
    joined = join(first, rooms[0]).status_code, join(second, rooms[0]).status_code
    refuse_review(review=Review.objects.get(), by="staff:1", answer="-")
    ended = Ticket.objects.get()
    next_turn = review(second, rooms[1].cohort)

    assert asked == [302, 409]
    assert other_line.status_code == 409
    assert "A review for another person with your phone number is open" in (
        other_line.content.decode()
    )
    assert joined == (302, 403)
    assert (ended.provisional, ended.left_at is not None) == (True, True)
    assert next_turn.status_code == 302


@pytest.mark.django_db(transaction=True)
def test_names_of_one_phone_that_ask_at_once_open_one_review():
    cohort = CohortFactory()
    people = [invented(number) for number in range(6)]

    asking = [partial(open_review, person=one, cohort=cohort, reason="other") for one in people]
    outcomes = Counter(type(outcome).__name__ for outcome in at_once(asking))

    assert outcomes == {"Review": 1, "ReviewRefused": 5}
    assert Review.objects.filter(status="open").count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_table_of_reviews_refuses_a_second_open_one_by_itself():
    """Also when both are written at once, by code that takes no lock."""
    cohort = CohortFactory()
    writing = [
        partial(Review.objects.create, person=invented(number), cohort=cohort, reason="other")
        for number in range(4)
    ]

    outcomes = Counter(type(outcome).__name__ for outcome in at_once(writing))
    Review.objects.update(status="withdrawn", closed_at=timezone.now())
    again = Review.objects.create(person=invented(5), cohort=cohort, reason="other")

    assert outcomes == {"Review": 1, "IntegrityError": 3}
    with pytest.raises(IntegrityError, match="a review of this phone is open"):
        Review.objects.exclude(pk=again.pk).update(status="open", closed_at=None)


def test_withdrawing_reviews_makes_no_room_for_more_names(settings):
    room = RoomFactory()

    statuses = []
    for number in range(8):
        browser = browser_of(invented(number))
        statuses.append(review(browser, room.cohort).status_code)
        browser.post(reverse("review_withdraw", args=[room.cohort.code]))

    assert statuses == [302] * settings.HOUSEHOLD_SIZE + [409] * (8 - settings.HOUSEHOLD_SIZE)


def test_one_phone_has_a_household_of_places_where_the_counter_proves_the_birth_date(settings):
    room = RoomFactory(cohort=CohortFactory(proof=Proof.COUNTER))
    people = [invented(number) for number in range(8)]
    browsers = [browser_of(person) for person in people]

    pages = [browser.get("/eligibility/").content.decode() for browser in browsers]
    joined = [join(browser, room).status_code for browser in browsers]

    most = settings.HOUSEHOLD_SIZE
    assert joined == [302] * most + [403] * (8 - most)
    assert Ticket.objects.count() == most
    assert f"{most} people book this period with your phone number already" in pages[-1]
    assert review(browsers[-1], room.cohort).status_code == 409


def test_people_of_the_roster_are_no_inventions_and_count_against_nobody(settings):
    cohort = CohortFactory(proof=Proof.COUNTER)
    listed = [PersonFactory(phone=PHONE) for _ in range(7)]
    for person in listed:
        store_decisions(person=person)

    [answer] = store_decisions(person=invented())

    assert Decision.objects.filter(cohort=cohort, person__in=listed).count() == 7
    assert answer.eligible


def test_a_yes_that_was_given_stays_when_the_household_is_full(settings):
    CohortFactory(proof=Proof.COUNTER)
    first = invented()
    store_decisions(person=first)
    for number in range(1, 8):
        store_decisions(person=invented(number))

    assert store_decisions(person=first)[0].eligible
    assert store_decisions(person=invented(9))[0].rule == Reason.HOUSEHOLD


@pytest.mark.django_db(transaction=True)
def test_a_household_is_counted_right_when_all_names_come_at_once(settings):
    CohortFactory(proof=Proof.COUNTER)
    people = [invented(number) for number in range(10)]

    at_once([partial(store_decisions, person=person) for person in people])

    assert Decision.objects.filter(eligible=True).count() == settings.HOUSEHOLD_SIZE


PHONES, ENTRIES, DOSES, DRAWS = 1_000, 100_000, 20_000, 3


def doses_of_the_attacker(inventions: int, seed: int, *, may_enter: bool) -> int:
    """One draw among everybody; doses go by place to those who may enter."""
    count = ENTRIES + inventions
    shuffled = random.Random(seed)  # noqa: S311 - which entries are inventions, no secret
    made_up = set(shuffled.sample(range(count), inventions))
    order = draw.entries(count, seed.to_bytes(32))
    entering = (entry for entry in order if may_enter or entry not in made_up)
    return sum(next(entering) in made_up for _ in range(DOSES))


def test_a_thousand_phones_win_nothing_by_reviews_and_a_household_each_at_the_counter(settings):
    """The figures of docs/eligibility.md: what one attacker gets of the doses of one draw."""
    by_review = PHONES  # one open review each
    by_counter = settings.HOUSEHOLD_SIZE * PHONES
    expected = DOSES * by_counter / (ENTRIES + by_counter)

    reviews = [doses_of_the_attacker(by_review, seed, may_enter=False) for seed in range(DRAWS)]
    counter = [doses_of_the_attacker(by_counter, seed, may_enter=True) for seed in range(DRAWS)]

    assert reviews == [0] * DRAWS
    # A hypergeometric draw: its spread is about 27 doses, and five times that is never passed.
    assert all(abs(won - expected) < 135 for won in counter)
    assert expected / DOSES < 0.05
