"""Taking exports by command and in the admin."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from reports.definitions import EXPORTS
from reports.describing import takers
from staff.enums import Act, Role
from staff.models import Access
from tests.factories import PersonFactory, ReservationFactory, StaffFactory
from tests.reports.files import rows, rows_of, staff_at, two_districts

pytestmark = pytest.mark.django_db
WHY = "--reason=접종 전날 확인 전화"


def test_the_command_writes_a_private_file_with_what_describes_it(tmp_path, capsys):
    ReservationFactory(person=PersonFactory(name="Müller"))
    file = tmp_path / "out.csv"

    call_command("export", "reservations", str(file), "--people", "--no-bom", "--region=서울", WHY)
    assert rows_of(file.read_bytes())[0]["name"] == "Müller"
    assert file.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [file]

    options = ["--encoding=cp949", "--headers=ko", "--zone=utc", "--metadata"]
    call_command("export", "reservations", str(file), "--people", WHY, *options)
    [row] = rows_of(file.read_bytes(), "cp949")
    described = json.loads((tmp_path / "out.csv-metadata.json").read_text(encoding="utf-8"))
    columns = described["tableSchema"]["columns"]
    assert [column["titles"]["ko"] for column in columns] == list(row)
    assert described["dialect"]["encoding"] == "cp949"
    assert row["이름"] == "Muller"
    replaced = (tmp_path / "out.csv.replaced.csv").read_text(encoding="utf-8-sig")
    assert replaced.splitlines()[1] == "1,name,ü U+00FC,u"
    assert "ü → u" in capsys.readouterr().err


def test_a_file_that_breaks_leaves_nothing(tmp_path, monkeypatch):
    ReservationFactory()

    def broken(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("reports.writing.opener_of", broken)
    with pytest.raises(CommandError, match="No space left"):
        call_command("export", "reservations", str(tmp_path / "out.csv"), "--people", WHY)

    assert list(tmp_path.iterdir()) == []
    assert not Access.objects.exists()


@pytest.mark.parametrize(
    ("option", "named"),
    [
        (["--from=2026-02-30"], "--from"),
        (["--from=2026-07-20", "--to=2026-07-19"], "--to"),
        (["--to=9999-12-31"], "--to"),
        (["--from=0001-01-01"], "--from"),
        (["--region=평양"], "--region"),
        (["--columns=number,nothing"], "--columns"),
        (["--cohort=nobody"], "--cohort"),
        (["--people"], "--reason"),
        (["--columns=age"], "--reason"),
        (["--people", "--recipient=x", WHY], "--recipient"),
    ],
)
def test_the_command_refuses_what_it_does_not_understand(tmp_path, option, named):
    with pytest.raises(CommandError) as refusal:
        call_command("export", "reservations", str(tmp_path / "out.csv"), *option)

    assert str(refusal.value).startswith(named)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_period_is_a_file_without_rows_that_says_so(tmp_path, capsys):
    ReservationFactory()
    file = tmp_path / "out.csv"

    call_command("export", "reservations", str(file), "--to=2020-01-01", "--no-bom")

    assert file.read_bytes().count(b"\r\n") == 1
    assert "행이 없습니다" in capsys.readouterr().err


# Of which no row belongs to a clinic or a district, and those of persons, not of clinics.
OF_THE_WHOLE = {"waiting", "messages", "staff-acts", "access"}
OF_PERSONS = {"doses-elsewhere", "reviews", "complaints"}


def rows_expected(role: Role, name: str) -> int:
    """How many rows of two districts a role gets that works in one of them."""
    if role in (Role.AUTHORITY, Role.OPERATOR, Role.AUDITOR):
        return len(rows(name))
    none = OF_THE_WHOLE if role == Role.LOCAL else OF_THE_WHOLE | OF_PERSONS
    return 0 if name in none else 1


@pytest.mark.parametrize("role", list(Role))
def test_each_role_sees_and_takes_its_rows_of_its_exports(client, role):
    ours, _theirs = two_districts()
    user = staff_at(role, ours)
    client.force_login(user)
    may = [name for name, export in EXPORTS.items() if export.may_take(user)]
    assert may == [name for name in EXPORTS if role in takers(EXPORTS[name])]

    page = client.get("/admin/exports/")
    assert page.status_code == (200 if may else 403)
    if may:
        assert [export.name for export in page.context["exports"]] == may
    for name in EXPORTS:
        expected = rows_expected(role, name)
        assert len(rows(name, user=user)) == expected, name
        form = {
            "encoding": "utf-8",
            "headers": "names",
            "zone": "seoul",
            "packing": "csv",
            "reason": "아침 보고",
        }
        answer = client.post(f"/admin/exports/{name}/", form)
        assert answer.status_code == (200 if name in may else 403), name
        if name in may:
            assert len(rows_of(b"".join(answer.streaming_content))) == expected, name
    assert Access.objects.filter(act=Act.DOWNLOAD, user=user).count() == len(may)


def test_the_form_says_what_is_wrong_and_takes_nothing(client):
    ReservationFactory()
    client.force_login(StaffFactory())
    wrong = {"first": "2026-07-20", "last": "2026-07-19", "reason": "아침 보고"}
    form = {"encoding": "utf-8", "headers": "names", "zone": "seoul", "packing": "csv", **wrong}

    reversed_days = client.post("/admin/exports/reservations/", form)
    without_reason = client.post("/admin/exports/reservations/", {**form, "reason": " "})
    both = {**form, "first": "", "people": "on", "recipient": "질병청"}
    key_and_name = client.post("/admin/exports/reservations/", both)

    assert list(reversed_days.context["form"].errors) == ["last"]
    assert list(without_reason.context["form"].errors) == ["reason"]
    assert list(key_and_name.context["form"].errors) == ["recipient"]
    assert reversed_days.status_code == 422
    assert client.get("/admin/exports/nothing/").status_code == 404
    assert not Access.objects.filter(act=Act.DOWNLOAD).exists()


def test_the_next_page_lists_what_cp949_lacked(client):
    reservation = ReservationFactory(person=PersonFactory(name="Nguyễn"))
    client.force_login(StaffFactory())
    day = timezone.localtime(reservation.slot.starts_at).date()
    form = {
        "first": day, "last": day, "people": "on", "encoding": "cp949", "headers": "ko",
        "zone": "seoul", "packing": "csv", "reason": "아침 보고", "columns": ["status"],
    }  # fmt: skip

    answer = client.post("/admin/exports/reservations/", form)
    content = b"".join(answer.streaming_content).decode("cp949")

    assert content.splitlines()[0] == "상태,이름,생년월일,휴대전화"
    assert answer["Content-Disposition"].endswith(f'reservations-{day:%Y%m%d}-{day:%Y%m%d}.csv"')
    page = client.get("/admin/exports/").content.decode()
    assert "ễ → e" in page
    access = Access.objects.get(act=Act.DOWNLOAD)
    assert access.numbers == [reservation.person_id]
    assert access.data["columns"] == ["status", "name", "birth_date", "phone"]


def test_the_old_address_of_downloads_leads_on(client):
    client.force_login(StaffFactory())

    answer = client.get("/admin/booking/reservation/download/")

    assert answer.url == "/admin/exports/reservations/"
