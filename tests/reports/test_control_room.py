"""The control room: who sees it, what it shows, and orders that are asked twice."""

import re
from functools import partial

import pytest

from reports.parts import PARTS, TITLES
from staff.enums import Role
from tests.concurrency import at_once
from tests.factories import ClinicFactory, RoomFactory, StaffFactory
from tests.staff.signing_in import StaffClient
from tests.waiting_room.scene import back_in_time, called, join, tick
from waiting_room.enums import Act
from waiting_room.exceptions import CantChange
from waiting_room.models import OperatorAct, Room
from waiting_room.services import entering, orders, rooms

pytestmark = pytest.mark.django_db

PAGE, ORDER = "/admin/control/", "/admin/control/act/"
PAUSE = {"act": "pause", "message_ko": "점검 중입니다.", "message_en": "Check", "reason": "점검"}
PACE = {"act": "pace", "max_active": 50, "max_per_minute": 90, "reason": "예약이 느림"}


@pytest.fixture(autouse=True)
def _own_home(settings, tmp_path):
    settings.HOME = tmp_path


@pytest.fixture
def operator():
    return signed_in(Role.OPERATOR)


def signed_in(role: str, **more) -> StaffClient:
    client = StaffClient(headers={"Accept-Language": "en"})
    client.user = StaffFactory(role=role, **more)
    client.force_login(client.user)
    return client


def hidden(html: str) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', html):
        fields.setdefault(name, []).append(value)
    fields.pop("csrfmiddlewaretoken", None)
    return fields


def ask(client, *which: Room, **fields) -> tuple[str, dict]:
    """The page that asks once more, and the fields that it sends."""
    answer = client.post(ORDER, {"rooms": [room.pk for room in which], **fields})
    text = answer.content.decode()
    assert answer.status_code == 200, text
    return text, hidden(text)


def paused(*which: Room) -> list[bool]:
    return [Room.objects.get(pk=room.pk).status == "paused" for room in which]


@pytest.mark.parametrize(
    ("role", "sees", "acts"),
    [
        (Role.OPERATOR, 200, 200),
        (Role.AUTHORITY, 200, 403),
        (Role.AUDITOR, 200, 403),
        (Role.LOCAL, 403, 403),
        (Role.CLINIC, 403, 403),
    ],
)
def test_operators_act_and_others_look_or_stay_out(role, sees, acts):
    room = RoomFactory()
    where = {"clinic": ClinicFactory()} if role == Role.CLINIC else {}
    client = signed_in(role, **where, **({"region": "서울특별시"} if role == Role.LOCAL else {}))

    for address in ("", "now/?live=1", "parts/", "hour/?part=1"):
        assert client.get(PAGE + address).status_code == sees
    assert client.post(ORDER, {"rooms": room.pk, **PAUSE}).status_code == acts
    assert client.get("/admin/control/undo/1/").status_code == (404 if acts == 200 else 403)
    assert ("Pause, or change" in client.get(PAGE).content.decode()) == (acts == 200)


def test_the_page_shows_rooms_parts_and_the_last_hour(clock, django_assert_max_num_queries):
    clock.at("20:00:30")
    operator = signed_in(Role.OPERATOR)
    room, other = RoomFactory(max_active=20, max_per_minute=120), RoomFactory()
    for minute in range(3):
        clock.at(f"20:0{minute + 1}:00")
        entering.enter(ticket=called(room))
        join(other)
        tick(room)
    clock.forward(seconds=8)

    with django_assert_max_num_queries(12):
        text = operator.get(PAGE).content.decode()
    assert "3 / 20" in text
    assert "8 s ago" in text
    assert "Everybody who waits has been called." in text
    for address in ("now/?live=1", "parts/?part=1", "hour/?part=1", "hour/"):
        with django_assert_max_num_queries(12):
            assert operator.get(PAGE + address).status_code == 200
    state = operator.get(PAGE + "parts/").content.decode()
    assert re.search(r"Database</span>\s*<span class=\"control-state\">in order", state)
    assert re.search(r"Cron</span>\s*<span class=\"control-state\">not running", state)
    hour = operator.get(PAGE + "hour/").content.decode()
    assert f'id="room{room.pk}_moved"' in hour
    assert "20:01" in hour


def test_each_part_has_a_title():
    assert list(TITLES) == list(PARTS)


def test_nothing_happens_before_the_second_confirmation(operator):
    room, other = RoomFactory(), RoomFactory()
    for _ in range(2):
        join(room)
    tick(room)
    join(room)
    tick(room)

    text, fields = ask(operator, room, other, **PAUSE)
    assert paused(room, other) == [False, False]
    assert "Running → " not in text
    assert "점검 중입니다. / Check" in text

    refused = operator.post(ORDER, fields)
    assert refused.status_code == 422
    assert "Tick the box" in refused.content.decode()
    assert paused(room, other) == [False, False]

    done = operator.post(ORDER, {**fields, "sure": "yes"}, follow=True)
    assert "Done in 2 rooms." in done.content.decode()
    assert paused(room, other) == [True, True]
    first, second = OperatorAct.objects.order_by("pk")
    assert first.batch == second.batch is not None
    assert (first.reason, first.before["status"], first.after["status"]) == (
        "점검",
        "running",
        "paused",
    )
    assert first.step.by == f"staff:{operator.user.pk}"
    assert "점검 중입니다. / Check" in operator.get(PAGE).content.decode()


