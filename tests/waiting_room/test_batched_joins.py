"""Joins that share a statement, through the whole application, on real connections."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from types import SimpleNamespace

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.http import HttpResponse

from config.bridge import WsgiBridge
from config.headers import security_headers
from eligibility.models import Proxy
from eligibility.services.signing_out import sign_out_everywhere
from eligibility.sessions import (
    end_session,
    find_session,
    read_cookie,
    sign_in,
)
from tests.factories import PersonFactory
from tests.roles import as_owner
from tests.waiting_room.scene import issued, join, make_eligible, make_room
from waiting_room.batched_joins import JoinBatcher
from waiting_room.fast_path import FastPathApplication
from waiting_room.models import Ticket
from waiting_room.now_cache import NowCache
from waiting_room.services.joining import leave_line

TOKEN = "a" * 32
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _a_board_that_knows_nothing(monkeypatch):
    monkeypatch.setattr("waiting_room.now_cache.documents", NowCache())


class Headers:
    """As granian hands them over: names in small letters, several of one name kept apart."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def get(self, name: str, default: str | None = None) -> str | None:
        return next((value for key, value in self._pairs if key == name), default)

    def get_all(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]

    def items(self) -> list[tuple[str, str]]:
        return self._pairs


@dataclass
class Request:
    method: str
    path: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def scope(self) -> SimpleNamespace:
        return SimpleNamespace(
            method=self.method, path=self.path, query_string="", http_version="1.1",
            scheme="http", server="testserver:80", client="127.0.0.1:5000", authority=None,
            headers=Headers([*self.headers, ("content-length", str(len(self.body)))]),
        )  # fmt: skip


