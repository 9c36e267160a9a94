"""Backups are good when they were restored: real ones, of the tests' own server, by Barman."""

import io
import json
import shutil
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.test import Client

from booking.models import Reservation
from database.clock import database_now
from recovery import barman, keys
from recovery.models import Drill
from recovery.watching import drill_line
from tests.factories import PersonFactory, ReservationFactory
from tests.waiting_room import scene
from waiting_room.services.log_files import signed_checkpoint

pytestmark = pytest.mark.django_db(transaction=True)


def drill(*arguments: str) -> str:
    """What it says to people; raises CommandError unless it passed."""
    out = io.StringIO()
    try:
        call_command("drill", *arguments, stdout=out)
    except CommandError as error:
        error.add_note(out.getvalue())
        raise
    return out.getvalue()


def problems_of(*arguments: str) -> str:
    with pytest.raises(CommandError, match=r"The drill did not pass\."):
        drill(*arguments)
    return Drill.objects.latest("pk").problems


def test_what_was_booked_and_signed_after_the_backup_is_restored(backups, settings, clock):
    room = scene.make_room()
    scene.join(room)
    ReservationFactory()
    scene.tick(room)
    backups.back_up()
    scene.join(room)
    ReservationFactory()
    scene.tick(room)
    backups.wait()

    told = drill()

    row = Drill.objects.get()
    assert (row.passed, row.problems) == (True, "")
    assert "everything that was signed is in it" in told
    assert " 2 reservations, " in told
    assert row.backup in backups.barman("list-backups", "jari")
    assert row.newest_at >= Reservation.objects.latest("pk").confirmed_at
    assert min(row.copy_seconds, row.replay_seconds, row.verify_seconds) > 0
    assert row.lost_seconds is not None
    # Nothing is left of it but the list of keys.
    assert [path.name for path in settings.BACKUPS.folder.iterdir()] == [keys.FILE]

    settings.DRILL_DAYS = 8
    assert drill_line() == "ok"
    clock.forward(days=9)
    assert drill_line() == "none has passed for 9 days"


def test_a_standby_from_the_archive_alone_follows_and_is_promoted(backups):
    room = scene.make_room()
    scene.join(room)
    scene.tick(room)
    backups.back_up()
    scene.join(room)
    ReservationFactory()
    scene.tick(room)
    backups.wait()

    told = drill("--follow")

    row = Drill.objects.get()
    assert (row.passed, row.problems) == (True, "")
    assert "It followed: 5 commits were there after " in told
    assert "Promoted in " in told
    assert " 1 reservations, " in told
    assert "everything that was signed is in it" in told


def test_a_standby_follows_a_primary_that_is_there_and_no_time():
    for arguments in (["--alone"], ["--at", "2027-04-14T19:05:00+09:00"]):
        with pytest.raises(CommandError, match="needs the primary"):
            drill("--follow", *arguments)


def test_a_time_before_a_mistake_is_restored_without_the_portals_database(backups, tmp_path):
    room = scene.make_room()
    scene.join(room)
    room = scene.tick(room)
    signed = publish(room, tmp_path)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()::text")
        (before,) = cursor.fetchone()
    scene.join(room)
    scene.tick(room)
    backups.wait()
    out, told = io.StringIO(), io.StringIO()
    order = {"alone": True, "json": True, "checkpoints": tmp_path}

    call_command("drill", "--at", before, **order, stdout=out, stderr=told)
    signed.write_text(signed.read_text().replace("— ", "— x"))
    with pytest.raises(CommandError):
        call_command("drill", **order, stdout=io.StringIO(), stderr=told)

    found = json.loads(out.getvalue())
    assert (found["passed"], found["lost_seconds"]) == (True, None)
    assert ", 1 tickets," in told.getvalue()
    assert Drill.objects.count() == 0


def publish(room, folder: Path) -> Path:
    """The checkpoint of the log as it is now, as a web node has it."""
    file = folder / room.cohort.code / "checkpoint"
    file.parent.mkdir()
    size = room.pages.latest("number").number
    file.write_text(str(signed_checkpoint(room, size)), encoding="utf-8")
    return file


def test_a_signed_page_that_the_backups_lack_is_noticed(backups, tmp_path):
    room = scene.make_room()
    scene.join(room)
    room = scene.tick(room)
    before = database_now()
    kept = room.pages.count()
    scene.join(room)
    room = scene.tick(room)
    publish(room, tmp_path)
    backups.wait()

    found = problems_of("--at", before.isoformat(), "--checkpoints", str(tmp_path))

    signed = room.pages.count()
    assert signed > kept
    assert found == (
        f"Line {room.cohort.code}: {signed} pages of its log were signed, {kept} were restored."
    )


def test_a_damaged_backup_is_no_backup(backups):
    name = barman.newest_backup(None).name
    copy = backups.folder / "home" / "jari" / "base" / name / "data" / "base.tar.gz"

    with backups.damaged(copy):
        found = problems_of()

    assert found.startswith("Barman: ")


def test_without_the_keys_nothing_is_restored(backups, settings):
    settings.BACKUPS.folder.mkdir()
    keys.write(settings.BACKUPS.folder)
    settings.DATA_KEYS = [(2, b"n" * 32)]

    with pytest.raises(CommandError) as refused:
        drill()

    assert str(refused.value).startswith("Keys are missing that the backups need (JARI_DATA_KEYS 1")
    assert refused.value.returncode == 2
    assert Drill.objects.count() == 0


def test_what_its_keys_do_not_open_is_named_and_not_shown(backups, settings):
    settings.DATA_KEYS = [(7, b"n" * 32)]  # the process that examines has the tests' own
    person = PersonFactory(name="김서연")
    backups.wait()

    found = problems_of()

    assert "eligibility.Person.name, key 7: The key this value was encrypted with" in found
    assert person.name not in found


def test_nobody_changes_what_a_drill_found():
    row = Drill.objects.create(started_at=database_now(), passed=False)

    with pytest.raises(DatabaseError):
        Drill.objects.filter(pk=row.pk).update(passed=True)


def test_what_a_killed_drill_left_is_removed(backups, settings, monkeypatch):
    left = settings.BACKUPS.folder / "drill-left"
    (left / "data").mkdir(parents=True)
    (left / "lock").touch()
    monkeypatch.setattr(barman, "restore", lambda *_: shutil.copy("/nonexistent", left))

    with pytest.raises(FileNotFoundError):
        drill()

    assert list(settings.BACKUPS.folder.iterdir()) == []


def test_those_who_watch_see_how_far_copies_are_behind(backups):
    Drill.objects.create(
        started_at=database_now(), passed=True, copy_seconds=2, verify_seconds=1, lost_seconds=0.5
    )

    told = Client().get("/metrics").content.decode()

    assert "jari_drill_seconds 3.0" in told
    assert "jari_drill_lost_seconds 0.5" in told
    assert 'jari_standby_lag_seconds{standby="barman_receive_wal"}' in told
    assert f'jari_slot_kept_bytes{{slot="{backups.slot}"}}' in told
    assert "jari_synchronous_wanted 0.0" in told
    assert "jari_synchronous_standbys 0.0" in told


def test_damaged_wal_is_no_end_of_it(backups):
    for _ in range(3):
        PersonFactory()
        backups.switch()
    first = barman.newest_backup(None).first_segment
    needed = [path for path in backups.wal() if path.name >= first]

    with backups.damaged(needed[0]):
        unusable = problems_of()
    with backups.damaged(needed[2]):
        shortened = problems_of()

    assert unusable.startswith("Postgres could not replay the archive: ")
    assert "The archive is damaged or has a gap" in shortened