def test_all_rooms_are_paused_with_ready_words_and_an_act_is_taken_back(operator):
    room, other = RoomFactory(), RoomFactory()
    fields = {"act": "pause", "rooms": "all", "template": "check", "reason": "점검"}

    asked = operator.post(ORDER, fields).content.decode()
    operator.post(ORDER, {**hidden(asked), "sure": "yes"})
    assert paused(room, other) == [True, True]
    assert "번호는 그대로" in Room.objects.get(pk=room.pk).pause_message_ko
    rooms.resume_room(room=other, by="command:x")  # elsewhere, so only one is to be taken back
    act = OperatorAct.objects.get(room=room)

    back = f"/admin/control/undo/{act.pk}/"
    asked = operator.get(back).content.decode()
    assert str(other) not in asked
    operator.post(back, {**hidden(asked), "sure": "yes", "reason": "끝났음"})

    assert paused(room, other) == [False, False]
    assert act.undone_by.reason == "끝났음"
    again = operator.get(back, follow=True).content.decode()
    assert "Somebody else acted meanwhile." in again


def test_a_pace_shows_what_it_does_to_waiting_and_comes_back(operator):
    room = RoomFactory(max_active=100, max_per_minute=60)
    for _ in range(9):
        join(room)
    tick(room)
    for _ in range(30):
        join(room)
    back_in_time(room, 1)
    tick(room)

    text, fields = ask(operator, room, **PACE)
    assert "What it does to waiting" in text
    assert "100 at once, 60 a minute" in text
    assert "50 at once, 90 a minute" in text
    operator.post(ORDER, {**fields, "sure": "yes"})
    act = OperatorAct.objects.get()
    assert (act.before["max_active"], act.after["max_active"]) == (100, 50)

    back = f"/admin/control/undo/{act.pk}/"
    asked = operator.get(back).content.decode()
    operator.post(back, {**hidden(asked), "sure": "yes", "reason": "되돌림"})
    room.refresh_from_db()
    assert (room.max_active, room.max_per_minute) == (100, 60)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"act": "pause", "reason": "점검"}, "Say in Korean why nobody is called."),
        ({**PAUSE, "reason": ""}, "This field is required."),
        ({**PAUSE, "message_ko": "가" * 201}, "at most 200 characters"),
        ({**PACE, "max_active": 0}, "greater than or equal to 1"),
        ({**PACE, "max_active": "", "max_per_minute": "many"}, "Write a number."),
        ({**PAUSE, "rooms": []}, "Choose at least one room."),
        ({**PAUSE, "rooms": ["999999"]}, "999999 is not one of the available choices"),
        ({**PAUSE, "act": "close"}, "Please correct"),
    ],
)
def test_bad_input_is_named_and_changes_nothing(operator, fields, words):
    room = RoomFactory()

    answer = operator.post(
        ORDER, {"rooms": [room.pk], "seen": f"{room.pk}:0", "sure": "yes", **fields}
    )

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not OperatorAct.objects.exists()


def test_an_old_page_is_told_what_changed_and_does_nothing(operator):
    room = RoomFactory()
    other = signed_in(Role.OPERATOR)
    _text, mine = ask(operator, room, **PAUSE)
    _text, theirs = ask(other, room, **PACE)
    other.post(ORDER, {**theirs, "sure": "yes"})

    answer = operator.post(ORDER, {**mine, "sure": "yes"})

    text = answer.content.decode()
    assert answer.status_code == 409
    assert "Somebody else acted meanwhile." in text
    assert other.user.username in text
    assert "예약이 느림" in text
    assert paused(room) == [False]
    operator.post(ORDER, {**hidden(text), "sure": "yes"})
    assert paused(room) == [True]


def test_what_is_so_already_and_what_is_closed_is_not_done(operator):
    room = RoomFactory()
    rooms.pause_room(room=room, message_ko="점검 중입니다.", message_en="Check", by="staff:1")
    text, _fields = ask(operator, room, **PAUSE)
    assert "It is so already." in text
    assert "Do it now" not in text
    rooms.close_room(room=room, by="staff:1")
    assert operator.post(ORDER, {"rooms": room.pk, **PAUSE}).status_code == 422
    closing = OperatorAct.objects.get(step__act=Act.CLOSE)
    assert "can't be opened again" in operator.get(
        f"/admin/control/undo/{closing.pk}/", follow=True
    ).content.decode().replace("&#x27;", "'")


@pytest.mark.django_db(transaction=True)
def test_of_two_operators_at_once_one_acts_and_the_other_is_told():
    first, second = RoomFactory(), RoomFactory()
    both = [first.pk, second.pk]
    seen = orders.versions(both)
    pause = orders.Order(act=Act.PAUSE, message_ko="점검")
    pace = orders.Order(act=Act.PACE, max_active=5, max_per_minute=5)
    call = partial(orders.carry_out, shown_versions=seen, reason="시험")

    outcomes = at_once(
        [
            partial(call, orders=dict.fromkeys(both, pause), by="staff:1"),
            partial(call, orders=dict.fromkeys(reversed(both), pace), by="staff:2"),
        ]
    )

    refused = [one for one in outcomes if isinstance(one, orders.ChangedMeanwhile)]
    assert [one.room_ids for one in refused] == [sorted(both)]
    assert OperatorAct.objects.count() == 2
    assert len({act.step.by for act in OperatorAct.objects.select_related("step")}) == 1


def test_an_order_that_fails_in_one_room_is_done_in_none():
    room, closed = RoomFactory(), RoomFactory()
    rooms.close_room(room=closed, by="staff:1")
    both = [room.pk, closed.pk]
    pause = orders.Order(act=Act.PAUSE, message_ko="점검")

    with pytest.raises(CantChange):
        orders.carry_out(
            orders=dict.fromkeys(both, pause),
            shown_versions=orders.versions(both),
            by="x",
            reason="y",
        )

    assert paused(room) == [False]
