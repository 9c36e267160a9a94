"""Files that a worker makes: whole, on record, for their taker alone, and in the end."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import storages
from django.db import connection

from reports import files
from reports.definitions import EXPORTS
from reports.enums import FileStatus
from reports.files import continue_files, make_file, order_file
from reports.models import ExportFile
from reports.reading import rows_counted
from reports.selection import Form, select
from staff.enums import Act, Role
from staff.models import Access
from tests.factories import ClinicFactory, ReservationFactory, SlotFactory, StaffFactory
from tests.reports.files import taken
from tests.waiting import until

# The worker tells how far it is on a second connection.
pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/reports/exportfile/"


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    settings.HOME = tmp_path
    return tmp_path


@pytest.fixture
def user():
    clinic = ClinicFactory()
    for _ in range(2):
        ReservationFactory(slot=SlotFactory(clinic=clinic))
    ReservationFactory()
    return StaffFactory(role=Role.MANAGER, clinic=clinic)


def ordered(user, **options) -> ExportFile:
    options = {"people": True, **options}
    selection = select(EXPORTS["reservations"], user=user, **options)
    return order_file(selection=selection, form=Form(), reason="접종 전날 확인", user=user)


def contents() -> list[bytes]:
    """All that lies in the storage, also under names of no file."""
    folder = Path(storages["exports"].location)
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def test_a_file_is_made_kept_taken_and_removed(client, user, clock):
    file = ordered(user)
    address = f"{LIST}{file.pk}/"
    client.force_login(user)
    waiting = client.get(f"{address}change/")
    assert waiting["Refresh"] == "3"
    assert client.get(f"{address}download/").status_code == 404

    make_file(file.pk)

    file.refresh_from_db()
    content, written = taken("reservations", user=user, people=True)
    assert (file.status, file.rows, file.size) == (FileStatus.DONE, 2, len(content))
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert Access.objects.get(pk__in=file.accesses).numbers == list(written.people)
    page = client.get(f"{address}change/")
    assert file.sha256 in page.content.decode().replace("<wbr>", "")
    assert "Refresh" not in page
    answer = client.get(f"{address}download/")
    assert b"".join(answer.streaming_content) == content
    records = Access.objects.filter(act=Act.DOWNLOAD).order_by("pk")
    assert [(one.user, one.what, one.numbers) for one in records] == [
        (user, "file_of_people", list(written.people)),
        (user, "kept_file", list(written.people)),
    ]

    clock.forward(days=7, minutes=1)
    continue_files()
    file.refresh_from_db()
    assert file.status == FileStatus.EXPIRED
    assert contents() == []
    client.force_login(user)
    assert client.get(f"{address}download/").status_code == 404


def test_a_file_is_its_takers_alone_and_goes_with_their_place(client, user):
    file = ordered(user)
    make_file(file.pk)
    address = f"{LIST}{file.pk}/"

    client.force_login(StaffFactory(role=Role.MANAGER, clinic=ClinicFactory()))
    assert client.get(f"{address}download/").status_code == 404
    assert list(client.get(LIST).context["cl"].result_list) == []
    # Who sees everything sees who took what, and does not get it.
    client.force_login(StaffFactory(role=Role.AUDITOR))
    assert [one.pk for one in client.get(LIST).context["cl"].result_list] == [file.pk]
    assert client.get(f"{address}download/").status_code == 403
    assert client.post(f"{address}cancel/").status_code == 403
    user.clinic = ClinicFactory()
    user.save()
    client.force_login(user)
    assert client.get(f"{address}download/").status_code == 403


def test_a_cancelled_file_is_not_made(client, user, monkeypatch):
    file = ordered(user)
    client.force_login(user)
    write = files.write_csv

    def cancelled_meanwhile(*args, **kwargs):
        client.post(f"{LIST}{file.pk}/cancel/")
        return write(*args, **kwargs)

    monkeypatch.setattr(files, "write_csv", cancelled_meanwhile)
    make_file(file.pk)
    make_file(file.pk)

    file.refresh_from_db()
    assert (file.status, file.attempt) == (FileStatus.CANCELLED, 1)
    assert contents() == []
    assert not Access.objects.filter(act=Act.DOWNLOAD).exists()


def test_another_worker_goes_on_where_one_was_killed(user, clock, monkeypatch):
    file = ordered(user)
    save = storages["exports"].save

    def killed(name, content):
        raise KeyboardInterrupt

    monkeypatch.setattr(storages["exports"], "save", killed)
    with pytest.raises(KeyboardInterrupt):
        make_file(file.pk)
    monkeypatch.setattr(storages["exports"], "save", save)
    late = ExportFile.objects.get()
    assert late.status == FileStatus.RUNNING
    continue_files()  # it may still be at work
    assert ExportFile.objects.get().attempt == 1

    clock.forward(minutes=3)
    continue_files()

    file.refresh_from_db()
    assert (file.status, file.attempt, file.rows) == (FileStatus.DONE, 2, 2)
    # The first one was only slow: what it ends with changes nothing.
    with pytest.raises(files.Stopped):
        files._make(late)
    assert ExportFile.objects.get().accesses == file.accesses
    assert Access.objects.filter(act=Act.DOWNLOAD).count() == 1


def test_a_worker_that_waits_for_its_rows_says_that_it_lives(user, monkeypatch):
    file, other, beats = ordered(user), connection.copy(), []

    def beat():
        with other.cursor() as cursor:
            cursor.execute("SELECT beat_at FROM reports_exportfile")
            return cursor.fetchone()[0]

    def slow(selection):
        # As while Postgres sorts millions of rows: nothing is written yet.
        beats.append(beat())
        until(lambda: beat() > beats[0])
        return rows_counted(selection)

    monkeypatch.setattr(files, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr("reports.writing.rows_counted", slow)
    make_file(file.pk)
    other.close()

    assert len(beats) == 1
    assert ExportFile.objects.get().status == FileStatus.DONE


def test_a_full_storage_is_tried_again_and_given_up(user, clock, monkeypatch):
    file, other = ordered(user), ordered(user)
    full = OSError(28, "No space left on device")
    failures = [full] * (1 + files.MOST_ATTEMPTS)
    save = storages["exports"].save

    def fails_at_first(name, content):
        if failures:
            raise failures.pop()
        return save(name, content)

    monkeypatch.setattr(storages["exports"], "save", fails_at_first)
    for _ in range(files.MOST_ATTEMPTS):
        make_file(other.pk)
        make_file(other.pk)  # not yet again
        clock.forward(minutes=16)
    make_file(file.pk)
    file.refresh_from_db()
    assert (file.status, file.problem) == (FileStatus.WAITING, "No space left on device")
    assert contents() == []
    clock.forward(minutes=1)
    continue_files()

    file.refresh_from_db()
    other.refresh_from_db()
    assert (file.status, file.problem) == (FileStatus.DONE, "")
    assert (other.status, other.problem) == (FileStatus.FAILED, "No space left on device")
    assert len(contents()) == 1


def test_a_large_export_goes_to_a_worker(client, user, monkeypatch):
    client.force_login(user)
    form = {
        "encoding": "utf-8",
        "headers": "names",
        "zone": "seoul",
        "packing": "csv",
        "reason": "아침 보고",
    }

    asked = client.post("/admin/exports/capacity/", {**form, "keep": "on"})
    monkeypatch.setattr("reports.admin.pages.MOST_AT_ONCE", 0)
    large = client.post("/admin/exports/capacity/", form)

    first, second = ExportFile.objects.order_by("pk")
    assert [asked.url, large.url] == [f"{LIST}{file.pk}/change/" for file in (first, second)]
    assert first.options["columns"] == [column.name for column in EXPORTS["capacity"].columns]
    make_file(first.pk)
    make_file(second.pk)
    assert contents()[0] == contents()[1] == taken("capacity", user=user)[0]
    clock_kept = ExportFile.objects.get(pk=first.pk)
    assert clock_kept.keep_until - clock_kept.ended_at == timedelta(days=7)
