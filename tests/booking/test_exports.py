import csv
import io
import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as project
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.utils import timezone
from frictionless import Resource, Schema, system

from booking.exports import Encoding, Selection, UnencodableText, export_to, header, write_export
from booking.models import Reservation
from eligibility.spelling import shown_phone
from tests.factories import (
    ClinicFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    VaccineFactory,
)

pytestmark = pytest.mark.django_db
SCHEMAS = Path(project.BASE_DIR) / "docs" / "schemas"


WHY = "--reason=접종 전날 확인 전화"


def exported(*, people=False, encoding=Encoding.MACHINE, **selection) -> bytes:
    file = io.BytesIO()
    rows = Selection(rows=Reservation.objects.all(), **selection)
    export_to(file, rows, people=people, encoding=encoding)
    return file.getvalue()


def rows_of(content: bytes, encoding="utf-8") -> list[dict]:
    return list(csv.DictReader(io.StringIO(content.decode(encoding), newline="")))


def test_an_export_without_people_holds_none_of_their_data():
    person = PersonFactory(name="남궁민수")
    reservation = ReservationFactory(person=person)

    content = exported()

    [row] = rows_of(content)
    assert list(row) == header(people=False)
    assert row["number"] == reservation.number
    assert row["starts_at"] == f"{timezone.localtime(reservation.slot.starts_at):%Y-%m-%d %H:%M}"
    assert "남궁민수".encode() not in content
    assert person.birth_date.isoformat().encode() not in content
    assert person.phone[-8:].encode() not in content


def test_an_export_with_people_reads_as_people_write():
    person = PersonFactory(name="남궁민수")
    ReservationFactory(person=person)

    [row] = rows_of(exported(people=True, encoding=Encoding.EXCEL), "utf-8-sig")

    assert row["name"] == "남궁민수"
    assert row["birth_date"] == "1964-05-12"
    assert row["phone"] == shown_phone(person.phone)
    assert row["phone"].startswith("010-")


@pytest.mark.parametrize(
    ("encoding", "start"),
    [
        (Encoding.EXCEL, b"\xef\xbb\xbfnumber,"),
        (Encoding.MACHINE, b"number,"),
        (Encoding.CP949, b"number,"),
    ],
)
def test_the_byte_order_mark_is_for_excel_alone(encoding, start):
    assert exported(encoding=encoding).startswith(start)


@pytest.mark.parametrize("people", [False, True])
def test_what_a_spreadsheet_would_take_for_a_formula_is_quoted(people):
    for name in ["=1+1의원", "+의원", "-의원", "@의원", "\t의원", "의원=1"]:
        ReservationFactory(
            slot=SlotFactory(clinic=ClinicFactory(name=name)),
            person=PersonFactory(name=f"{name[0]}김" if name[0] in "=+-@" else "김"),
        )

    rows = rows_of(exported(people=people))

    names = sorted(row["clinic_name"] for row in rows)
    assert names == sorted(["'=1+1의원", "'+의원", "'-의원", "'@의원", "'\t의원", "의원=1"])
    if people:
        assert sorted(row["name"] for row in rows) == ["'+김", "'-김", "'=김", "'@김", "김", "김"]


@pytest.mark.parametrize("people", [False, True])
def test_codes_and_places_are_no_formulas_either(people):
    clinic = ClinicFactory(code="=1+1", region="+1+1", district="-2+3")
    ReservationFactory(slot=SlotFactory(clinic=clinic, vaccine=VaccineFactory(code="=2+5")))

    [row] = rows_of(exported(people=people))

    cells = [row[name] for name in ("clinic", "region", "district", "vaccine")]
    assert cells == ["'=1+1", "'+1+1", "'-2+3", "'=2+5"]


def test_cp949_is_written_only_if_every_letter_fits():
    ReservationFactory(person=PersonFactory(name="뷁"))
    assert rows_of(exported(people=True, encoding=Encoding.CP949), "cp949")[0]["name"] == "뷁"
    slot = SlotFactory(starts_at=timezone.now() + timedelta(days=5))
    ReservationFactory(person=PersonFactory(name="Nguyễn"), slot=slot)

    with pytest.raises(UnencodableText) as refusal:
        exported(people=True, encoding=Encoding.CP949)

    assert "2" in str(refusal.value)
    assert "Nguy" not in str(refusal.value)


