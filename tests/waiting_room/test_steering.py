"""An insider who tries to choose the order is found by the program that shares no code with us.

Each trick is done with the portal's own tables, as its operator or its database's administrator
could. What the page of the draw says of the same is tested in tests/browser/test_steering.py.
"""

from datetime import timedelta
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from eligibility.enums import Order
from tests.clock import clock
from tests.waiting_room import steering
from tests.waiting_room.scene import join, make_room, tick
from tests.waiting_room.steering import NUMBER, OPENS, ROUND, SECRETS, TRICKS, report_of
from waiting_room import beacon, draw
from waiting_room.enums import Act, DrawSource
from waiting_room.offline import verify_line
from waiting_room.services import rooms, ticking
from waiting_room.services.log_files import policy_of, signed_checkpoint

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _in_english():
    with translation.override("en"):
        yield


def test_the_draw_that_the_tricks_spoil_is_in_order():
    room = steering.drawn(steering.closed(steering.gathered()))

    report = report_of(room)

    assert report.troubles == []
    assert any(f"fixed by round {ROUND} of drand's" in note for note in report.notes)
    assert f"beacon={NUMBER}" in room.draw_inputs.split("\n")


@pytest.mark.parametrize("name", TRICKS)
def test_a_trick_of_an_insider_is_found(name):
    trick = TRICKS[name]

    found = [what for _, what in report_of(trick.play()).troubles]

    assert any(trick.found in what for what in found), found


def test_moving_the_time_of_a_page_is_found_by_a_checkpoint_kept_from_before():
    room = steering.drawn(steering.closed(steering.gathered()))
    kept, policy = (
        str(signed_checkpoint(room, room.closed_size)),
        verify_line.Policy(policy_of(room)),
    )
    friend = max((1, 2, 4, 5, 6), key=room.place_of)

    steered = steering.rewrite_until_first(room, friend)

    assert steered.place_of(friend) == 1
    report = report_of(steered)
    # The log is right in itself: what others hold is what gives it away.
    assert report.troubles == []
    verify_line.check_checkpoint(report, kept, policy)
    assert [what.split(":")[0] for _, what in report.troubles] == ["FORKED"]


def test_a_late_ticket_is_found():
    room = steering.closed(steering.gathered())
    steering.put_in_a_late_ticket(room)

    found = [what for _, what in report_of(steering.drawn(room)).troubles]

    assert any("1 put in since" in what for what in found), found


def test_a_friend_who_joined_after_the_number_came_is_found():
    """The list stays open until the number is known, and its closing is dated back."""
    room = steering.gathered()
    clock.move_to(beacon.time_of(ROUND) + timedelta(seconds=9))
    friend = join(room)
    close = ticking._freeze

    with patch.object(ticking, "_freeze", lambda *given: close(*given[:-1], OPENS)):
        tick(room)
    room = steering.drawn(room)

    assert friend.entry <= room.frozen_count
    found = [what for _, what in report_of(room).troubles]
    assert any("by its own time; it holds a ticket of" in what for what in found), found


def test_a_friend_who_joined_before_others_could_is_found():
    """In a line without a draw the first number is the first place."""
    clock.move_to(OPENS - timedelta(hours=2))
    room = make_room(opens_at=OPENS, joins_from=steering.GATHERS)
    friend = join(steering.with_joining_from(room, clock.now()))
    room = tick(steering.with_joining_from(room, steering.GATHERS))
    clock.move_to(steering.GATHERS + timedelta(minutes=1))
    join(room)

    found = [what for _, what in report_of(tick(room)).troubles]

    assert (friend.entry, len(found)) == (1, 1)
    assert found[0].startswith("Entry 1 joined at ")
    assert "; by the plan nobody could join before " in found[0]


