"""Schedules: delivered once a day, tried again, whole or not at all, with an alarm."""

import fcntl
import hashlib
import json
import logging
import os
import signal
from datetime import time, timedelta
from pathlib import Path

import pytest
from django.core.files.storage import storages

from reports import files, jobs, morning
from reports.definitions import EXPORTS
from reports.enums import FileStatus, Period
from reports.models import ExportFile, ExportSchedule
from reports.orders import order_of
from reports.schedules import alarm, start_due
from reports.selection import Form, select
from staff.enums import Role
from staff.models import Access
from tests.concurrency import at_once
from tests.factories import ReservationFactory, SlotFactory, StaffFactory
from tests.reports.files import rows_of
from tests.waiting import until
from tests.workers import worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(settings, tmp_path):
    settings.HOME = tmp_path
    storage = storages["export-folder"]
    before, storage._folder = storage._folder, str(tmp_path / "delivered")
    yield tmp_path / "delivered"
    storage._folder = before


@pytest.fixture
def schedule(folder, clock):
    """Each morning at six, made the day before."""
    clock.at("12:00", tick=True)
    tomorrow = clock.now() + timedelta(days=1)
    ReservationFactory(slot=SlotFactory(starts_at=tomorrow.replace(hour=3, minute=0)))
    return ExportSchedule.objects.create(
        name="morning",
        export="reservations",
        options=order_of(select(EXPORTS["reservations"], people=True), Form()),
        period=Period.TODAY,
        at=time(6),
        target="folder",
        reason="아침 보고",
        made_by=StaffFactory(),
    )


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def next_morning(clock, text: str) -> None:
    clock.at(text, tick=True)
    clock.forward(days=1)


def test_a_file_a_day_is_delivered_with_its_manifest(schedule, folder, clock):
    jobs.continue_files()
    assert names(folder) == []

    next_morning(clock, "06:01")
    assert sum(at_once([start_due] * 3)) == 1
    clock.forward(minutes=1)
    at_once([jobs.continue_files] * 2)

    file = ExportFile.objects.get()
    assert (file.status, file.rows, file.keep_until) == (FileStatus.DONE, 1, None)
    name = f"reservations-{file.day:%Y%m%d}.csv"
    assert names(folder) == [name, f"{name}.manifest.json"]
    content = (folder / "morning" / name).read_bytes()
    manifest = json.loads((folder / "morning" / f"{name}.manifest.json").read_text())
    assert len(rows_of(content)) == manifest["rows"] == 1
    assert manifest["sha256"] == file.sha256 == hashlib.sha256(content).hexdigest()
    assert manifest["first"] == manifest["last"] == str(file.day)
    access = Access.objects.get(act="download")
    assert (access.by, len(access.numbers)) == ("schedule:morning", 1)
    jobs.continue_files()
    assert ExportFile.objects.count() == 1
    clock.forward(days=2)
    assert start_due() == 2  # also of the day on which no worker ran


def test_a_storage_that_is_full_or_gone_delays_and_says_so(
    schedule, folder, clock, monkeypatch, caplog
):
    storage = storages["export-folder"]
    save, failures = storage.save, [RuntimeError("bucket gone"), OSError(28, "No space left")]

    def fails_at_first(name, content):
        if failures:
            raise failures.pop()
        return save(name, content)

    monkeypatch.setattr(storage, "save", fails_at_first)
    next_morning(clock, "06:01")
    start_due()
    clock.forward(minutes=1)
    jobs.continue_files()
    file = ExportFile.objects.get()
    assert (file.status, file.problem) == (FileStatus.WAITING, "No space left")
    clock.forward(minutes=2)
    jobs.continue_files()
    assert ExportFile.objects.get().problem == "RuntimeError"
    assert names(folder) == []
    jobs.continue_files()  # not yet again
    assert ExportFile.objects.get().attempt == 2

    clock.forward(minutes=40)
    with caplog.at_level(logging.ERROR):
        assert [one.pk for one in alarm()] == [file.pk]
        assert alarm() == []
    assert "is late: RuntimeError" in caplog.text
    jobs.continue_files()
    assert ExportFile.objects.get().status == FileStatus.DONE
    assert len(names(folder)) == 2


def test_a_file_that_departs_from_the_tables_is_not_delivered(
    schedule, folder, clock, monkeypatch, caplog
):
    monkeypatch.setattr("reports.writing.rows_counted", lambda _selection: 7)
    next_morning(clock, "06:01")
    start_due()

    clock.forward(minutes=1)
    with caplog.at_level(logging.ERROR):
        jobs.continue_files()

    assert ExportFile.objects.get().status == FileStatus.WAITING
    assert "departs from the tables" in caplog.text
    assert names(folder) == []
    assert not Access.objects.filter(act="download").exists()


