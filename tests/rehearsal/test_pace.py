"""The numbers of a room that a rehearsal changes come back, whatever ends it."""

import json
import signal
import socket
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from rehearsal import pace
from rehearsal.playing import exit_on_signals
from tests.factories import RoomFactory
from waiting_room.services.rooms import set_pace

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(settings, tmp_path):
    settings.HOME = tmp_path
    return RoomFactory(max_active=20, max_per_minute=60)


def numbers(room) -> tuple[int, int]:
    room.refresh_from_db()
    return room.max_per_minute, room.max_active


def leave_behind(room, *, pid: int) -> None:
    """What a rehearsal with --pace 900 --cap 300 leaves when it is killed with kill -9."""
    change = pace.Change(room.cohort.code, pace.PaceLimits.of(room), pace.PaceLimits(300, 900), pid)
    pace._write(change)
    set_pace(room=room, max_active=300, max_per_minute=900, by=pace.BY)


@pytest.fixture
def ended_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_pace_and_cap_hold_until_the_end(room):
    said = []

    with pace.changed(room, pace=900, cap=300, report=said.append):
        assert numbers(room) == (900, 300)

    assert numbers(room) == (60, 20)
    assert said == [
        f"The room of {room.cohort.code} has its numbers again: 60 a minute, 20 inside."
    ]
    assert not pace.state_path(room.cohort.code).exists()


def test_one_of_them_alone_leaves_the_other(room):
    with pace.changed(room, pace=900, cap=None, report=str):
        assert numbers(room) == (900, 20)

    assert numbers(room) == (60, 20)


@pytest.mark.parametrize("end", [KeyboardInterrupt, RuntimeError])
def test_an_error_and_ctrl_c_put_them_back(room, end):
    with pytest.raises(end), pace.changed(room, pace=900, cap=300, report=str):
        raise end

    assert numbers(room) == (60, 20)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_puts_them_back(room, number):
    def rehearse():
        with exit_on_signals(), pace.changed(room, pace=900, cap=300, report=str):
            signal.raise_signal(number)

    with pytest.raises(SystemExit):
        rehearse()

    assert numbers(room) == (60, 20)


def test_what_an_operator_sets_meanwhile_stays(room):
    said = []

    with pace.changed(room, pace=900, cap=300, report=said.append):
        set_pace(room=room, max_active=50, max_per_minute=100, by="staff:1")

    assert numbers(room) == (100, 50)
    assert "stays as it is" in said[0]


def test_after_a_kill_the_next_rehearsal_puts_them_back(room, ended_pid):
    leave_behind(room, pid=ended_pid)

    said = pace.restore_left_over()

    assert numbers(room) == (60, 20)
    assert said.startswith("A rehearsal was killed before it could put the room back.")
    assert pace.restore_left_over() == ""


def test_the_numbers_are_on_the_disk_before_the_room_is_changed(room, monkeypatch):
    def killed(**_values):
        assert json.loads(pace.state_path(room.cohort.code).read_text())["before"] == {
            "max_active": 20,
            "max_per_minute": 60,
        }
        raise KeyboardInterrupt

    monkeypatch.setattr(pace, "set_pace", killed)

    with pytest.raises(KeyboardInterrupt), pace.changed(room, pace=900, cap=300, report=str):
        pass


def test_a_rehearsal_that_runs_keeps_its_numbers_and_the_next_is_refused(room, settings):
    settings.SAMPLE = True
    other = subprocess.Popen([sys.executable, "-c", "input()", "rehearse"], stdin=subprocess.PIPE)
    try:
        leave_behind(room, pid=other.pid)

        with pytest.raises(CommandError, match="Another rehearsal is running"):
            call_command("rehearse", citizens=1)
    finally:
        other.communicate()

    assert numbers(room) == (900, 300)


@pytest.mark.parametrize("option", ["pace", "cap"])
def test_a_pace_or_cap_below_one_is_refused(room, settings, option):
    settings.SAMPLE = True

    with pytest.raises(CommandError, match=f"--{option} must be at least 1"):
        call_command("rehearse", **{option: 0})


def test_only_the_portal_that_runs_here_is_attacked(room, settings):
    settings.SAMPLE = True

    with pytest.raises(CommandError, match="leave --host out"):
        call_command("rehearse", attack=True, host="http://portal.example")


def test_attackers_come_from_loopback_and_end_by_themselves(settings):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        port = str(server.getsockname()[1])
        done = subprocess.Popen(
            [sys.executable, "-m", "bench.attackers", "big headers", port, "0.2", "55-59"],
            cwd=settings.BASE_DIR,
            stdout=subprocess.PIPE,
        )
        connection, address = server.accept()
        connection.close()
        ended = done.wait(60)

    assert address[0].startswith("127.0.0.")
    assert (ended, done.stdout.read()) == (0, b"begun\n")
    done.stdout.close()