def test_an_operator_who_moves_the_begin_of_joining_is_seen():
    clock.move_to(OPENS - timedelta(hours=2))
    room = make_room(opens_at=OPENS, joins_from=steering.GATHERS)
    call_command("room", "joins-from", room.cohort.code, clock.now().isoformat())
    join(room)
    call_command("room", "joins-from", room.cohort.code, steering.GATHERS.isoformat())

    report = report_of(tick(room))

    assert report.troubles == []
    assert [note.split(", to ")[0][-33:] for note in report.notes] == [
        "the begin of joining was set anew"
    ] * 2
    closed_room = steering.closed(room)
    with pytest.raises(CommandError, match="list is closed already"):
        call_command("room", "joins-from", closed_room.cohort.code, OPENS.isoformat())


def test_moving_the_opening_after_the_closing_is_found_by_the_operators_own_check():
    room = steering.drawn(steering.closed(steering.gathered()))

    steering.move_the_opening(room)

    assert report_of(tick(room)).troubles == []  # the log says when it was
    with pytest.raises(CommandError, match="not as it was recorded"):
        call_command("verify_line", room.cohort.code)


def test_pausing_before_the_opening_moves_neither_the_closing_nor_the_number(capsys):
    room = steering.gathered()
    call_command("room", "pause", room.cohort.code, "--en", "Check")

    room = steering.closed(room)
    late = join(room)
    room = steering.drawn(room)

    freeze = room.steps.get(act=Act.FREEZE)
    assert (freeze.at, freeze.details["count"]) == (OPENS + timedelta(seconds=0.5), 6)
    assert room.steps.get(act=Act.REVEAL).details["round"] == ROUND
    assert (room.place_of(late.entry), room.line.serving) == (late.entry, 0)
    assert report_of(room).troubles == []
    call_command("room", "resume", room.cohort.code)
    clock.forward(seconds=1)
    assert report_of(tick(tick(room))).troubles == []


def test_withholding_the_tick_only_takes_a_later_number():
    room = steering.gathered()
    clock.move_to(OPENS + timedelta(minutes=2))

    room = tick(room)

    due = beacon.round_after(room.frozen_at + timedelta(seconds=steering.AFTER))
    assert room.frozen_at >= OPENS + timedelta(minutes=2)
    assert beacon.time_of(due) >= room.frozen_at + timedelta(seconds=steering.AFTER)
    forged = steering.forge_reveal(room, {"beacon": NUMBER})
    found = [what for _, what in report_of(forged).troubles]
    assert any(f"by the plan it is round {due}" in what for what in found), found


def test_a_plan_from_before_the_joining_stands_before_a_crowd_of_tickets(monkeypatch):
    """Workers were away meanwhile: an honest log must not look like one that is dated back."""
    monkeypatch.setattr("waiting_room.public_log.PAGE_TICKETS", 2)
    clock.move_to(OPENS - timedelta(hours=2))
    room = make_room(order=Order.DRAW, opens_at=OPENS, joins_from=steering.GATHERS)
    rooms.set_draw_plan(room=room, source="stated", statement="Lotto", by="staff:1")
    clock.move_to(steering.GATHERS + timedelta(minutes=1))
    for _ in range(5):
        join(room)

    tick(room)

    assert room.pages.filter(tickets=2, acts=0).count() == 2
    assert report_of(room).troubles == []


AFTER_JOINING = {
    "draw": ["stated", "--statement", "Lotto"],
    "officer": ["Newspaper", draw.commitment(bytes(32))],
    "witnesses": ["--quorum", "0"],
    "open-secret": ["Newspaper", SECRETS["Newspaper"]],
    "state-value": ["4 8 15"],
}


@pytest.mark.parametrize("act", AFTER_JOINING)
def test_the_operators_command_does_not_steer_once_people_have_joined(act):
    room = steering.gathered(DrawSource.OFFICERS, statement="Lotto")
    before = list(room.steps.order_by("pk").values_list("act", "details"))

    with pytest.raises(CommandError):
        call_command("room", act, room.cohort.code, *AFTER_JOINING[act])

    assert list(tick(room).steps.order_by("pk").values_list("act", "details")) == before
