from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from staff.enums import Role
from staff.models import Access, User
from tests.factories import PersonFactory
from tests.staff.signing_in import StaffClient
from tests.waiting_room.scene import (
    back_in_time,
    join,
    make_drawn_room,
    make_eligible,
    make_room,
    tick,
)
from waiting_room.models import Room
from waiting_room.services.resume_codes import code_keys
from web.codes import resume_code

pytestmark = pytest.mark.django_db


def log_in(role: str, **more) -> Client:
    user = User.objects.create_user(
        f"{role}-{User.objects.count()}", password="x", role=role, is_staff=True, **more
    )
    client = StaffClient(headers={"Accept-Language": "en"})
    client.force_login(user)
    return client


def desk(room) -> str:
    return f"/admin/waiting_room/room/{room.pk}/change/"


def post(client, room, act, **fields):
    return client.post(f"/admin/waiting_room/room/{room.pk}/{act}/", fields, follow=True)


def test_the_desk_shows_how_the_line_stands_and_why():
    room = make_room()
    for _ in range(3):
        join(room)
    back_in_time(room, 1)
    tick(room)

    text = log_in(Role.OPERATOR).get(desk(room)).content.decode()

    assert "Everybody who waits has been called." in text
    assert "1–3" in text


def test_every_act_goes_through_a_service_and_is_recorded_with_who():
    room, client = make_room(), log_in(Role.OPERATOR)
    user = User.objects.get()

    post(client, room, "close")
    room.refresh_from_db()
    assert room.status == "running"
    post(client, room, "close", sure="yes")

    room.refresh_from_db()
    assert room.status == "closed"
    acts = room.steps.filter(by=f"staff:{user.pk}").order_by("pk").values_list("act", flat=True)
    assert list(acts) == ["close"]
    changes = room.events.exclude(pgh_context=None)
    assert {event.pgh_context.metadata["user"] for event in changes} == {user.pk}
    history = client.get(f"/admin/waiting_room/room/{room.pk}/history/").content.decode()
    assert user.username in history


def test_the_draw_is_prepared_before_anybody_may_join():
    room = make_drawn_room(joins_from=timezone.now() + timedelta(minutes=30))
    client = log_in(Role.AUTHORITY)

    post(client, room, "set-draw", source="officers", statement="Lotto 1234")
    post(client, room, "add-officer", name="Newspaper", commitment="ab" * 32)
    post(client, room, "set-gathering", joins_from="2026-01-02T19:30")
    post(client, room, "set-draw", source="stated", statement="another")

    room.refresh_from_db()
    assert (room.draw_source, room.draw_statement) == ("officers", "Lotto 1234")
    assert [officer.name for officer in room.officers.all()] == ["Newspaper"]
    assert room.joins_from.isoformat() == "2026-01-02T10:30:00+00:00"
    assert room.steps.filter(act="plan").last().details["officers"] == 1


def test_what_touches_a_running_line_is_ordered_in_the_control_room():
    room, client = make_room(), log_in(Role.OPERATOR)

    page = client.get(desk(room)).content.decode()

    there = f"/admin/control/?room={room.pk}"
    assert f'href="{there}#orders"' in page
    form = client.get(there).context["form"]
    assert form["rooms"].value() == [str(room.pk)]
    assert client.get("/admin/control/?room=x").status_code == 200
    assert there not in log_in(Role.AUTHORITY).get(desk(room)).content.decode()


def test_a_refusal_of_the_service_is_said():
    room, client = make_room(), log_in(Role.OPERATOR)

    response = post(client, room, "open-secret", name="Nobody", secret="ab" * 32)

    assert "No officer of this draw has that name." in response.content.decode()


@pytest.mark.parametrize("role", [Role.CLINIC, Role.LOCAL])
def test_others_neither_see_nor_run_rooms(role):
    from booking.models import Clinic

    clinic = Clinic.objects.create(code="1", name="의원", region="서울특별시", district="강남구")
    where = {"clinic": clinic} if role == Role.CLINIC else {"region": "서울특별시"}
    room, client = make_room(), log_in(role, **where)

    assert client.get(desk(room)).status_code in (302, 403)
    assert client.get("/admin/waiting_room/room/").status_code == 403
    for act in ["close", "set-draw"]:
        assert post(client, room, act, sure="yes").status_code in (403, 404)
    assert Room.objects.get().status == "running"


def test_local_government_finds_its_own_peoples_tickets_only_and_is_recorded():
    room = make_room()
    near = join(room, make_eligible(room, PersonFactory(region="서울특별시")))
    far = join(room, make_eligible(room, PersonFactory(region="부산광역시")))
    client = log_in(Role.LOCAL, region="서울특별시")
    pages = "/admin/waiting_room/ticket/"

    listed = client.get(pages).content.decode()
    assert str(near.pk) in listed
    assert str(far.pk) not in listed
    assert client.get(f"{pages}{near.pk}/change/").status_code == 200
    assert client.get(f"{pages}{far.pk}/change/").status_code == 302
    for ticket, found in [(near, True), (far, False)]:
        code = resume_code(ticket.pk, code_keys()[0])
        answer = client.post(pages, {"search": code}, follow=True).content.decode()
        assert (str(ticket.pk) in answer) is found
    assert Access.objects.filter(people=[near.person_id]).exists()
    assert not Access.objects.filter(people__contains=[far.person_id]).exists()


def test_lists_take_the_same_queries_for_one_room_and_three(django_assert_max_num_queries):
    client = log_in(Role.OPERATOR)
    make_room()
    with django_assert_max_num_queries(12):
        client.get("/admin/waiting_room/room/")
    make_room()
    make_drawn_room()
    with django_assert_max_num_queries(12):
        client.get("/admin/waiting_room/room/")