def test_days_and_regions_choose_the_rows():
    hour = timezone.localtime().replace(hour=23, minute=30, second=0, microsecond=0)
    seoul = SlotFactory(starts_at=hour + timedelta(days=1))
    busan = SlotFactory(
        starts_at=hour + timedelta(days=2), clinic=ClinicFactory(region="부산광역시")
    )
    first, second = ReservationFactory(slot=seoul), ReservationFactory(slot=busan)

    def numbers(**selection):
        return [row["number"] for row in rows_of(exported(**selection))]

    assert numbers() == [first.number, second.number]
    assert numbers(last=hour.date() + timedelta(days=1)) == [first.number]
    assert numbers(first=hour.date() + timedelta(days=2)) == [second.number]
    assert numbers(region="부산광역시") == [second.number]


@pytest.mark.parametrize("people", [False, True])
def test_an_export_fits_its_published_schema(tmp_path, people):
    ReservationFactory(slot=SlotFactory(clinic=ClinicFactory(name='한빛 "내과", 의원')))
    ReservationFactory(held=True)
    file = tmp_path / "reservations.csv"
    file.write_bytes(exported(people=people))
    name = "reservations-people" if people else "reservations"

    schema = Schema.from_descriptor(json.loads((SCHEMAS / f"{name}.json").read_text()))
    with system.use_context(trusted=True):
        report = Resource(path=str(file), schema=schema).validate()

    assert report.flatten(["rowNumber", "fieldName", "message"]) == []
    assert [field.name for field in schema.fields] == header(people=people)
    assert report.tasks[0].stats["rows"] == 2


def test_a_schema_that_does_not_fit_is_noticed(tmp_path):
    ReservationFactory()
    file = tmp_path / "reservations.csv"
    file.write_bytes(exported().replace(b"confirmed", b"confused"))
    schema = Schema.from_descriptor(json.loads((SCHEMAS / "reservations.json").read_text()))

    with system.use_context(trusted=True):
        assert not Resource(path=str(file), schema=schema).validate().valid


def test_the_command_writes_a_private_file_whole_or_not_at_all(tmp_path, capsys):
    ReservationFactory(person=PersonFactory(name="Müller"))
    file = tmp_path / "out.csv"

    with pytest.raises(CommandError):
        call_command("export", "reservations", str(file), "--people", "--encoding=cp949", WHY)
    assert list(tmp_path.iterdir()) == []

    call_command("export", "reservations", str(file), "--people", "--no-bom", "--region=서울", WHY)
    assert rows_of(file.read_bytes())[0]["name"] == "Müller"
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("options", [["--from=2026-02-30"], ["--region=평양"], ["--to=tomorrow"]])
def test_the_command_refuses_what_it_does_not_understand(tmp_path, options):
    with pytest.raises(CommandError):
        call_command("export", "reservations", str(tmp_path / "out.csv"), *options)


@pytest.mark.django_db(transaction=True)
def test_an_export_is_one_instant_even_while_people_book(monkeypatch):
    first = ReservationFactory()
    begun, booked = threading.Event(), threading.Event()

    def book_meanwhile():
        begun.wait(10)
        try:
            ReservationFactory(slot=SlotFactory(starts_at=first.slot.starts_at + timedelta(days=1)))
        finally:
            connections.close_all()
            booked.set()

    other = threading.Thread(target=book_meanwhile)
    other.start()

    class Pausing(io.BytesIO):
        def write(self, data):
            # The header comes first; the snapshot is taken by the first row, so look at two.
            if b"number" not in data:
                begun.set()
                booked.wait(20)
            return super().write(data)

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    file = Pausing()
    rows = Selection(rows=Reservation.objects.all())
    count = export_to(file, rows, people=True, encoding=Encoding.MACHINE)
    other.join(20)

    assert count == 1
    assert Reservation.objects.count() == 2


def test_the_download_is_whole_before_it_is_sent():
    ReservationFactory()

    file, count = write_export(
        Selection(rows=Reservation.objects.all()), people=True, encoding=Encoding.EXCEL
    )

    with file:
        assert count == 1
        assert file.read().startswith(b"\xef\xbb\xbf")


def test_the_command_refuses_a_period_that_ends_before_it_begins(tmp_path):
    path = tmp_path / "export.csv"

    with pytest.raises(CommandError, match="--from"):
        call_command("export", "reservations", path, "--from=2026-07-20", "--to=2026-07-19")

    assert not path.exists()
