"""What every import command does, tried on the clinics'."""

import io

import pytest
from django.core.management import CommandError, call_command

from booking.models import Clinic

pytestmark = pytest.mark.django_db
HEADER = "code,name,region,district,address,phone,latitude,longitude\n"
GOOD = "C1,한빛의원,서울,강남구,서울 강남구 테헤란로 1,02-123-4567,37.5,127.0\n"
BAD = "C2,가온의원,한양,강남구,한양 강남구 1,,37.5,\n"


def run(path, *options):
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("import_clinics", str(path), "--language=en", *options, stdout=out, stderr=err)
    except CommandError as error:
        return f"{err.getvalue()}{out.getvalue()}", str(error)
    return f"{err.getvalue()}{out.getvalue()}", None


@pytest.fixture
def path(tmp_path):
    return tmp_path / "clinics.csv"


def test_importing_twice_changes_nothing(path):
    path.write_text(HEADER + GOOD)

    first, second = run(path), run(path)

    assert first == ("clinics.csv (UTF-8): 1 added, 0 changed, 0 unchanged, 0 refused.\n", None)
    assert second == ("clinics.csv (UTF-8): 0 added, 0 changed, 1 unchanged, 0 refused.\n", None)
    assert Clinic.objects.get().events.count() == 1


def test_a_changed_row_is_counted_and_recorded_with_the_command(path):
    path.write_text(HEADER + GOOD)
    run(path)
    path.write_text(HEADER + GOOD.replace("한빛", "온빛"))

    text, _error = run(path)

    assert "0 added, 1 changed" in text
    event = Clinic.objects.get().events.order_by("pgh_id").last()
    assert event.pgh_context.metadata["by"] == "command:import_clinics"


def test_a_file_with_a_refused_row_changes_nothing(path):
    path.write_text(HEADER + GOOD + BAD)

    text, error = run(path)

    assert text.startswith(
        "line 3, column district: no region and district of Korea can be read from “한양 강남구”.\n"
    )
    assert "1 added, 0 changed, 0 unchanged, 1 refused" in text
    assert error.startswith("Nothing was changed.")
    assert not Clinic.objects.exists()
    assert [file.name for file in path.parent.iterdir()] == ["clinics.csv"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_good_rows_go_in_and_refused_ones_come_back_with_their_reasons(path, encoding):
    path.write_text(HEADER + GOOD + BAD, encoding=encoding)

    text, error = run(path, "--skip-refused")

    refused = path.with_name("clinics.csv.refused.csv")
    assert error is None
    assert "The refused rows are in clinics.csv.refused.csv." in text
    assert Clinic.objects.get().code == "C1"
    lines = refused.read_bytes().decode(encoding).splitlines()
    assert lines[0] == HEADER.strip() + ",refused_line,refused_reason"
    assert lines[1].startswith(BAD.strip() + ",3,")
    assert refused.stat().st_mode & 0o077 == 0


def test_refused_rows_can_be_corrected_and_imported_as_they_are(path):
    path.write_text(HEADER + GOOD + BAD)
    run(path, "--skip-refused")
    refused = path.with_name("clinics.csv.refused.csv")
    refused.write_text(refused.read_text().replace("한양", "서울"))

    text, error = run(refused)

    assert error is None
    assert "1 added" in text
    assert Clinic.objects.get(code="C2").region == "서울특별시"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "The file is empty."),
        (HEADER.encode(), "There is no row below the first line."),
        (HEADER.encode() + b'C1,"Hanbit', "Line 2: the quotation marks do not match up."),
        (HEADER.encode() + GOOD.encode() + b'C2,"a', "Line 3: the quotation marks"),
        (b"code,name\nC1,x\n", "lacks these columns"),
    ],
)
def test_a_broken_file_ends_in_one_sentence_and_changes_nothing(path, content, problem):
    path.write_bytes(content)

    _text, error = run(path, "--skip-refused")

    assert error.startswith("clinics.csv: ")
    assert problem in error
    assert not Clinic.objects.exists()


def test_only_the_first_fifty_refusals_are_listed(path):
    path.write_text(HEADER + "".join(BAD.replace("C2", f"C{n}") for n in range(60)))

    text, _error = run(path)

    assert text.count("column district") == 50
    assert "and 10 more refused rows." in text


def test_what_the_database_refuses_names_the_rule_and_not_the_value(path, monkeypatch):
    from django.db import IntegrityError

    def refuse(kind, changes):
        raise IntegrityError("Key (code)=(C1) already exists")

    monkeypatch.setattr("booking.imports.clinics.ClinicKind.write", refuse)
    path.write_text(HEADER + GOOD)

    _text, error = run(path)

    assert "the database refused it" in error
    assert "C1" not in error


def test_messages_are_korean_by_default(path):
    path.write_text(HEADER + BAD)
    err = io.StringIO()

    with pytest.raises(CommandError, match="아무것도 바뀌지 않았습니다"):
        call_command("import_clinics", str(path), stdout=io.StringIO(), stderr=err)

    assert err.getvalue().startswith("2행, district 열: ")


def test_a_folder_that_cannot_be_written_stops_the_import(path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dataio.importing.tempfile.mkstemp", full)
    path.write_text(HEADER + GOOD + BAD)

    _text, error = run(path, "--skip-refused")

    assert "No space left on device" in error
    assert not Clinic.objects.exists()
