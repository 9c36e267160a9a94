"""The pages of changes by file."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from booking.models import Clinic
from bulk import admin, working
from bulk.models import Upload
from staff.enums import Role
from staff.models import Access
from tests.bulk import files
from tests.bulk.files import applied, send
from tests.factories import ClinicFactory, StaffFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/bulk/upload/"


@pytest.fixture(autouse=True)
def _own_home(settings, tmp_path):
    settings.HOME = tmp_path


@pytest.fixture
def authority(client):
    user = StaffFactory(role=Role.AUTHORITY)
    client.force_login(user)
    return user


def test_a_file_goes_from_the_page_of_its_kind_to_a_preview_and_back(client, authority):
    scene = files.clinics()
    page = client.get(LIST).content.decode()
    assert f"{LIST}new/clinics/" in page

    sent = client.post(
        f"{LIST}new/clinics/", {"sent": SimpleUploadedFile("a.csv", scene.file().encode())}
    )
    upload = Upload.objects.get()
    address = reverse("admin:bulk_upload_change", args=[upload.pk])
    assert (sent.status_code, sent.url) == (302, address)
    waiting = client.get(address)
    assert waiting["Refresh"] == "3"
    forms = waiting.content.decode().count('method="post"')
    assert forms == waiting.content.decode().count('name="csrfmiddlewaretoken"') > 1
    working.compare(upload.pk)
    upload.refresh_from_db()

    preview = client.get(f"{address}?rows=changed").content.decode()
    assert "<ins>새이름의원</ins>" in preview
    assert preview.count('method="post"') == preview.count('name="csrfmiddlewaretoken"') > 2
    client.post(f"{LIST}{upload.pk}/apply/", {"shown": "another"})
    assert Upload.objects.get().status == "ready"
    client.post(f"{LIST}{upload.pk}/apply/", {"shown": upload.fingerprint})
    working.apply(upload.pk)
    assert Clinic.objects.filter(code="NEW1").exists()

    client.post(f"{LIST}{upload.pk}/undo/")
    working.undo(upload.pk)
    assert not Clinic.objects.filter(code="NEW1").exists()
    assert client.get(address).status_code == 200


def test_the_pages_of_a_preview_stay_with_the_rows_that_were_chosen(client, authority, monkeypatch):
    monkeypatch.setattr(admin, "SHOWN", 1)
    rows = "".join(f"N{n},새의원,서울,강남구,서울 강남구 {n}\n" for n in (1, 2))
    upload = send("clinics", f"code,name,region,district,address\n{rows}", authority)
    address = reverse("admin:bulk_upload_change", args=[upload.pk])

    first = client.get(f"{address}?rows=new").content.decode()
    second = client.get(f"{address}?rows=new&page=2").content.decode()

    assert 'href="?rows=new&amp;page=2"' in first
    assert 'href="?rows=new&amp;page=1"' in second
    assert ("강남구 1" in first, "강남구 2" in first) == (True, False)
    assert ("강남구 1" in second, "강남구 2" in second) == (False, True)


def test_cells_of_a_file_are_text_on_the_page_and_in_a_spreadsheet(client, authority):
    name = "=HYPERLINK(1)<script>x</script>"
    row = f"N1,{name},서울,강남구,서울 강남구 1"
    upload = send("clinics", f"code,name,region,district,address\n{row}\n", authority)

    page = client.get(reverse("admin:bulk_upload_change", args=[upload.pk])).content.decode()
    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page
    applied(upload)
    file = b"".join(client.get(f"{LIST}export/clinics/")).decode("utf-8-sig")
    assert f"'{name}" in file


def test_doses_are_downloaded_with_a_reason_and_looked_at_on_record(client, authority):
    scene = files.doses()
    upload = send("doses", scene.file(), authority)
    client.get(reverse("admin:bulk_upload_change", args=[upload.pk]))

    asked = client.get(f"{LIST}export/doses/")
    given = client.post(f"{LIST}export/doses/", {"reason": "다른 등록부와 대조"})

    assert asked.templates
    assert given["Content-Disposition"] == 'attachment; filename="doses.csv"'
    looks = [(row.act, row.what, len(row.people), row.reason) for row in Access.objects.all()]
    assert ("list", "bulk.upload", 1, "") in looks
    assert ("download", "bulk_file", 2, "다른 등록부와 대조") in looks


@pytest.mark.parametrize("path", ["new/clinics/", "export/clinics/"])
def test_a_manager_has_no_page_for_clinics(client, path):
    client.force_login(StaffFactory(role=Role.MANAGER, clinic=ClinicFactory()))

    assert client.get(f"{LIST}{path}").status_code == 403


def test_the_file_of_another_user_is_not_found_by_a_manager(client, authority):
    upload = send("slots", files.slots().file(), authority)
    client.force_login(StaffFactory(role=Role.MANAGER, clinic=ClinicFactory()))

    pages = [
        client.get(reverse("admin:bulk_upload_change", args=[upload.pk])),
        client.post(f"{LIST}{upload.pk}/apply/", {"shown": upload.fingerprint}),
        client.post(f"{LIST}{upload.pk}/drop/"),
    ]

    assert [page.status_code for page in pages] == [404, 404, 404]
    upload.refresh_from_db()
    assert upload.status == "ready"


@pytest.mark.parametrize("name", ["a.xlsx", "a.exe"])
def test_a_file_of_another_sort_is_refused(client, authority, name):
    page = client.post(f"{LIST}new/slots/", {"sent": SimpleUploadedFile(name, b"x")})

    assert page.status_code == 422
    assert not Upload.objects.exists()


def test_a_dropped_file_is_gone(client, authority):
    upload = send("clinics", files.clinics().file(), authority)

    client.post(f"{LIST}{upload.pk}/drop/")

    upload.refresh_from_db()
    assert (upload.status, upload.rows.count()) == ("dropped", 0)
