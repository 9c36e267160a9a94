"""Entering in the event loop is that of the view, or left to it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from booking.fast_path import TOKEN
from booking.models import Reservation
from eligibility.models import Proxy
from eligibility.services.signing_out import sign_out_everywhere
from eligibility.sessions import sign_in
from tests.booking.test_fast_path import fast, rows, shown
from tests.factories import PersonFactory, SlotFactory
from tests.waiting_room.scene import call, called, join, make_drawn_room, make_room, open_doors
from waiting_room import health
from waiting_room.models import Admission, DoorWait, Ticket
from waiting_room.services import entering, joining, rooms

pytestmark = pytest.mark.django_db(transaction=True)

OWN = {"headers": {"sec-fetch-site": "same-origin"}}


class Scene:
    """A called person's ticket and browser; `fast` and the views ask by its cookies."""

    def __init__(self, ticket: Ticket, **session: Any) -> None:
        self.ticket = ticket
        self.browser = Client(headers={"accept-language": "en"})
        response = HttpResponse()
        sign_in(response, person_id=ticket.person_id, **session)
        self.browser.cookies.update(response.cookies)
        self.browser.cookies["csrftoken"] = "t" * 32

    @property
    def address(self) -> str:
        return reverse("enter", args=[self.ticket.pk])

    def by_view(self, form: dict[str, Any]) -> HttpResponse:
        return self.browser.post(self.address, form, **OWN)


@pytest.fixture
def scene() -> Scene:
    return Scene(called(make_room()))


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize(
    ("form", "where"),
    [
        ({TOKEN: "x"}, "/booking/"),
        ({TOKEN: "x", "slot": 7}, "/booking/hold/"),
        ({TOKEN: "x", "slot": 7, "second": 8}, "/booking/hold/"),
        ({TOKEN: "x", "slot": "seven"}, "/booking/"),
    ],
)
def test_entering_is_that_of_the_view_in_answer_and_rows(clock, form, where, language):
    clock.freeze()
    room = make_room()
    mine, other = Scene(called(room)), Scene(called(room))
    for each in (mine, other):
        each.browser.cookies["jari_language"] = language

    answer, viewed = fast(mine, mine.address, form), other.by_view(form)

    assert shown(answer) == shown(viewed)
    assert answer.headers["Location"] == where
    [_reservations, _messages, [first, second]] = rows()
    assert first == second
    assert {row.ticket_id for row in Admission.objects.all()} == {mine.ticket.pk, other.ticket.pk}


def test_entering_again_is_answered_alike_with_the_same_admission(scene):
    first, again = (fast(scene, scene.address, {TOKEN: "x"}) for _time in range(2))

    assert shown(first) == shown(again) == shown(scene.by_view({}))
    assert Admission.objects.count() == 1


def test_a_slot_pressed_before_is_held_after_entering(scene):
    slot = SlotFactory()

    answer = fast(scene, scene.address, {TOKEN: "x", "slot": slot.pk})
    # As a browser does at 307.
    scene.browser.post(answer.headers["Location"], {"slot": slot.pk}, **OWN)

    assert answer.status_code == 307
    assert Reservation.objects.get().slot_id == slot.pk


def test_after_a_draw_its_place_decides():
    room = make_drawn_room()
    tickets = sorted([join(room) for _ in range(5)], key=lambda ticket: ticket.entry)
    room = open_doors(room)
    call(room, 2)
    scenes = [Scene(ticket) for ticket in tickets]

    answers = [fast(scene, scene.address, {TOKEN: "x"}) for scene in scenes]

    places = [room.place_of(ticket.entry) for ticket in tickets]
    assert [answer is not None for answer in answers] == [place <= 2 for place in places]
    assert sorted(Admission.objects.values_list("place", flat=True)) == [1, 2]


def acting(scene: Scene) -> None:
    mother, person = PersonFactory(), scene.ticket.person
    Proxy.objects.create(person=person, by=mother, shows_earlier=True)
    scene.__init__(scene.ticket, by_id=mother.pk)


def full(scene: Scene) -> None:
    rooms.set_pace(room=scene.ticket.room, max_active=1, max_per_minute=9, by="staff:1")
    entering.enter(ticket=called(scene.ticket.room))


LEFT: dict[str, tuple[dict[str, Any], Callable[[Scene], Any] | None]] = {
    "of another site": ({"HTTP_SEC_FETCH_SITE": "cross-site"}, None),
    "of an old browser": ({"HTTP_SEC_FETCH_SITE": ""}, None),
    "by GET": ({"method": "get"}, None),
    "of the script at the door": ({"content_type": "multipart/form-data; boundary=x"}, None),
    "for another host": ({"HTTP_HOST": "exa mple"}, None),
    "with a query": ({"QUERY_STRING": "called=1"}, None),
    "signed out": ({}, lambda scene: sign_out_everywhere(scene.ticket.person_id)),
    "without a cookie": ({}, lambda scene: scene.browser.cookies.clear()),
    "by a proxy": ({}, acting),
    "full": ({}, full),
    "closed": ({}, lambda scene: rooms.close_room(room=scene.ticket.room, by="staff:1")),
    "left": ({}, lambda scene: joining.leave_line(ticket=scene.ticket)),
    "without a database": ({}, None),
}


@pytest.mark.parametrize("why", LEFT)
def test_unusual_entering_is_left_to_the_view(scene, why, monkeypatch):
    more, prepare = LEFT[why]
    if prepare:
        prepare(scene)
    monkeypatch.setattr("database.silence.silence.is_away", why == "without a database")

    assert fast(scene, scene.address, {TOKEN: "x"}, **more) is None
    assert not Admission.objects.filter(ticket=scene.ticket).exists()
    assert not DoorWait.objects.exists()


@pytest.mark.parametrize("form", [{"person": 1}, {"language": "ko"}, {"slot": 1, "called": 1}])
def test_an_unusual_form_is_left_to_the_view(scene, form):
    assert fast(scene, scene.address, form) is None
    assert not Admission.objects.exists()


def test_nobody_enters_with_the_ticket_of_another(scene):
    thief = Scene(called(scene.ticket.room))

    assert fast(thief, scene.address, {TOKEN: "x"}) is None
    assert fast(thief, scene.address.upper(), {TOKEN: "x"}) is None
    assert not Admission.objects.exists()


def test_who_is_not_called_does_not_come_near_the_lines_lock(monkeypatch):
    scene = Scene(join(make_room()))
    monkeypatch.setattr("waiting_room.batched_entries.EntryBatcher.enter", None)

    assert fast(scene, scene.address, {TOKEN: "x"}) is None


def test_entering_is_not_counted_among_the_pages_of_booking(scene, monkeypatch):
    noted: list[float] = []
    monkeypatch.setattr(health.tally, "note", noted.append)

    assert fast(scene, scene.address, {TOKEN: "x"}).status_code == 302
    assert noted == []