def test_a_worker_that_dies_leaves_no_half_file(schedule, folder, clock, monkeypatch):
    next_morning(clock, "06:01")
    start_due()
    file = ExportFile.objects.get()
    with monkeypatch.context() as patch:

        def killed(*_args):
            raise KeyboardInterrupt

        patch.setattr("os.fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            files.make_file(file.pk)
    assert names(folder) == []

    clock.forward(minutes=3)
    jobs.continue_files()

    assert ExportFile.objects.get().status == FileStatus.DONE
    assert len(names(folder)) == 2


def test_a_worker_killed_in_the_middle_of_a_file_leaves_it_to_the_next(
    schedule, folder, clock, tmp_path
):
    backend = "tests.reports.halting_storage.HaltingStorage"
    halting = {"folder": {"BACKEND": backend, "OPTIONS": {"location": str(folder)}}}
    halted = tmp_path / "delivered.halted"
    next_morning(clock, "06:01")
    start_due()

    with worker("exports", tmp_path, JARI_EXPORT_TARGETS=json.dumps(halting)) as process:
        until(halted.exists, "the file was not begun", patience=60)
        # The process that makes the file first: it would go on without the other.
        for pid in [*children_of(process.pid), process.pid]:
            os.kill(pid, signal.SIGKILL)
        process.wait()

    assert [name for name in names(folder) if name[0] != "."] == []
    jobs.continue_files()  # too early: it may still be alive
    assert ExportFile.objects.get().status == FileStatus.RUNNING
    clock.forward(minutes=3)
    jobs.continue_files()
    file = ExportFile.objects.get()
    assert (file.status, file.attempt, file.rows) == (FileStatus.DONE, 2, 1)
    [path, _manifest] = sorted(folder.glob("morning/[!.]*"))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
    assert Access.objects.filter(act="download").count() == 1
    [half] = folder.glob("morning/.export-*")
    hour_ago = half.stat().st_mtime - 3600
    jobs.continue_files()
    assert half.exists()  # too young
    os.utime(half, (hour_ago, hour_ago))
    with half.open() as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)
        jobs.continue_files()
        assert half.exists()
    jobs.continue_files()
    assert not half.exists()
    assert path.exists()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_authority_makes_a_schedule(client, folder):
    client.force_login(StaffFactory(role=Role.AUTHORITY))
    address = "/admin/reports/exportschedule/"
    form = {
        "name": "dw", "export": "uptake", "period": "yesterday", "at": "06:00", "target": "folder",
        "packing": "csv.gz", "encoding": "utf-8", "headers": "names", "zone": "seoul",
        "late_after": "30", "reason": "아침 보고", "active": "on", "columns": "day, region, doses",
    }  # fmt: skip

    assert client.post(f"{address}add/", form).status_code == 302
    schedule = ExportSchedule.objects.get()
    assert schedule.options["columns"] == ["day", "region", "doses"]
    assert schedule.options["packing"] == "csv.gz"
    page = client.get(f"{address}{schedule.pk}/change/").content.decode()
    assert 'value="day, region, doses"' in page
    for wrong, field in [
        ({"columns": "nothing"}, "columns"),
        ({"people": "on"}, "people"),
        ({"target": "/etc"}, "target"),
        ({"name": "../x"}, "name"),
    ]:
        answer = client.post(f"{address}add/", {**form, "name": "other", **wrong})
        assert list(answer.context["adminform"].form.errors) == [field]
    client.force_login(StaffFactory(role=Role.OPERATOR))
    assert client.get(f"{address}{schedule.pk}/change/").status_code == 200
    assert client.post(f"{address}add/", form).status_code == 403


REPORT = {
    "name": "dashboard", "export": morning.NAME, "period": Period.YESTERDAY, "at": "06:00",
    "target": "folder", "region": "", "columns": "", "recipient": "", "packing": "csv",
    "encoding": "utf-8", "headers": "names", "zone": "seoul", "language": "en",
    "late_after": "30", "reason": "morning report", "active": "on",
}  # fmt: skip


@pytest.fixture
def report(folder, clock, client):
    """The morning report, ordered in the admin the day before."""
    clock.at("12:00", tick=True)
    client.force_login(StaffFactory(role=Role.AUTHORITY))
    answer = client.post("/admin/reports/exportschedule/add/", REPORT)
    assert answer.status_code == 302, answer.context["errors"]
    return ExportSchedule.objects.get()


def test_the_morning_report_is_delivered_with_its_manifest(report, folder, clock, client):
    next_morning(clock, "05:59")
    assert start_due() == 0
    clock.forward(minutes=2)
    assert start_due() == 1

    clock.forward(minutes=1)
    jobs.continue_files()

    file = ExportFile.objects.get()
    assert (file.status, file.problem) == (FileStatus.DONE, "")
    path = f"morning-report-{file.day:%Y%m%d}.pdf"
    assert names(folder) == [path, f"{path}.manifest.json"]
    content = (folder / "dashboard" / path).read_bytes()
    assert content.startswith(b"%PDF-")
    manifest = json.loads((folder / "dashboard" / f"{path}.manifest.json").read_text())
    assert manifest["sha256"] == file.sha256 == hashlib.sha256(content).hexdigest()
    assert manifest["last"] == str(file.day - timedelta(days=1))
    access = Access.objects.get(by="schedule:dashboard")
    assert (access.act, len(access.numbers)) == ("download", 0)
    client.force_login(StaffFactory(role=Role.AUTHORITY))
    for address in ("exportschedule/", f"exportschedule/{report.pk}/change/", "exportfile/"):
        assert client.get(f"/admin/reports/{address}").status_code == 200


def test_a_late_morning_report_raises_an_alarm(report, clock, monkeypatch):
    def full(name, content):
        raise OSError(28, "No space left")

    monkeypatch.setattr(storages["export-folder"], "save", full)
    next_morning(clock, "06:01")
    start_due()
    clock.forward(minutes=1)
    jobs.continue_files()

    clock.forward(minutes=40)

    assert [(file.schedule, file.problem) for file in alarm()] == [(report, "No space left")]
