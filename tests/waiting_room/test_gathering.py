"""Joins that share a statement, over HTTP and past the lean path, on real connections."""

from collections import Counter
from datetime import date
from functools import partial

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from eligibility.sessions import sign_in
from tests.concurrency import at_once
from tests.factories import PersonFactory
from waiting_room import gathering, services
from waiting_room.gathering import Gatherer
from waiting_room.models import Ticket

from .scene import issued, join, make_eligible, make_room

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def gathered(settings, monkeypatch):
    settings.GATHER_JOINS = True
    gatherer = Gatherer()
    monkeypatch.setattr("waiting_room.gathering.gatherer", gatherer)
    monkeypatch.setattr("waiting_room.lean.gatherer", gatherer)
    yield gatherer
    gatherer.stop()


def browser(person, **more) -> Client:
    client, response = Client(**more), HttpResponse()
    if person:
        sign_in(response, person_id=person.pk)
        client.cookies.update(response.cookies)
    return client


def post(room, client) -> HttpResponse:
    return client.post(f"/queue/{room.cohort.code}/join/")


def test_a_lone_join_is_answered_with_its_ticket():
    room = make_room()
    person = make_eligible(room)

    response = post(room, browser(person))

    ticket = Ticket.objects.get()
    assert (response.status_code, response.headers["Location"]) == (302, f"/queue/t/{ticket.pk}/")
    assert (ticket.person_id, ticket.entry) == (person.pk, 1)


def test_many_at_once_get_a_number_each_in_few_statements(gathered, monkeypatch):
    room = make_room()
    people = [make_eligible(room) for _ in range(40)]
    batches = []
    ask = gathered._ask
    monkeypatch.setattr(
        gathered, "_ask", lambda room_id, asked: batches.append(len(asked)) or ask(room_id, asked)
    )

    outcomes = at_once([partial(post, room, browser(person)) for person in people])

    mine = {str(t.pk): t.person_id for t in Ticket.objects.all()}
    shown = [mine[response.headers["Location"].split("/")[3]] for response in outcomes]
    assert shown == [person.pk for person in people]
    assert sorted(Ticket.objects.values_list("entry", flat=True)) == list(range(1, 41))
    assert sum(batches) == 40
    assert len(batches) < 40


def test_one_person_on_many_devices_is_one_ticket():
    room = make_room()
    person = make_eligible(room)

    outcomes = at_once([partial(post, room, browser(person))] * 20)

    assert len({response.headers["Location"] for response in outcomes}) == 1
    assert Ticket.objects.count() == issued(room) == 1


def test_whoever_may_not_join_is_told_why_and_the_others_of_the_statement_are_not_held_up():
    room = make_room()
    good = [make_eligible(room) for _ in range(5)]
    bad = [PersonFactory(birth_date=date(1999, 1, 1)) for _ in range(5)]

    outcomes = at_once([partial(post, room, browser(one)) for one in [*good, *bad]])

    assert Counter(response.status_code for response in outcomes) == {302: 5, 403: 5}
    assert Ticket.objects.count() == 5


def test_whoever_left_comes_back_to_the_same_place():
    room = make_room()
    ticket = join(room)
    services.leave_line(ticket=ticket)

    response = post(room, browser(ticket.person))

    assert response.headers["Location"] == f"/queue/t/{ticket.pk}/"
    assert Ticket.objects.get().left_at is None


def test_people_of_two_rooms_keep_to_their_rooms():
    rooms = [make_room(), make_room()]
    people = [(room, make_eligible(room)) for room in rooms for _ in range(10)]

    at_once([partial(post, room, browser(person)) for room, person in people])

    for room in rooms:
        assert set(room.tickets.values_list("person_id", flat=True)) == {
            person.pk for other, person in people if other == room
        }


def test_a_connection_that_died_costs_nobody_their_join():
    room = make_room()
    post(room, browser(make_eligible(room)))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )

    assert post(room, browser(make_eligible(room))).status_code == 302
    assert Ticket.objects.count() == 2


def test_a_database_that_is_gone_is_an_honest_503(monkeypatch, gathered):
    from django.db import OperationalError

    room = make_room()
    person = make_eligible(room)

    def gone(*_args):
        raise OperationalError("gone")

    monkeypatch.setattr(gathered, "_ask", gone)
    monkeypatch.setattr("waiting_room.views.join_line", gone_join)

    response = post(room, browser(person))

    assert response.status_code == 503
    assert "자리는 그대로입니다" in response.content.decode()
    assert not Ticket.objects.exists()


def gone_join(**_more):
    return gathering.gatherer.join(1, 1)


def test_the_lean_path_asks_for_the_token_like_any_form():
    room = make_room()
    person = make_eligible(room)
    client = browser(person, enforce_csrf_checks=True)

    assert post(room, client).status_code == 403
    token = "a" * 32
    client.cookies["csrftoken"] = token
    path = f"/queue/{room.cohort.code}/join/"
    assert client.post(path, {"csrfmiddlewaretoken": "b" * 32}).status_code == 403
    assert not Ticket.objects.exists()
    assert client.post(path, {"csrfmiddlewaretoken": token}).status_code == 302
    other = {"Origin": "https://elsewhere.example"}
    assert client.post(path, {"csrfmiddlewaretoken": token}, headers=other).status_code == 403


def test_whoever_is_not_signed_in_takes_the_ordinary_way():
    assert post(make_room(), browser(None)).headers["Location"].startswith("/identity/")
