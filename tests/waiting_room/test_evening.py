"""The evening's totals stand in the log, and a stranger works out the same from it."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eligibility.enums import Order
from eligibility.models import Cohort
from tests.clock import Clock
from tests.roles import past_triggers
from tests.waiting_room.evenings import totals_of_the_tables
from tests.waiting_room.scene import join, make_room, tick
from tests.waiting_room.test_pages import browser
from waiting_room.enums import Ending
from waiting_room.exceptions import LineRefusal
from waiting_room.jobs import close_evenings
from waiting_room.models import Admission, Line, Room
from waiting_room.offline import verify_line
from waiting_room.services import entering, rooms
from waiting_room.services.evening import last_totals
from waiting_room.services.publishing import log_lines

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_home(settings, tmp_path):
    settings.HOME = tmp_path


def an_evening(clock: Clock, *, order: str = Order.DRAW, minutes: int = 4) -> Room:
    """Gathers, opens, calls, is paused, changes its pace, takes latecomers; it is not over."""
    opens_at = clock.at("20:00") + timedelta(hours=1)
    room = make_room(order=order, opens_at=opens_at, max_active=10, max_per_minute=20)
    for _ in range(12):
        join(room)
    clock.move_to(opens_at)
    for second in range(0, 60 * minutes, 3):
        room = tick(room)
        clock.forward(seconds=3)
        come_in(room)
        if second % 15 == 0:
            join(room)
        if second == 60:
            rooms.pause_room(room=room, message_ko="점검", message_en="Check", by="staff:1")
        if second == 90:
            rooms.resume_room(room=room, by="staff:1")
            rooms.set_pace(room=room, max_active=8, max_per_minute=30, by="staff:1")
    return tick(room)


def come_in(room: Room) -> None:
    """The next called person enters; three of four book, the others' time runs out."""
    entered = Admission.objects.filter(room=room).values("ticket")
    for ticket in room.tickets.exclude(pk__in=entered).order_by("entry"):
        if ticket.is_called:
            try:
                admission = entering.enter(ticket=ticket)
            except LineRefusal:
                return
            if ticket.entry % 4:
                entering.end_admission(admission=admission, ending=Ending.BOOKED)
            return


def over(room: Room, clock: Clock) -> Room:
    """Closed by the operator, with the last admission run out and the totals in the log."""
    rooms.close_room(room=room, by="staff:1")
    return wound_up(room, clock)


def wound_up(room: Room, clock: Clock) -> Room:
    clock.forward(minutes=20)
    for _ in range(2):
        clock.forward(seconds=1)
        tick(room)
    close_evenings()
    clock.forward(seconds=1)
    return tick(room)


def report_on(room: Room) -> verify_line.Report:
    rows = "".join(log_lines(room)).splitlines(keepends=True)
    return verify_line.check(verify_line.rows_of(rows))


@pytest.mark.parametrize("order", [Order.DRAW, Order.FIFO])
def test_the_totals_in_the_log_are_those_of_the_tables_and_of_whoever_checks(clock, order):
    room = over(an_evening(clock, order=order), clock)

    report = report_on(room)

    assert report.troubles == []
    assert report.totals == last_totals(room) == totals_of_the_tables(room)
    assert {name: report.evening[name] for name in report.totals} == report.totals
    assert min(report.totals[name] for name in ("called", "ran_out", "estimates")) > 0, (
        report.totals
    )
    assert (report.totals["pauses"], report.totals["paces"]) == (1, 1)
    assert room.board.final


seconds = st.sampled_from([1, 1, 2, 6, 30, 90])
deeds = st.sampled_from(
    ["join", "join", "enter", "enter", "book", "pause", "resume", "pace", "tick", "tick", "lapse"]
)


@pytest.mark.one_moment
@given(
    evening=st.lists(st.tuples(deeds, seconds), min_size=10, max_size=40), is_drawn=st.booleans()
)
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_totals_of_any_evening_are_those_of_the_tables(clock, evening, is_drawn):
    opens_at = clock.at("20:00") + timedelta(minutes=5)
    order = Order.DRAW if is_drawn else Order.FIFO
    room = make_room(order=order, opens_at=opens_at, max_active=2, max_per_minute=60)
    for _ in range(4):
        join(room)
    clock.move_to(opens_at)
    for _ in range(3):
        clock.forward(seconds=6)
        room = tick(room)
    for number, (deed, pause) in enumerate(evening):
        do(deed, room, number)
        clock.forward(seconds=pause)
        room = tick(room)

    room = over(room, clock)

    report = report_on(room)
    assert report.troubles == []
    assert report.totals == totals_of_the_tables(room)


