import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from eligibility.sessions import COOKIE, sign_in
from tests.factories import CohortFactory, PersonFactory, RoomFactory, TicketFactory
from tests.markup import flat
from tests.waiting_room.scene import back_in_time
from waiting_room.services import rooms

pytestmark = pytest.mark.django_db


def as_person(person) -> Client:
    answer = HttpResponse()
    sign_in(answer, person_id=person.pk)
    client = Client()
    client.cookies[COOKIE] = answer.cookies[COOKIE].value
    return client


def states(page: str) -> list[str]:
    return re.findall(r'class="jari-card jari-cohort is-(\w+)"', page)


def test_home_shows_every_window_with_its_state(client):
    CohortFactory(closed=True)
    RoomFactory()
    RoomFactory(gathering=True)
    CohortFactory(soon=True)
    rooms.pause_room(room=RoomFactory(), message_ko="점검", by="test")
    back_in_time(RoomFactory(), 60)

    page = flat(client.get("/"))

    assert states(page) == ["may_join", "paused", "still", "may_gather", "not_yet", "closed"]


def test_home_says_when_nothing_is_announced(client):
    page = flat(client.get("/"))

    assert states(page) == []
    assert "아직 정해진 예약 기간이 없습니다." in page


def test_home_shows_the_time_of_the_server_in_korea(client, clock):
    clock.move_to(datetime(2026, 7, 20, 11, 0, 5, tzinfo=UTC))

    page = flat(client.get("/"))

    shown = re.search(r'data-part="time">([\d:]+)<', page)[1]
    assert shown == "20:00:05"
    assert timezone.now().astimezone(ZoneInfo("Asia/Seoul")).strftime("%H:%M:%S") == shown


def test_home_speaks_english_when_asked(client):
    CohortFactory(name_en="Aged 55 to 59")

    client.post("/i18n/setlang/", {"language": "en", "next": "/"})
    page = flat(client.get("/"))

    assert '<html lang="en">' in page
    assert re.findall(r"<h3>(.*?)</h3>", page) == ["Aged 55 to 59"]
    body = re.sub(r'<span lang="ko">자리</span>|lang="ko">한국어<|简体中文', "", page)
    assert re.findall(r"[가-힣]+", body) == []


def test_home_starts_with_the_identity_for_a_stranger(client):
    page = flat(client.get("/"))

    assert f'href="{reverse("identity")}">시작하기</a>' in page
    assert reverse("identity_sign_out") not in page


def test_home_leads_a_known_person_to_what_they_may_book():
    page = flat(as_person(PersonFactory()).get("/"))

    assert f'jari-button" href="{reverse("eligibility")}"' in page
    assert reverse("identity_sign_out") in page


def test_home_leads_back_to_the_place_in_the_line():
    ticket = TicketFactory()

    page = flat(as_person(ticket.person).get("/"))

    assert f'jari-button" href="{reverse("ticket", args=[ticket.pk])}"' in page


def test_home_shows_no_place_of_somebody_else():
    ticket = TicketFactory()

    page = flat(as_person(PersonFactory()).get("/"))

    assert str(ticket.pk) not in page


@pytest.mark.parametrize("count", [1, 3])
def test_home_asks_the_database_the_same_for_any_number_of_cohorts(
    client, django_assert_num_queries, count
):
    for _ in range(count):
        CohortFactory(opens_at=timezone.now() + timedelta(days=count))

    with django_assert_num_queries(2):
        client.get("/")
