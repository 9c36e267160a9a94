"""Nobody is called before the witnesses of the plan have cosigned the closed list, or the plan's
wait for them is over: enforced by the tick and by the database, and said on every page."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import transaction
from django.utils import translation

from database.clock import database_now
from eligibility.enums import Order
from eligibility.models import Cohort
from staff.enums import Role
from tests.eligibility.signing_in import sign_in
from tests.waiting_room.scene import back_in_time, join, make_eligible, make_room, tick
from tests.waiting_room.test_admin import desk, log_in, post
from waiting_room.enums import State
from waiting_room.exceptions import CantChange
from waiting_room.models import AskedWitness, Line, Room
from waiting_room.offline import verify_line, witness
from waiting_room.services.asking_witnesses import ask_witnesses
from waiting_room.services.log_files import signed_checkpoint
from waiting_room.services.publishing import log_lines
from waiting_room.services.rooms import close_room, set_witness_plan
from waiting_room.services.witnessed import health_line
from waiting_room.tlog.witnessing import request

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _in_english():
    with translation.override("en"):
        yield


def gathered(order=Order.DRAW, **more) -> Room:
    """A room in which three people gather, whose plan was made before they could."""
    now = database_now()
    room = make_room(
        order=order,
        opens_at=now + timedelta(hours=2),
        joins_from=now + timedelta(hours=1),
        **more,
    )
    Room.objects.filter(pk=room.pk).update(joins_from=now - timedelta(minutes=1))
    room.refresh_from_db()
    for _ in range(3):
        join(room)
    return tick(room)


def close_list(room: Room) -> Room:
    opened = database_now() - timedelta(seconds=1)
    Cohort.objects.filter(pk=room.cohort_id).update(opens_at=opened)
    return tick(room)


def tick_later(room: Room) -> Room:
    """Some seconds on, in which the pace lets three people go."""
    back_in_time(room, 5)
    return tick(room)


def ask_now() -> int:
    AskedWitness.objects.update(asked_at=None)
    return ask_witnesses()


def report_of(room: Room):
    rows = "".join(log_lines(room)).splitlines(keepends=True)
    return verify_line.check(verify_line.rows_of(rows))


def acts(room: Room) -> list[str]:
    return list(room.steps.order_by("pk").values_list("act", flat=True))


@pytest.mark.parametrize(
    ("order", "state"), [(Order.DRAW, State.DRAWING), (Order.FIFO, State.WITNESSING)]
)
def test_nobody_is_called_before_enough_witnesses_have_cosigned(start, order, state):
    start("city", "newspaper", quorum=2)
    room = close_list(gathered(order))
    for _ in range(3):
        room = tick(room)

    assert (room.board.document["state"], room.line.serving) == (state, 0)
    waiting = room.board.document["witnessing"]
    assert (waiting["signed"], waiting["needed"]) == (0, 2)
    assert "call" not in acts(room)
    assert "reveal" not in acts(room)

    ask_now()
    room = tick_later(tick(room))

    assert room.line.serving == 3
    assert room.board.document["witnessing"] is None
    done = acts(room)
    assert done.index("witnessed") < done.index("call")
    report = report_of(room)
    assert report.troubles == []
    assert any("The closed list was cosigned by" in note for note in report.notes)


def test_one_of_two_is_too_few(start):
    [city, _newspaper] = start("city", "newspaper", quorum=2)
    city.keys.clear()  # it does not know this portal
    room = close_list(gathered(Order.FIFO))
    ask_now()

    room = tick(room)

    assert room.board.document["witnessing"]["signed"] == 1
    assert room.line.serving == 0


def test_what_was_cosigned_before_the_list_was_closed_does_not_count(start):
    start("city", quorum=1)
    room = gathered()
    ask_now()

    room = tick(close_list(room))

    assert room.board.document["witnessing"]["signed"] == 0
    assert "witnessed" not in acts(room)


def test_after_the_wait_of_the_plan_the_line_goes_on_and_says_so(start, clock, caplog):
    clock.freeze()
    [city, _newspaper] = start("city", "newspaper", quorum=2)
    city.keys.clear()
    room = close_list(gathered(Order.FIFO))
    ask_now()

    clock.forward(minutes=5, seconds=-1)
    assert tick(room).line.serving == 0
    clock.forward(seconds=1)
    room = tick(room)

    assert room.line.serving == 3
    assert "without quorum: 1 of 2" in caplog.text
    assert f"{room.cohort.code}: without quorum" in health_line()
    report = report_of(room)
    assert report.troubles == []
    assert any(
        note.startswith("WITHOUT QUORUM: 1 of the 2") and note.endswith("Missing: city.")
        for note in report.notes
    )


def test_a_draw_that_was_held_without_its_witnesses_says_so_on_its_pages(start, clock, client):
    clock.freeze()
    [city] = start("city", quorum=1)
    city.keys.clear()
    room = close_list(gathered())
    clock.forward(minutes=5)

    room = tick(tick(room))

    assert room.drawn_at is not None
    for page in ("", "draw/"):
        answer = client.get(f"/queue/{room.cohort.code}/{page}", headers={"Accept-Language": "en"})
        assert "This line was opened without enough witnesses" in answer.content.decode()


def test_a_room_without_witnesses_does_not_wait(start):
    room = tick(close_list(gathered()))

    assert room.drawn_at is not None
    assert (room.witnesses, room.quorum, room.awaits_witnesses) == ("", 0, False)
    plan = room.steps.filter(act="plan").latest("pk").details
    assert "quorum" not in plan


def test_witnesses_that_are_not_waited_for_hold_nobody_up(start):
    start("city")

    room = tick_later(close_list(gathered(Order.FIFO)))

    assert room.line.serving == 3
    plan = room.steps.filter(act="plan").latest("pk").details
    assert plan["quorum"] == 0
    assert report_of(room).troubles == []


def test_a_room_that_was_closed_while_it_waited_records_nothing_more(start, clock):
    clock.freeze()
    start("city", quorum=1)
    room = close_list(gathered(Order.FIFO))
    close_room(room=room, by="staff:1")
    clock.forward(minutes=10)

    room = tick(room)

    assert acts(room)[-1] == "close"
    assert report_of(room).troubles == []


# The plan


def test_the_witnesses_and_the_wait_stand_in_the_plan_before_anybody_joins(start):
    [city] = start("city", quorum=1)
    now = database_now()

    room = make_room(
        order=Order.DRAW, opens_at=now + timedelta(hours=2), joins_from=now + timedelta(hours=1)
    )
    set_witness_plan(room=room, quorum=1, minutes=7, by="staff:1")

    plan = room.steps.filter(act="plan").latest("pk").details
    code = room.cohort.code
    assert plan["log"] == f"jari.example.kr/queue/{code}/log"
    assert plan["witnesses"] == f"city {city.vkey}"
    assert (plan["quorum"], plan["wait"]) == (1, 420)


def test_the_plan_follows_the_settings_until_people_may_join(start, settings):
    now = database_now()
    times = {"opens_at": now + timedelta(hours=2), "joins_from": now + timedelta(hours=1)}
    early, late = make_room(**times), gathered()
    start("city", quorum=1)

    early, late = tick(early), tick(late)

    assert (early.quorum, late.quorum, late.witnesses) == (1, 0, "")
    assert early.steps.filter(act="plan").count() == 2
    settings.WITNESSES, settings.WITNESS_QUORUM = (), 0
    assert tick(early).witnesses == ""


@pytest.mark.parametrize(("quorum", "minutes"), [(2, 5), (-1, 5), (1, 0), (1, 61)])
def test_a_plan_that_can_not_be_kept_is_refused(start, quorum, minutes):
    start("city", quorum=1)
    now = database_now()
    room = make_room(opens_at=now + timedelta(hours=2), joins_from=now + timedelta(hours=1))

    with pytest.raises(CantChange):
        set_witness_plan(room=room, quorum=quorum, minutes=minutes, by="staff:1")

    room.refresh_from_db()
    assert (room.quorum, room.witness_minutes) == (1, 5)


def test_the_plan_stands_once_people_may_join(start):
    start("city", quorum=1)
    room = gathered()

    with pytest.raises(CantChange, match="the plan of this line stands"):
        set_witness_plan(room=room, quorum=0, minutes=1, by="staff:1")


def test_nobody_can_end_the_wait_by_hand(start):
    start("city", quorum=1)
    room = tick(close_list(gathered(Order.FIFO)))
    rooms, lines = Room.objects.filter(pk=room.pk), Line.objects.filter(room=room)

    for act in (
        lambda: rooms.update(witnessed_at=database_now()),
        lambda: lines.update(serving=1),
        lambda: rooms.update(quorum=0),
        lambda: rooms.update(witness_minutes=1),
        lambda: rooms.update(witnesses=""),
        lambda: rooms.update(closed_size=0),
    ):
        with (
            pytest.raises(Exception, match=r"Cannot update|too few|waits for|quorum_needs"),
            transaction.atomic(),
        ):
            act()

    assert tick(room).line.serving == 0


def test_the_end_of_the_wait_is_written_once(start):
    start("city", quorum=1)
    room = close_list(gathered(Order.FIFO))
    ask_now()
    room = tick(room)

    with pytest.raises(Exception, match="waited for once"), transaction.atomic():
        Room.objects.filter(pk=room.pk).update(witnessed_at=None)


# What people see


def test_the_pages_say_that_the_line_waits_and_until_when(start, client):
    start("city", "newspaper", quorum=2)
    room = gathered(Order.FIFO)
    person = make_eligible(room)
    ticket = join(room, person)
    room = tick(close_list(room))
    until = room.board.document["witnessing"]["until"][11:19]
    sign_in(client, person)

    pages = {
        language: client.get(f"/queue/t/{ticket.pk}/", headers={"Accept-Language": language})
        for language in ("en", "ko")
    }
    public = client.get(f"/queue/{room.cohort.code}/", headers={"Accept-Language": "en"})

    english, korean = (pages[language].content.decode() for language in ("en", "ko"))
    assert "The line waits for its witnesses. Your place is kept." in english
    assert f'<span id="witnesses-until">{until}</span>' in english
    assert "참관 기관의 서명을 기다리고 있습니다" in korean
    assert until in korean
    text = public.content.decode()
    assert "As soon as the witnesses have cosigned it, the line moves." in text
    assert "2 of 2 independent witnesses must have cosigned" in text


def test_the_public_page_says_when_nobody_else_cosigns(start, client):
    room = make_room()

    text = client.get(f"/queue/{room.cohort.code}/", headers={"Accept-Language": "en"})

    assert "Nobody else cosigns this log" in text.content.decode()
    policy = client.get(f"/queue/{room.cohort.code}/log/policy").content.decode()
    assert policy.endswith("# Nobody else cosigns this log.\nquorum none\n")


def test_the_public_page_says_that_a_line_went_on_without_its_witnesses(start, client, clock):
    clock.freeze()
    start("city", quorum=1)
    room = close_list(gathered(Order.FIFO))
    clock.forward(minutes=5)
    room = tick(room)

    text = client.get(f"/queue/{room.cohort.code}/", headers={"Accept-Language": "en"})

    assert "This line was opened without enough witnesses" in text.content.decode()


def test_the_desk_shows_each_witness_and_has_no_way_round_the_wait(start):
    [city] = start("city", quorum=1)
    city.keys.clear()
    room = close_list(gathered(Order.FIFO))
    ask_now()
    room = tick(room)
    client = log_in(Role.OPERATOR)

    text = client.get(desk(room)).content.decode()
    post(client, room, "set-witnesses", quorum=0, minutes=1)

    assert "It refuses: it does not know this log or its key, or has an error." in text
    assert "0 of the 1 witnesses that the plan asks for" in text
    assert "Nobody can shorten the wait." in text
    room.refresh_from_db()
    assert room.quorum == 1


def test_the_operator_sets_the_plan_before_people_may_join(start):
    start("city", "newspaper", quorum=2)
    now = database_now()
    room = make_room(opens_at=now + timedelta(hours=2), joins_from=now + timedelta(hours=1))
    client = log_in(Role.OPERATOR)

    post(client, room, "set-witnesses", quorum=1, minutes=9)
    answer = post(client, room, "set-witnesses", quorum=3, minutes=9)
    wrong = post(client, room, "set-witnesses", quorum="x", minutes=99)

    room.refresh_from_db()
    assert (room.quorum, room.witness_minutes) == (1, 9)
    assert "Write a number from 0 to 2" in answer.content.decode()
    assert wrong.status_code == 422


def test_the_command_sets_the_plan_too(start, capsys):
    start("city", quorum=1)
    now = database_now()
    room = make_room(opens_at=now + timedelta(hours=2), joins_from=now + timedelta(hours=1))

    call_command("room", "witnesses", room.cohort.code, "--quorum", "0", "--minutes", "3")

    room.refresh_from_db()
    assert (room.quorum, room.witness_minutes) == (0, 3)


def test_the_command_prints_a_key_for_the_witnesses_of_all_rooms(start, settings, tmp_path, capsys):
    settings.LOG_KEYS = [b"n" * 32, *settings.LOG_KEYS]
    start()
    call_command("room", "keys")
    printed = capsys.readouterr().out.split()
    room = make_room()

    program = witness.Witness(
        str(tmp_path / "w.db"), [witness.Key.parse(key) for key in printed], "w.example/w"
    )

    assert len(printed) == 2
    note = signed_checkpoint(room, room.pages.count())
    assert program.add_checkpoint(request(0, [], note)).startswith("— w.example/w ")


def test_the_page_of_the_draw_names_the_witnesses(start, client):
    start("city", "newspaper", quorum=2)
    room = gathered()

    text = client.get(f"/queue/{room.cohort.code}/draw/", headers={"Accept-Language": "en"})

    assert "2 independent witnesses cosign it before the draw is held" in text.content.decode()


def test_the_readiness_names_the_witnesses(start, client, settings):
    [city] = start("city")
    assert client.get("/readyz").json()["witnesses"] == "ok"
    city.keys.clear()
    room = gathered()
    ask_now()

    said = client.get("/readyz").json()

    assert said["witnesses"] == f"{room.cohort.code}: city.example.kr/witness refused"
    assert said["ready"] is True


def test_the_program_is_served_as_it_stands(client):
    answer = client.get("/queue/witness.py")

    assert b"".join(answer.streaming_content) == Path(witness.__file__).read_bytes()