def do(deed: str, room: Room, number: int) -> None:
    live = Admission.objects.filter(room=room, ended_at=None).first()
    if deed == "join":
        join(room)
    elif deed == "enter":
        come_in(room)
    elif deed == "book" and live:
        entering.end_admission(admission=live, ending=Ending.BOOKED)
    elif deed == "lapse" and live:
        # As when somebody has held times for long enough (booking.views.holds).
        entering.end_admission(admission=live, ending=Ending.LAPSED)
    elif deed == "pause":
        rooms.pause_room(room=room, message_ko=f"점검 {number}", by="staff:1")
    elif deed == "resume":
        rooms.resume_room(room=room, by="staff:1")
    elif deed == "pace":
        rooms.set_pace(room=room, max_active=1 + number % 4, max_per_minute=30, by="staff:1")


def test_a_line_nobody_joined_has_totals_too(clock):
    clock.at("20:00")
    room = over(make_room(), clock)

    assert last_totals(room) == totals_of_the_tables(room)
    assert set(last_totals(room).values()) == {0}
    assert report_on(room).troubles == []


def test_a_list_that_was_never_drawn_has_totals_of_people_who_wait(clock):
    opens_at = clock.at("20:00") + timedelta(hours=1)
    room = make_room(order=Order.DRAW, opens_at=opens_at)
    join(room)

    room = over(tick(room), clock)

    assert (last_totals(room)["tickets"], last_totals(room)["uncalled"]) == (1, 1)
    assert report_on(room).troubles == []


def test_no_totals_while_people_are_inside(clock):
    room = an_evening(clock, minutes=1)
    join(room)
    rooms.close_room(room=room, by="staff:1")
    room = tick(room)

    assert room.line.active > 0
    assert close_evenings() is None
    assert last_totals(room) == {}
    assert not room.board.final


def test_a_window_that_is_prolonged_after_the_totals_gets_others(clock):
    room = an_evening(clock, minutes=1)
    cohort = room.cohort
    Cohort.objects.filter(pk=cohort.pk).update(closes_at=clock.now())
    room = wound_up(room, clock)
    first = last_totals(room)
    assert room.board.final

    Cohort.objects.filter(pk=cohort.pk).update(closes_at=clock.now() + timedelta(minutes=2))
    for _ in range(30):
        clock.forward(seconds=1)
        room = tick(room)
    Cohort.objects.filter(pk=cohort.pk).update(closes_at=clock.now())
    room = wound_up(room, clock)

    report = report_on(room)
    assert report.troubles == []
    assert first["called"] < report.totals["called"]
    assert report.totals == totals_of_the_tables(room)


def test_totals_come_once(clock):
    room = over(an_evening(clock, minutes=1), clock)

    close_evenings()
    tick(room)

    assert room.steps.filter(act="totals").count() == 1


def test_whoever_has_held_long_enough_is_counted_among_those_out_of_time(clock):
    room = an_evening(clock, minutes=1)
    before = Line.objects.get(pk=room.pk).ran_out
    admission = Admission.objects.filter(room=room, ended_at=None).first()

    for _ in range(2):
        entering.end_admission(admission=admission, ending=Ending.LAPSED)

    assert Line.objects.get(pk=room.pk).ran_out == before + 1


def test_a_room_whose_log_was_begun_before_stays_verifiable_under_its_own_format(clock):
    """As the migration leaves it: format 2, no `format` in its commit, no pace at the opening."""
    opens_at = clock.at("20:00") + timedelta(hours=1)
    room = make_room(ticked=False, order=Order.DRAW, opens_at=opens_at)
    with past_triggers() as cursor:
        cursor.execute("UPDATE waiting_room_room SET log_format = 2 WHERE id = %s", [room.pk])
        cursor.execute("UPDATE waiting_room_step SET details = details - 'format'")
        cursor.execute("DELETE FROM waiting_room_step WHERE act = 'pace'")
    for _ in range(6):
        join(room)
    clock.move_to(opens_at)
    for _ in range(40):
        room = tick(room)
        clock.forward(seconds=3)
    room = over(room, clock)

    report = report_on(room)

    assert (report.troubles, report.format, report.totals) == ([], 2, {})
    assert report.evening["called"] == room.line.serving == 6
    assert not room.steps.filter(act__in=["count", "totals"]).exists()
    assert room.board.final
    assert "A log of format 2 records none." in verify_line.summary(report)


# Tampering with the tables after the evening, and a portal that lies from the start.

