"""Other times offered to the people of closed hours: taken, kept, declined, or left unanswered."""

from datetime import timedelta
from functools import partial

import pytest
from django.urls import reverse

from booking.enums import ClosureAnswer, ClosureMode
from booking.exceptions import ChoiceOver, Refused
from booking.models import ClosureChoice, ClosureOffer, ListEntry, Reservation, Slot
from booking.services import closures
from booking.services.changes import cancel_reservation
from booking.services.closure_answers import answer, end_choices
from booking.services.closure_messages import render_closed, tell
from booking.services.closure_plans import Wish
from database.clock import database_now
from events.services import story_of
from messaging.models import Message
from tests.booking.closures import BY, book, close, places, seats, slot_at
from tests.booking.test_path import page
from tests.concurrency import at_once
from tests.factories import SlotFactory
from tests.roles import as_owner

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("every_invariant_holds"),
]
OFFER = Wish(ClosureMode.OFFER, days=14, answer=timedelta(hours=12))
KEPT, CHOSE, DECLINED = ClosureAnswer.KEPT, ClosureAnswer.CHOSE, ClosureAnswer.DECLINED


@pytest.fixture
def scene():
    """One person moved to the day after, with two further days kept, and told."""
    return offered()


def offered(people: int = 1, capacity: int = 10):
    slot = SlotFactory()
    rows = book(slot, people)
    days = [slot_at(slot, day, capacity=capacity) for day in (1, 2, 3)]
    closure = close(slot, OFFER)
    tell(closure_id=closure.pk)
    return closure, rows, [day.pk for day in days]


def booked(ids) -> list[int]:
    now = seats()
    return [now[pk][2] for pk in ids]


def offer_of(row: Reservation) -> ClosureOffer:
    return ClosureOffer.objects.get(affected__reservation=row)


def test_the_message_names_the_new_time_and_the_way_to_others(scene):
    _closure, [row], days = scene

    assert places([row]) == [("confirmed", days[0])]
    assert booked(days) == [1, 1, 1]
    [message] = render_closed([Message.objects.get(kind="closed").key]).values()
    assert reverse("closure_offer", args=[offer_of(row).token]) in message.text


def test_messages_are_rendered_together_by_one_statement(django_assert_num_queries):
    offered(3)
    keys = list(Message.objects.filter(kind="closed").values_list("key", flat=True))
    render_closed(keys)  # reads the authority's own texts, once a minute

    with django_assert_num_queries(1):
        rendered = render_closed(keys)

    assert list(rendered) == keys


@pytest.mark.parametrize(
    ("given", "chosen", "place", "left"),
    [
        (KEPT, None, ("confirmed", 0), [1, 0, 0]),
        (CHOSE, 2, ("confirmed", 2), [0, 0, 1]),
        (DECLINED, None, ("cancelled", 0), [0, 0, 0]),
    ],
)
def test_an_answer_takes_one_time_and_gives_the_others_back(scene, given, chosen, place, left):
    _closure, [row], days = scene
    token = offer_of(row).token
    slot_id = None if chosen is None else days[chosen]

    answer(token=token, answer=given, slot_id=slot_id)
    answer(token=token, answer=given, slot_id=slot_id)  # pressed twice

    assert places([row]) == [(place[0], days[place[1]])]
    assert booked(days) == left
    assert [event.kind for event in story_of(row.person_id)].count(f"closure_{given}") == 1
    listed = ListEntry.objects.filter(person=row.person_id).values_list("priority", flat=True)
    assert list(listed) == ([1] if given == DECLINED else [])
    with pytest.raises(ChoiceOver):
        answer(token=token, answer=KEPT if given != KEPT else DECLINED)


def test_without_an_answer_the_new_time_stands_and_the_others_go_back(scene, clock):
    closure, [row], days = scene
    clock.move_to(closure.answer_until, tick=True)

    with pytest.raises(ChoiceOver):
        answer(token=offer_of(row).token, answer=CHOSE, slot_id=days[1])
    assert end_choices() == 2
    assert end_choices() == 0

    assert places([row]) == [("confirmed", days[0])]
    assert booked(days) == [1, 0, 0]


def test_an_appointment_changed_since_has_no_more_choice(scene):
    _closure, [row], days = scene
    cancel_reservation(reservation=row, by="citizen")

    with pytest.raises(ChoiceOver):
        answer(token=offer_of(row).token, answer=CHOSE, slot_id=days[1])


def test_taking_back_gives_the_kept_times_back():
    slot = SlotFactory()
    rows = book(slot, 2)
    days = [slot_at(slot, day) for day in (1, 2, 3)]
    before = seats()
    closure = close(slot, OFFER)
    assert sum(booked([day.pk for day in days])) == 6

    closures.take_back(closure=closure, by=BY)

    assert seats() == before
    assert {status for status, _slot in places(rows)} == {"confirmed"}
    assert not ClosureChoice.objects.filter(status="open").exists()


def test_answers_and_the_end_of_the_time_at_once_lose_no_seat(clock):
    closure, rows, days = offered(people=4, capacity=4)
    with as_owner():
        closure.answer_until = database_now() + timedelta(milliseconds=50)
        closure.save(update_fields=["answer_until"])
    calls = [
        partial(answer, token=offer_of(row).token, answer=given, slot_id=days[number % 3])
        for number, row in enumerate(rows)
        for given in (CHOSE, DECLINED)
    ]

    outcomes = at_once([*calls, end_choices, end_choices])

    broken = [one for one in outcomes if isinstance(one, Exception)]
    assert [one for one in broken if not isinstance(one, Refused)] == []
    clock.move_to(closure.answer_until + timedelta(seconds=1), tick=True)
    end_choices()
    live = Reservation.objects.filter(status="confirmed").count()
    assert sum(booked(days)) == live
    assert Slot.objects.filter(pk__in=days, booked__gt=4).count() == 0


def test_the_page_shows_the_times_and_takes_the_answer(client, scene, clock):
    _closure, [row], days = scene
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    address = reverse("closure_offer", args=[offer_of(row).token])

    shown = page(client.get(address))
    wrong = client.post(address, {"slot": "999999"})
    nothing = client.post(address, {})
    taken = client.post(address, {"slot": days[1]}, follow=True)
    late = client.post(address, {"answer": "declined"})

    assert "Power, water or the building failed" in shown
    assert shown.count("Take this time") == 2
    assert (wrong.status_code, nothing.status_code, late.status_code) == (409, 422, 409)
    assert "Your appointment was moved to the time you chose." in page(taken)
    assert row.number not in page(taken)
    assert places([row]) == [("confirmed", days[1])]


def test_an_unknown_token_is_not_found(client):
    address = reverse("closure_offer", args=["00000000-0000-4000-8000-000000000000"])

    assert client.get(address).status_code == 404
