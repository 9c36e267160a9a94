"""Joins that share a statement, over HTTP and past the lean path, on real connections."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import date
from functools import partial
from io import BytesIO

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory

from eligibility.sessions import sign_in
from tests.concurrency import at_once
from tests.factories import PersonFactory
from waiting_room import services
from waiting_room.gathering import Gatherer
from waiting_room.lean import LeanApplication
from waiting_room.models import Ticket
from waiting_room.now import NowBoard

from .scene import issued, join, make_eligible, make_room

application = LeanApplication(WSGIHandler())

TOKEN = "a" * 32
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def gathered(settings, monkeypatch):
    settings.GATHER_JOINS = True
    gatherer = Gatherer()
    monkeypatch.setattr("waiting_room.gathering.gatherer", gatherer)
    monkeypatch.setattr("waiting_room.lean.gatherer", gatherer)
    monkeypatch.setattr("waiting_room.lean._rooms", {})
    monkeypatch.setattr("waiting_room.now.board", NowBoard())
    yield gatherer
    gatherer.stop()


@dataclass
class Answer:
    status_code: int
    headers: dict
    content: bytes


def browser(person) -> dict:
    """What a browser sends along of its own: cookies, and where the form came from."""
    cookies = f"other=1; csrftoken={TOKEN}"
    if person:
        response = HttpResponse()
        sign_in(response, person_id=person.pk)
        cookies += f"; jari_who={response.cookies['jari_who'].value}"
    form = {"HTTP_X_CSRFTOKEN": TOKEN}  # stands for the form's own field
    return {"HTTP_COOKIE": cookies, "HTTP_SEC_FETCH_SITE": "same-origin", **form}


def ask(method: str, path: str, **environ) -> Answer:
    """Through the whole application, as a web server calls it."""
    environ = RequestFactory()._base_environ(REQUEST_METHOD=method, PATH_INFO=path, **environ)
    started = []
    body = application(environ, lambda status, headers, *_error: started.append((status, headers)))
    try:
        return Answer(int(started[0][0][:3]), dict(started[0][1]), b"".join(body))
    finally:
        getattr(body, "close", lambda: None)()


def post(room, sent: dict) -> Answer:
    return ask("POST", f"/queue/{room.cohort.code}/join/", **sent)


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

    response = post(room, browser(person))

    assert response.status_code == 503
    assert "자리는 그대로입니다" in response.content.decode()
    assert not Ticket.objects.exists()


def test_a_form_of_another_site_is_refused_as_ever():
    room = make_room()
    sent = browser(make_eligible(room)) | {"HTTP_X_CSRFTOKEN": ""}

    for site in ["cross-site", "same-site", "none", ""]:
        assert post(room, sent | {"HTTP_SEC_FETCH_SITE": site}).status_code == 403
    sent.pop("HTTP_SEC_FETCH_SITE")
    assert post(room, sent).status_code == 403
    assert not Ticket.objects.exists()


def test_a_browser_that_does_not_say_where_a_form_came_from_joins_by_its_token():
    room = make_room()
    body = f"csrfmiddlewaretoken={TOKEN}".encode()
    sent = browser(make_eligible(room)) | {"HTTP_X_CSRFTOKEN": ""}
    sent.pop("HTTP_SEC_FETCH_SITE")

    answer = post(
        room,
        sent
        | {
            "wsgi.input": BytesIO(body),
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
        },
    )

    assert (answer.status_code, Ticket.objects.count()) == (302, 1)


def test_whoever_is_not_signed_in_takes_the_ordinary_way():
    room = make_room()
    for cookies in ["", "jari_who=forged", "jari_who=", "jari_who=a; jari_who=b"]:
        sent = {"HTTP_COOKIE": cookies, "HTTP_SEC_FETCH_SITE": "same-origin"}
        assert post(room, sent).status_code in (302, 403)
    assert not Ticket.objects.exists()


def test_of_two_cookies_with_one_name_none_is_believed():
    room = make_room()
    sent = browser(make_eligible(room))
    sent["HTTP_COOKIE"] += "; jari_who=of-somebody-else"

    post(room, sent)

    assert not Ticket.objects.exists()


def test_a_poll_is_answered_with_the_document_and_without_a_body_where_it_is_known():
    room = make_room()
    path = f"/queue/{room.cohort.code}/now.json"

    first = ask("GET", path)
    again = ask("GET", path, HTTP_IF_NONE_MATCH=first.headers["ETag"])

    assert json.loads(first.content) == room.board.document
    assert first.headers["Cache-Control"] == "public, max-age=1"
    assert (again.status_code, again.content) == (304, b"")
    assert ask("GET", "/queue/no-such-room/now.json").status_code == 404
