import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from eligibility.enums import UploadStatus
from eligibility.models import Person, RosterUpload
from eligibility.services.uploads import (
    agree,
    refused_path,
    run_again,
    run_upload,
    upload_path,
)
from staff.models import Access
from tests.factories import StaffFactory

pytestmark = pytest.mark.django_db

GOOD = "person_id,name,birth_date,phone,region\nR1,홍길동,1964-05-12,010-0000-1111,서울특별시\n"
BAD = GOOD + "R2,김철수,1964-05-32,010-0000-2222,서울특별시\n"


@pytest.fixture(autouse=True)
def _own_home(settings, tmp_path):
    settings.HOME = tmp_path


def send(client, content: str | bytes, *, name: str = "명단.csv", **values):
    client.force_login(StaffFactory())
    content = content.encode() if isinstance(content, str) else content
    return client.post(
        reverse("admin:eligibility_rosterupload_add"),
        {"sent": SimpleUploadedFile(name, content), **values},
    )


def imported(client, upload: RosterUpload) -> RosterUpload:
    """Compared, agreed to, and imported."""
    run_upload(upload.pk)
    upload.refresh_from_db()
    client.post(reverse("admin:roster_import", args=[upload.pk]), {"shown": upload.fingerprint})
    run_upload(upload.pk)
    upload.refresh_from_db()
    return upload


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("명단.xlsx", "‘CSV UTF-8(쉼표로 분리)’로"),
        ("명단.XLS", "‘CSV UTF-8(쉼표로 분리)’로"),
        ("roster.exe", ".csv 또는 .txt"),
        ("roster", ".csv 또는 .txt"),
        ("roster.csv.html", ".csv 또는 .txt"),
    ],
)
def test_a_file_of_another_kind_is_refused_by_its_name(client, name, advice):
    page = send(client, GOOD, name=name)

    [[message]] = page.context["adminform"].form.errors.values()
    assert advice in message
    assert not RosterUpload.objects.exists()


def test_a_spreadsheet_under_the_name_of_a_roster_is_refused(client):
    send(client, b"PK\x03\x04\x14\x00\x06\x00" + bytes(range(256)) * 4)
    upload = RosterUpload.objects.get()

    run_upload(upload.pk)

    upload.refresh_from_db()
    assert upload.status == UploadStatus.REFUSED
    assert not Person.objects.exists()


def test_an_upload_is_kept_private_and_imported_by_the_worker(client):
    sent = send(client, GOOD)
    upload = RosterUpload.objects.get()
    mode = upload_path(upload).stat().st_mode & 0o777

    imported(client, upload)

    assert sent.status_code == 302
    assert mode == 0o600
    assert (upload.status, upload.file) == (UploadStatus.DONE, "명단.csv")
    assert Person.objects.get().roster_key == "R1"
    assert not upload_path(upload).exists()
    assert "추가 1" in upload.report


def test_a_refused_upload_changes_nothing_and_says_why(client):
    send(client, BAD)
    upload = RosterUpload.objects.get()

    run_upload(upload.pk)

    upload.refresh_from_db()
    assert upload.status == UploadStatus.SHOWN
    assert not agree(upload=upload, shown=upload.fingerprint, by="staff:1")
    assert "birth_date" in upload.report
    assert "1964-05-32" not in upload.report
    assert not Person.objects.exists()


def test_refused_rows_can_be_fetched_and_that_goes_on_record(client):
    send(client, BAD, skip_refused="on")
    upload = imported(client, RosterUpload.objects.get())

    page = client.get(reverse("admin:eligibility_rosterupload_change", args=[upload.pk]))
    address = reverse("admin:roster_refused", args=[upload.pk])
    download = client.get(address)
    rows = b"".join(download.streaming_content).decode()

    assert address in page.content.decode()
    assert "김철수" in rows
    assert "홍길동" not in rows
    # A name of ours, whatever the sender called the file.
    assert download["Content-Disposition"] == f'attachment; filename="refused-{upload.pk}.csv"'
    assert refused_path(upload).stat().st_mode & 0o077 == 0
    assert Access.objects.filter(act="download").count() == 1


def test_a_killed_worker_leaves_an_upload_that_can_be_run_again(client):
    send(client, GOOD)
    upload = RosterUpload.objects.get()
    RosterUpload.objects.update(status=UploadStatus.RUNNING, agreed_by="staff:1")
    upload.refresh_from_db()

    assert run_again(upload=upload)
    run_upload(upload.pk)
    run_upload(upload.pk)

    upload.refresh_from_db()
    assert upload.status == UploadStatus.DONE
    assert not run_again(upload=upload)


def test_what_is_no_roster_is_refused_with_a_sentence(client):
    send(client, "a;b;c\n1;2;3\n")
    upload = RosterUpload.objects.get()

    run_upload(upload.pk)

    upload.refresh_from_db()
    assert upload.status == UploadStatus.REFUSED
    assert upload.report


@pytest.mark.parametrize("role", ["operator"])
def test_rosters_are_sent_by_the_health_authority_only(client, role):
    client.force_login(StaffFactory(role=role))

    assert client.get(reverse("admin:eligibility_rosterupload_add")).status_code == 403


def test_a_preview_counts_what_would_change_by_field_and_changes_nobody(client):
    imported_before = imported(client, _sent(client, GOOD))
    assert imported_before.status == UploadStatus.DONE
    moved = GOOD.replace("1111,서울특별시", "2222,부산광역시") + GOOD.splitlines()[1].replace(
        "R1,홍길동", "R2,김철수"
    )

    upload = _sent(client, moved)
    run_upload(upload.pk)

    upload.refresh_from_db()
    person = Person.objects.get()
    assert upload.status == UploadStatus.SHOWN
    assert "추가 1, 변경 1, 그대로 0" in upload.report
    assert "시·도: 1명" in upload.report
    assert (person.region, person.phone) == ("서울특별시", "+821000001111")


def test_people_who_changed_after_the_preview_are_shown_again_before_the_import(client):
    upload = _sent(client, GOOD)
    run_upload(upload.pk)
    upload.refresh_from_db()
    other = _sent(client, GOOD)
    imported(client, other)
    assert agree(upload=upload, shown=upload.fingerprint, by="staff:1")

    run_upload(upload.pk)
    run_upload(upload.pk)

    upload.refresh_from_db()
    assert upload.status == UploadStatus.SHOWN
    assert "그대로 1" in upload.report
    assert not agree(upload=upload, shown=upload.fingerprint, by="staff:1")


def test_a_roster_that_was_looked_at_can_be_dropped(client):
    upload = _sent(client, GOOD)
    run_upload(upload.pk)

    client.post(reverse("admin:roster_drop", args=[upload.pk]))

    upload.refresh_from_db()
    assert upload.status == UploadStatus.REFUSED
    assert not upload_path(upload).exists()
    assert not Person.objects.exists()


def _sent(client, content: str) -> RosterUpload:
    send(client, content)
    return RosterUpload.objects.order_by("-pk")[0]
