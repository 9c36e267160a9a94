import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from tests.clock import clock
from tests.roles import past_triggers
from tests.waiting_room.scene import (
    back_in_time,
    join,
    make_drawn_room,
    make_room,
    open_doors,
    tick,
)
from tests.waiting_room.test_pages import browser
from waiting_room import public_log
from waiting_room.models import Ticket
from waiting_room.offline import verify_line
from waiting_room.services import rooms
from waiting_room.services.log_pages import ticket_leaves
from waiting_room.services.publishing import log_file, log_lines, prove

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_home(settings, tmp_path):
    settings.HOME = tmp_path


def busy_room():
    """Gathered, drawn, called, paused, resumed, joined late: everything a log can hold."""
    room = make_drawn_room(max_per_minute=600)
    for _ in range(20):
        join(room)
    tick(room)
    for _ in range(10):
        join(room)
    room = open_doors(room)
    for _ in range(6):
        join(room)
        clock.forward(seconds=1)
        tick(room)
    rooms.pause_room(room=room, message_ko='점검, "잠시"', message_en="Soon back", by="staff:1")
    tick(room)
    rooms.resume_room(room=room, by="staff:1")
    rooms.set_pace(room=room, max_active=50, max_per_minute=300, by="staff:1")
    clock.forward(seconds=1)
    tick(room)
    return tick(room)


def verified(room) -> verify_line.Report:
    text = "".join(log_lines(room))
    return verify_line.check(verify_line.rows_of(io.StringIO(text, newline="")))


def test_the_log_of_a_busy_room_is_in_order():
    room = busy_room()

    report = verified(room)

    assert report.troubles == []
    assert (report.tickets, report.frozen, report.drawn) == (36, 30, True)
    assert report.called == room.line.serving > 0
    assert report.root == room.board.document["log"]["root"]


def test_a_first_come_first_served_room_too():
    room = make_room()
    for _ in range(5):
        join(room)
        back_in_time(room, 1)
        tick(room)

    assert verified(tick(room)).troubles == []


def test_a_room_nobody_joined_has_a_log_too():
    assert verified(make_drawn_room()).troubles == []
    assert verified(make_room(ticked=False)).troubles == []


def test_more_late_comers_in_a_second_than_a_page_holds_keep_the_log_in_order(monkeypatch):
    monkeypatch.setattr(public_log, "PAGE_TICKETS", 4)
    room = make_drawn_room()
    for _ in range(11):
        join(room)
    room = open_doors(room)
    for _ in range(11):
        join(room)
    room = tick(room)

    report = verified(room)

    assert report.troubles == []
    assert (report.tickets, report.frozen) == (22, 11)


def test_nothing_in_the_log_says_who_anybody_is():
    room = busy_room()
    text = "".join(log_lines(room))

    for ticket in Ticket.objects.select_related("person"):
        for secret in [str(ticket.pk), ticket.person.name, ticket.person.phone]:
            assert secret not in text
    assert "staff:1" not in text


TAMPERING = {
    "swapped": """
        UPDATE waiting_room_ticket SET entry = entry + 1000 WHERE entry IN (3, 7);
        UPDATE waiting_room_ticket SET entry = CASE entry WHEN 1003 THEN 7 ELSE 3 END
        WHERE entry IN (1003, 1007)""",
    "removed": "DELETE FROM waiting_room_ticket WHERE entry = 5",
    "renumbered": "UPDATE waiting_room_ticket SET entry = 1000 WHERE entry = 9",
    "inserted": """
        WITH gone AS (DELETE FROM waiting_room_ticket WHERE entry = 5 RETURNING *)
        INSERT INTO waiting_room_ticket
            (id, room_id, person_id, entry, joined_at, resume_index, provisional)
        SELECT gen_random_uuid(), room_id, 987654, 2000, joined_at, 77, false FROM gone;
        UPDATE waiting_room_ticket SET entry = 5 WHERE entry = 2000""",
    "joined earlier": """
        UPDATE waiting_room_ticket SET joined_at = joined_at - interval '1 second'
        WHERE entry = 4""",
    "call removed": """
        DELETE FROM waiting_room_step
        WHERE id = (SELECT max(id) FROM waiting_room_step WHERE act = 'call')""",
    "call changed": "UPDATE waiting_room_step SET last = last + 1 WHERE act = 'call'",
    "other draw": "UPDATE waiting_room_step SET details = jsonb_set(details, '{seed}', "
    "to_jsonb(repeat('00', 32))) WHERE act = 'reveal'",
    "page rewritten": "UPDATE waiting_room_logpage SET root = repeat('ab', 32) WHERE number = 2",
    "page removed": "DELETE FROM waiting_room_logpage WHERE number = 3",
}


def tamper(sql: str) -> None:
    """As somebody with the database's master key could: past triggers and foreign keys."""
    with past_triggers() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize("how", TAMPERING)