CHANGED = {
    "a total": (
        "UPDATE waiting_room_step SET details = jsonb_set(details, '{waited_most}', '1')"
        " WHERE act = 'totals'",
        "The totals say 1 for “waited_most”; the log gives ",
    ),
    "a count left out": (
        "DELETE FROM waiting_room_step WHERE id ="
        " (SELECT max(id) FROM waiting_room_step WHERE act = 'count')",
        " people inside: a count was left out.",
    ),
    "a count": (
        "UPDATE waiting_room_step SET details = jsonb_set(details, '{entered}', '99')"
        " WHERE id = (SELECT max(id) FROM waiting_room_step WHERE act = 'count')",
        " for “entered”; the log gives 99.",
    ),
    "an estimate rewritten": (
        "UPDATE waiting_room_step SET details = jsonb_set(details, '{ranges}',"
        " to_jsonb(regexp_replace(details->>'ranges', '-[0-9]+', '-90000', 'g')))"
        " WHERE act = 'estimate'",
        " for “estimates_width”; the log gives ",
    ),
    "a pause left out": (
        "DELETE FROM waiting_room_step WHERE act IN ('pause', 'resume')",
        "The totals say 1 for “pauses”; the log gives 0.",
    ),
    "a call made earlier": (
        "UPDATE waiting_room_step SET at = at - interval '1 hour' WHERE act = 'call'",
        "“call” is said to be of ",
    ),
}


def test_totals_that_were_tampered_with_are_found(clock, subtests):
    room = over(an_evening(clock), clock)
    call_command("verify_line", room.cohort.code, stdout=io.StringIO())

    for how, (sql, sentence) in CHANGED.items():
        with subtests.test(how), put_back_afterwards():
            with past_triggers() as cursor:
                cursor.execute(sql)

            report = report_on(room)
            troubles = [what for _line, what in report.troubles]
            assert any("are not those that were recorded" in what for what in troubles)
            assert any(sentence in what for what in troubles), troubles
            with pytest.raises(CommandError, match="not as it was recorded"):
                call_command("verify_line", room.cohort.code, stdout=io.StringIO())


@contextmanager
def put_back_afterwards() -> Iterator[None]:
    """An evening takes seconds to play: each way of tampering starts from the same one."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


LIES = {
    "a total": CHANGED["a total"],
    "fewer waiting": (
        "UPDATE waiting_room_step SET details = jsonb_set(details, '{uncalled}', '0')"
        " WHERE act = 'totals'",
        "The totals say 0 for “uncalled”; the log gives ",
    ),
    "of fewer numbers": (
        "UPDATE waiting_room_step SET details = jsonb_set(details, '{numbers}', '3')"
        " WHERE act = 'totals'",
        "The totals are up to number 3, not ",
    ),
}


def test_a_portal_that_logs_wrong_totals_is_found_though_its_hashes_fit(clock, subtests):
    room = an_evening(clock, minutes=2)
    join(room)
    rooms.close_room(room=room, by="staff:1")
    clock.forward(minutes=20)
    for _ in range(2):
        clock.forward(seconds=1)
        tick(room)
    close_evenings()

    for how, (sql, sentence) in LIES.items():
        with subtests.test(how), put_back_afterwards():
            with past_triggers() as cursor:
                cursor.execute(sql)  # before the tick hashes it

            troubles = [what for _line, what in report_on(tick(room)).troubles]

            assert not any("are not those that were recorded" in what for what in troubles)
            assert any(what.startswith(sentence) for what in troubles), troubles


def test_a_count_that_a_lying_portal_never_logged_is_found(clock):
    room = an_evening(clock, minutes=2)
    rooms.close_room(room=room, by="staff:1")
    clock.forward(minutes=20)
    tick(room)
    with past_triggers() as cursor:  # before the next tick hashes it
        cursor.execute(
            "DELETE FROM waiting_room_step WHERE act = 'count' AND id > (SELECT max(last_step)"
            " FROM waiting_room_logpage WHERE room_id = %s)",
            [room.pk],
        )
        assert cursor.rowcount == 1
    room = wound_up(room, clock)

    troubles = [what for _line, what in report_on(room).troubles]

    assert any(what.endswith("people inside: a count was left out.") for what in troubles), troubles


def test_the_command_prints_the_report_and_answers_with_json(clock, tmp_path, capsys):
    room = over(an_evening(clock), clock)
    file = tmp_path / "line.csv"
    file.write_text("".join(log_lines(room)), encoding="utf-8")

    assert verify_line.main([str(file)]) == 0
    words = capsys.readouterr().out
    assert verify_line.main([str(file), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)

    totals = totals_of_the_tables(room)
    assert f"  {totals['called']} called in {totals['calls']} calls, " in words
    assert "These are the totals that the log records." in words
    assert (answer["format"], answer["good"], answer["totals"]) == (3, True, totals)
    assert (
        sum(people for _minute, people in answer["evening"]["called_by_minute"])
        == (totals["called"])
    )


def test_the_line_s_page_shows_the_totals_and_how_to_check_them(clock):
    room = over(an_evening(clock), clock)
    totals = last_totals(room)

    text = browser().get(f"/queue/{room.cohort.code}/").content.decode()

    assert 'id="evening"' in text
    assert f"<dd>{totals['called']}</dd>" in " ".join(text.split()).replace("<dd> ", "<dd>")
    assert 'href="/queue/verify_line.py"' in text
    # A line that is over has no last place to wait for.
    assert "as soon as the line moves" not in text