class Answer:
    """The protocol of one request, and what it was answered."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def __aiter__(self):
        yield self.body

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status_code, self.headers, self.content = status, dict(headers), body


def ask(requests: Sequence[Request], *, then=None) -> list[Answer]:
    """All of them at once, in one event loop; `then` comes after, on the same connection."""

    async def one(application: FastPathApplication, request: Request) -> Answer:
        answer = Answer(request.body)
        await application(request.scope, answer)
        return answer

    async def everybody() -> list[Answer]:
        application = FastPathApplication(WsgiBridge(WSGIHandler()), headers=security_headers())
        try:
            answers = list(await asyncio.gather(*[one(application, r) for r in requests]))
            if then:
                await asyncio.to_thread(then[0])
                answers.append(await one(application, then[1]))
            return answers
        finally:
            if application._batcher:
                await application._batcher.close()

    # In a thread of its own: Playwright's event loop may run in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(everybody())).result()


def browser(person, *, site: str | None = "same-origin", token: str = TOKEN) -> list:
    """What a browser sends along of its own: cookies, and where the form came from."""
    cookies = f"other=1; csrftoken={TOKEN}"
    if person:
        response = HttpResponse()
        sign_in(response, person_id=person.pk)
        cookies += f"; jari_who={response.cookies['jari_who'].value}"
    headers = [("host", "localhost"), ("cookie", cookies)]
    if site is not None:
        headers.append(("sec-fetch-site", site))
    if token:
        headers.append(("x-csrftoken", token))  # stands for the form's own field
    return headers


def joining(room, headers: list, **more) -> Request:
    return Request("POST", f"/queue/{room.cohort.code}/join/", headers, **more)


def post(room, headers: list, **more) -> Answer:
    return ask([joining(room, headers, **more)])[0]


def test_a_lone_join_is_answered_with_its_ticket():
    room = make_room()
    person = make_eligible(room)

    response = post(room, browser(person))

    ticket = Ticket.objects.get()
    assert (response.status_code, response.headers["location"]) == (302, f"/queue/t/{ticket.pk}/")
    assert (ticket.person_id, ticket.entry) == (person.pk, 1)


def test_polls_and_joins_have_the_headers_of_every_answer():
    room = make_room()
    person = make_eligible(room)
    poll = Request("GET", f"/queue/{room.cohort.code}/now.json", [("host", "localhost")])

    answers = ask([joining(room, browser(person)), poll])

    assert [answer.status_code for answer in answers] == [302, 200]
    for answer in answers:
        assert answer.headers.items() >= dict(security_headers()).items()


def test_a_poll_that_names_two_hosts_is_refused():
    room = make_room()
    hosts = [("host", "localhost"), ("host", "other")]

    answer = ask([Request("GET", f"/queue/{room.cohort.code}/now.json", hosts)])[0]

    assert answer.status_code == 400


def test_many_at_once_get_a_number_each_in_few_statements(monkeypatch):
    room = make_room()
    people = [make_eligible(room) for _ in range(40)]
    batches = []
    asked = JoinBatcher._execute

    async def counted(self, link, room_id, wanted):
        batches.append(len(wanted))
        return await asked(self, link, room_id, wanted)

    monkeypatch.setattr(JoinBatcher, "_execute", counted)

    outcomes = ask([joining(room, browser(person)) for person in people])

    mine = {str(t.pk): t.person_id for t in Ticket.objects.all()}
    shown = [mine[response.headers["location"].split("/")[3]] for response in outcomes]
    assert shown == [person.pk for person in people]
    assert sorted(Ticket.objects.values_list("entry", flat=True)) == list(range(1, 41))
    assert sum(batches) == 40
    assert len(batches) < 40


def test_one_person_on_many_devices_is_one_ticket():
    room = make_room()
    person = make_eligible(room)

    outcomes = ask([joining(room, browser(person))] * 20)

    assert len({response.headers["location"] for response in outcomes}) == 1
    assert Ticket.objects.count() == issued(room) == 1


def test_whoever_may_not_join_is_told_why_and_the_others_of_the_statement_are_not_held_up():
    room = make_room()
    good = [make_eligible(room) for _ in range(5)]
    bad = [PersonFactory(birth_date=date(1999, 1, 1)) for _ in range(5)]

    outcomes = ask([joining(room, browser(one)) for one in [*good, *bad]])

    assert Counter(response.status_code for response in outcomes) == {302: 5, 403: 5}
    assert Ticket.objects.count() == 5


def test_whoever_left_comes_back_to_the_same_place():
    room = make_room()
    ticket = join(room)
    leave_line(ticket=ticket)

    response = post(room, browser(ticket.person))

    assert response.headers["location"] == f"/queue/t/{ticket.pk}/"
    assert Ticket.objects.get().left_at is None


def test_people_of_two_rooms_keep_to_their_rooms():
    rooms = [make_room(), make_room()]
    people = [(room, make_eligible(room)) for room in rooms for _ in range(10)]

    ask([joining(room, browser(person)) for room, person in people])

    for room in rooms:
        assert set(room.tickets.values_list("person_id", flat=True)) == {
            person.pk for other, person in people if other == room
        }


def test_a_connection_that_died_costs_nobody_their_join():
    room = make_room()
    first, second = [joining(room, browser(make_eligible(room))) for _ in range(2)]

    ended = []

    def end_the_connection_of_the_joins():
        with as_owner(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND query LIKE '%gate AS MATERIALIZED%'"
            )
            ended.extend(cursor.fetchall())
        connection.close()

    answers = ask([first], then=(end_the_connection_of_the_joins, second))

    assert ended == [(True,)]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert Ticket.objects.count() == 2


@pytest.fixture
def _no_connection_for_joins(monkeypatch):
    async def gone():
        from psycopg import OperationalError

        raise OperationalError("gone")

    monkeypatch.setattr("waiting_room.batched_joins.connect", gone)


@pytest.mark.usefixtures("_no_connection_for_joins")
def test_joins_that_find_no_connection_of_their_own_take_the_ordinary_way():
    room = make_room()

    response = post(room, browser(make_eligible(room)))

    assert response.status_code == 302
    assert Ticket.objects.count() == 1


@pytest.mark.usefixtures("_no_connection_for_joins")
def test_a_database_that_is_gone_is_an_honest_503(monkeypatch):
    from django.db import OperationalError

    def gone(**_who):
        raise OperationalError("gone")

    room = make_room()
    person = make_eligible(room)
    monkeypatch.setattr("waiting_room.services.joining.issue_ticket", gone)

    response = post(room, browser(person))

    assert response.status_code == 503
    assert "자리는 그대로입니다" in response.content.decode()
    assert not Ticket.objects.exists()


def test_joins_that_hang_are_given_up_and_the_next_go_on(monkeypatch):
    room = make_room()
    people = [make_eligible(room) for _ in range(3)]
    monkeypatch.setattr("waiting_room.batched_joins.PATIENCE_SECONDS", 0.1)
    asked, turns = JoinBatcher._execute, []

    async def first_hangs(self, link, room_id, wanted):
        turns.append(len(wanted))
        if len(turns) == 1:
            await link.execute("SELECT pg_sleep(60)")
        return await asked(self, link, room_id, wanted)

    monkeypatch.setattr(JoinBatcher, "_execute", first_hangs)
    first, *rest = [joining(room, browser(person)) for person in people]

    answers = ask([first, *rest])

    assert [answer.status_code for answer in answers] == [302] * 3
    assert Ticket.objects.count() == 3


def test_polls_and_joins_without_tls_are_refused_where_it_is_required(settings):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    room = make_room()
    headers = browser(make_eligible(room))
    path = f"/queue/{room.cohort.code}/now.json"
    by_tls = ("x-forwarded-proto", "https")

    plain = [joining(room, headers), Request("GET", path, [("host", "localhost")])]
    safe = [
        joining(room, [*headers, by_tls]),
        Request("GET", path, [("host", "localhost"), by_tls]),
    ]

    assert [answer.status_code for answer in ask(plain)] == [403, 403]
    assert not Ticket.objects.exists()
    assert [answer.status_code for answer in ask(safe)] == [302, 200]


def test_a_form_of_another_site_is_refused_as_ever():
    room = make_room()
    person = make_eligible(room)

    for site in ["cross-site", "same-site", "none", "", None]:
        assert post(room, browser(person, site=site, token="")).status_code == 403
    assert not Ticket.objects.exists()


def test_a_browser_that_does_not_say_where_a_form_came_from_joins_by_its_token():
    room = make_room()
    headers = browser(make_eligible(room), site=None, token="")
    headers.append(("content-type", "application/x-www-form-urlencoded"))

    answer = post(room, headers, body=f"csrfmiddlewaretoken={TOKEN}".encode())

    assert (answer.status_code, Ticket.objects.count()) == (302, 1)


def test_whoever_acts_for_another_joins_only_while_they_may():
    room = make_room()
    person, proxy = make_eligible(room), PersonFactory()
    Proxy.objects.create(person=person, by=proxy)
    response = HttpResponse()
    sign_in(response, person_id=person.pk, by_id=proxy.pk)
    headers = browser(None)
    headers[1] = ("cookie", f"csrftoken={TOKEN}; jari_who={response.cookies['jari_who'].value}")

    headers.append(("content-type", "application/x-www-form-urlencoded"))
    form = f"csrfmiddlewaretoken={TOKEN}&for={person.pk}".encode()

    assert post(room, headers, body=form).status_code == 302
    assert Ticket.objects.get().person_id == person.pk

    with as_owner():
        Ticket.objects.all().delete()
    Proxy.objects.update(ended_at="2026-01-01T00:00Z")
    post(room, headers, body=form)
    assert not Ticket.objects.exists()


def test_whoever_is_not_signed_in_takes_the_ordinary_way():
    room = make_room()
    for cookies in ["", "jari_who=forged", "jari_who=", "jari_who=a; jari_who=b"]:
        headers = [("host", "localhost"), ("cookie", cookies), ("sec-fetch-site", "same-origin")]
        assert post(room, headers).status_code in (302, 403)
    assert not Ticket.objects.exists()


@pytest.mark.parametrize("apart", [False, True])
def test_of_two_cookies_with_one_name_none_is_believed(apart):
    room = make_room()
    headers = browser(make_eligible(room))
    if apart:
        headers.append(("cookie", "jari_who=of-somebody-else"))
    else:
        headers[1] = ("cookie", headers[1][1] + "; jari_who=of-somebody-else")

    post(room, headers)

    assert not Ticket.objects.exists()


def test_a_poll_is_answered_with_the_document_and_without_a_body_where_it_is_known():
    room = make_room()
    path, host = f"/queue/{room.cohort.code}/now.json", ("host", "localhost")

    [first] = ask([Request("GET", path, [host])])
    [again] = ask([Request("GET", path, [host, ("if-none-match", first.headers["etag"])])])

    assert json.loads(first.content) == room.board.document
    assert first.headers["cache-control"] == "public, max-age=1"
    assert (again.status_code, again.content) == (304, b"")
    [unknown] = ask([Request("GET", "/queue/no-such-room/now.json", [host])])
    assert unknown.status_code == 404


def test_whoever_signed_out_everywhere_joins_with_no_old_cookie():
    room = make_room()
    person = make_eligible(room)
    old = browser(person)
    sign_out_everywhere(person.pk)

    answer = post(room, old)

    assert answer.headers["location"].startswith("/identity/")
    assert not Ticket.objects.exists()
    assert post(room, browser(person)).status_code == 302
    assert Ticket.objects.get().person_id == person.pk


def test_a_copied_cookie_does_not_join_after_signing_out_in_its_browser():
    room = make_room()
    person = make_eligible(room)
    copied = browser(person)
    end_session(find_session(read_cookie(copied[1][1].rpartition("=")[2])))

    answer = post(room, copied)

    assert answer.headers["location"].startswith("/identity/")
    assert not Ticket.objects.exists()
    assert post(room, browser(person)).status_code == 302
    assert Ticket.objects.get().person_id == person.pk


def test_an_old_and_a_new_cookie_in_one_statement_are_told_apart():
    room = make_room()
    person = make_eligible(room)
    sign_out_everywhere(person.pk)

    async def both() -> list[str | None]:
        gatherer = JoinBatcher()
        try:
            return await asyncio.gather(
                gatherer.join(room.pk, person.pk, (0, 7)), gatherer.join(room.pk, person.pk, (1, 5))
            )
        finally:
            await gatherer.close()

    with ThreadPoolExecutor(1) as thread:
        old, new = thread.submit(lambda: asyncio.run(both())).result()

    assert old is None
    assert new == str(Ticket.objects.get().pk)