def test_tampering_with_the_tables_is_found_by_command_and_offline(how, tmp_path):
    room = busy_room()
    call_command("verify_line", room.cohort.code, stdout=io.StringIO())

    tamper(TAMPERING[how])

    with pytest.raises(CommandError, match="not as it was recorded"):
        call_command("verify_line", room.cohort.code, stdout=io.StringIO())
    file = tmp_path / "log.csv"
    file.write_text("".join(log_lines(room)), encoding="utf-8", newline="")
    offline = subprocess.run(
        [sys.executable, "-I", verify_line.__file__, str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert offline.returncode == 1
    assert "NOT in order" in offline.stdout
    # Foreign keys were passed by; what is left must not trip the end of the test.
    with past_triggers() as cursor:
        cursor.execute("DELETE FROM waiting_room_ticket WHERE person_id = 987654")


def test_a_history_written_anew_is_found_by_a_root_seen_before():
    """Whoever rewrites tickets, pages and roots alike can't rewrite what people wrote down."""
    room = busy_room()
    seen = room.pages.get(number=2).log_root
    other = busy_room()

    out = io.StringIO()
    call_command("verify_line", room.cohort.code, root=seen, stdout=out)
    with pytest.raises(CommandError):
        call_command("verify_line", other.cohort.code, root=seen, stdout=out)


def test_every_tickets_proof_leads_to_the_published_root(tmp_path):
    room = busy_room()
    published = tick(room).board.document["log"]

    for ticket in Ticket.objects.filter(room=room).select_related("room__cohort"):
        proof = prove(ticket)
        assert public_log.verify(proof)
        assert (proof["root"], proof["size"]) == (published["root"], published["size"])
        assert public_log.ticket_hash(ticket.pk) in proof["leaf"]


def test_a_proof_of_another_ticket_does_not_verify():
    room = busy_room()
    first, second = Ticket.objects.filter(room=room).select_related("room__cohort")[:2]

    forged = prove(first) | {"leaf": prove(second)["leaf"]}

    assert not public_log.verify(forged)


def test_the_ticket_page_gives_its_proof_to_its_owner_only():
    room = busy_room()
    ticket = Ticket.objects.filter(room=room, entry=3).get()

    own = browser(ticket.person).get(f"/queue/t/{ticket.pk}/proof.json")
    strange = browser().get(f"/queue/t/{ticket.pk}/proof.json")

    assert public_log.verify(json.loads(own.content))
    assert strange.status_code == 403
    assert "leaf" not in strange.content.decode()


def test_the_log_can_be_downloaded_and_checked_without_us(tmp_path):
    room = busy_room()
    response = Client().get(f"/queue/{room.cohort.code}/log.csv")
    program = Client().get("/queue/verify_line.py")

    file, script = tmp_path / "line.csv", tmp_path / "verify_line.py"
    file.write_bytes(b"".join(response.streaming_content))
    script.write_bytes(b"".join(program.streaming_content))
    ticket = Ticket.objects.get(room=room, entry=12)
    offline = subprocess.run(
        [
            *[sys.executable, "-I", str(script), str(file)],
            *["--ticket", public_log.ticket_hash(ticket.pk), "--place", str(room.place_of(12))],
            *["--root", room.pages.get(number=3).log_root],
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (offline.returncode, offline.stderr) == (0, "")
    assert "Everything is in order." in offline.stdout
    assert list(csv.reader(io.StringIO(file.read_text())))[2][4] == room.cohort.code
    assert Path(verify_line.__file__).read_bytes() == script.read_bytes()


def test_the_file_grows_by_what_is_new_and_is_what_the_tables_say(settings, tmp_path):
    settings.HOME = tmp_path
    room = make_drawn_room()
    for step in range(5):
        join(room)
        room = open_doors(room) if step == 2 else tick(room)
        path = log_file(room)
        written = path.read_bytes()
        os.utime(path, (0, 0))

        assert written.decode() == "".join(log_lines(room))

    kept = path.stat().st_ino
    before = path.read_bytes()
    log_file(room)
    assert path.read_bytes() == before
    assert path.stat().st_ino != kept  # readers of the old file keep it whole


@pytest.mark.parametrize("spoil", [b"", b"root,99,1,ab,\n", b"row,number\n", b"x" * 500])
def test_a_file_that_was_spoiled_is_written_anew(settings, tmp_path, spoil):
    settings.HOME = tmp_path
    room = busy_room()
    path = log_file(room)
    path.write_bytes(spoil)
    os.utime(path, (0, 0))

    assert log_file(room).read_text() == "".join(log_lines(room))


def test_gaps_in_the_numbers_are_no_trouble():
    room = make_room()
    join(room)
    with connection.cursor() as cursor:
        # A join that was rolled back took a number with it.
        cursor.execute("SELECT nextval(%s::regclass)", [room.entry_sequence])
    join(room)
    room = tick(room)

    assert len(ticket_leaves(room, 0, 3)) == 2
    assert verified(room).troubles == []
