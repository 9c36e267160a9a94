"""The definitions, and what is made of them."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as project
from django.db import connection
from django.utils import timezone
from frictionless import Resource, Schema, system
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports import describing
from reports.columns import age_on
from reports.definitions import EXPORTS
from reports.describing import csvw, lock_with_new_versions, page, table_schema
from reports.enums import Holds, Type, Zone
from reports.exceptions import BadSelection
from reports.selection import Form, select
from tests.factories import ClinicFactory, ReservationFactory, SlotFactory, put_into
from tests.reports.files import age_of, rows, taken, two_districts
from vaccination.enums import LateReason
from vaccination.models import DoseGiven

pytestmark = pytest.mark.django_db

NAMES = [
    *("reservations", "doses", "doses-elsewhere", "uptake", "capacity", "no-shows"),
    *("cancellation-list", "waiting", "reviews", "complaints", "messages", "staff-acts", "access"),
]


def test_the_exports_are_those_of_the_list():
    assert list(EXPORTS) == NAMES


def test_a_changed_column_needs_a_new_version(monkeypatch):
    assert describing.changed_without_version() == []
    assert describing.LOCK.read_text(encoding="utf-8") == lock_with_new_versions()
    export = EXPORTS["capacity"]
    changed = [replace(export.columns[0], type=Type.STRING), *export.columns[1:]]
    for columns in (export.columns[1:], tuple(changed)):
        monkeypatch.setitem(EXPORTS, "capacity", replace(export, columns=columns))
        assert describing.changed_without_version() == ["capacity"]
    newer = replace(export, columns=export.columns[1:], version=export.version + 1)
    monkeypatch.setitem(EXPORTS, "capacity", newer)
    locked = json.loads(lock_with_new_versions())["capacity"]
    assert list(locked) == [str(export.version), str(newer.version)]


def test_the_document_is_that_of_the_definitions():
    path = Path(project.BASE_DIR, "docs", "exports.md")

    assert path.read_text(encoding="utf-8") == page(), "run manage.py describe_exports"


def test_columns_about_people_come_last_and_say_what_they_hold():
    for export in EXPORTS.values():
        held = [column.holds != Holds.NOTHING for column in export.columns]
        assert held == sorted(held), export.name
        assert [column.sealed is not None for column in export.columns] == held, export.name
        assert all(column.title.ko and column.title.en for column in export.columns)


def test_each_export_fits_its_schema(tmp_path):
    two_districts()

    for name, export in EXPORTS.items():
        people = [{"people": True}, {"recipient": "질병청"}] if export.has_people else []
        for zone, options in [
            (Zone.UTC, {}),
            *((Zone.SEOUL, options) for options in [{}, *people]),
        ]:
            form = Form(zone=zone)
            content, written = taken(name, form, **options)
            file = tmp_path / "file.csv"
            file.write_bytes(content)
            selection = select(export, **options)
            schema = Schema.from_descriptor(table_schema(export, selection.columns))
            with system.use_context(trusted=True):
                report = Resource(path=str(file), schema=schema).validate()

            assert report.flatten(["rowNumber", "fieldName", "message"]) == [], (name, options)
            assert report.tasks[0].stats["rows"] == written.rows > 0
            described = csvw(selection, form, "file.csv")["tableSchema"]["columns"]
            assert [column["titles"] for column in described] == [
                [text] for text in content.decode().split("\r\n")[0].split(",")
            ]


def test_a_schema_that_does_not_fit_is_noticed(tmp_path):
    two_districts()
    content, _written = taken("reservations")
    file = tmp_path / "file.csv"
    file.write_bytes(content.replace(b"vaccinated", b"confused"))
    export = EXPORTS["reservations"]
    schema = Schema.from_descriptor(table_schema(export, export.plain_columns))

    with system.use_context(trusted=True):
        assert not Resource(path=str(file), schema=schema).validate().valid


def _sql(text: str, *values) -> int:
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        return cursor.fetchone()[0]


FILTERED = """
JOIN waiting_room_admission a ON a.id = r.admission_id JOIN waiting_room_room m ON m.id = a.room_id
JOIN eligibility_cohort h ON h.id = m.cohort_id
WHERE (at AT TIME ZONE 'Asia/Seoul')::date BETWEEN %s AND %s AND (%s = '' OR c.region = %s)
    AND (%s = '' OR h.code = %s)
"""
RESERVED = f"""
SELECT count(*) FROM booking_reservation r JOIN booking_slot s ON s.id = r.slot_id
JOIN booking_clinic c ON c.id = s.clinic_id {FILTERED.replace("(at", "(s.starts_at")}
"""  # noqa: S608
GIVEN = f"""
SELECT count(*) FROM vaccination_dosegiven d JOIN booking_reservation r ON r.id = d.reservation_id
JOIN booking_clinic c ON c.id = d.clinic_id {FILTERED.replace("(at", "(d.given_at")}
"""  # noqa: S608


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.integers(-4, 4), length=st.integers(0, 6),
    region=st.sampled_from(["", "서울특별시", "부산광역시"]), line=st.sampled_from([None, 0, 3]),
)  # fmt: skip
def test_counts_are_those_of_sql(days_of_reservations, first, length, region, line):
    begin, cohorts = days_of_reservations
    start = begin + timedelta(days=first)
    end = start + timedelta(days=length)
    cohort = "" if line is None else cohorts[line]
    options = {"first": start, "last": end, "region": region}
    values = (start, end, region, region, cohort, cohort)
    expected, given = _sql(RESERVED, *values), _sql(GIVEN, *values)

    assert len(rows("reservations", cohort=cohort, **options)) == expected
    assert len(rows("doses", cohort=cohort, **options)) == given
    assert _sum("doses", rows("uptake", cohort=cohort, columns=["region", "doses"], **options)) == (
        given
    )
    for columns in (["day"], ["region", "vaccine"]):
        wanted = [*columns, "vaccinated", "no_shows", "due"]
        found = rows("no-shows", cohort=cohort, columns=wanted, **options)
        assert _sum("due", found) == expected
        for name, status in (("vaccinated", "vaccinated"), ("no_shows", "no_show")):
            assert _sum(name, found) == _sql(f"{RESERVED} AND r.status = %s", *values, status)
    booked = rows("capacity", columns=["booked"], **options)
    assert _sum("booked", booked) == _sql(RESERVED, *values[:4], "", "")


def _sum(name: str, found: list[dict[str, str]]) -> int:
    return sum(int(row[name]) for row in found)


@pytest.fixture
def days_of_reservations():
    """Reservations on three days in two regions, at the edges of the day, each of a line of its
    own, and doses of some days before; the first of the days, and the cohorts."""
    edge = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    start, cohorts = edge + timedelta(days=2), []
    clinics = [ClinicFactory(region=region) for region in ("서울특별시", "부산광역시")]
    for number, (hours, clinic) in enumerate((h, c) for h in (0, 23.5, 24, 50) for c in clinics):
        slot = SlotFactory(clinic=clinic, starts_at=start + timedelta(hours=hours))
        reservation = ReservationFactory(slot=slot)
        cohorts.append(reservation.admission.room.cohort.code)
        status = ["confirmed", "vaccinated", "no_show"][number % 3]
        put_into(reservation, status)
        if status == "vaccinated":
            DoseGiven.objects.create(
                reservation=reservation, clinic=clinic, vaccine=slot.vaccine, dose_number=1,
                vaccinator="staff:1", by="staff:1", late_reason=LateReason.values[0],
                given_at=edge - timedelta(hours=12 * number),
            )  # fmt: skip
    return start.date(), cohorts


def test_a_key_is_one_recipients_alone_and_joins_nothing():
    ours, _theirs = two_districts()

    first, again = (rows("doses", recipient="질병청") for _ in range(2))
    other = rows("doses", recipient="대학교")
    elsewhere = rows("doses-elsewhere", recipient="질병청")

    assert first == again
    keys = {row["person_key"] for row in first}
    assert len(keys) == 2
    assert keys.isdisjoint(row["person_key"] for row in other)
    assert keys == {row["person_key"] for row in elsewhere}
    assert "number" not in first[0]
    assert "name" not in first[0]
    with pytest.raises(BadSelection, match="키"):
        select(EXPORTS["doses"], recipient="질병청", people=True)
    with pytest.raises(BadSelection, match="number"):
        select(EXPORTS["doses"], recipient="질병청", columns=["number", "person_key"])
    assert {row["given_at"][10:] for row in first} == {"T00:00:00+09:00"}
    given_on = timezone.localdate()
    assert {row["age"] for row in first} == {str(age_of(ours.person, given_on))}


def test_rows_with_keys_stand_in_an_order_of_the_recipients_own():
    for _ in range(9):
        ReservationFactory(slot=SlotFactory(clinic=ClinicFactory()))

    orders = [
        tuple(row["clinic"] for row in rows("reservations", recipient=recipient))
        for recipient in ("", "질병청", "대학교", "질병청")
    ]

    assert orders[1] == orders[3]
    assert len(set(orders)) == 3
    assert {frozenset(order) for order in orders} == {frozenset(orders[0])}


@pytest.mark.parametrize(
    ("born", "on", "age"),
    [
        ("1964-05-12", "2026-05-11", "61"),
        ("1964-05-12", "2026-05-12", "62"),
        ("1964-02-29", "2026-02-28", "61"),
        ("1964-02-29", "2026-03-01", "62"),
    ],
)
def test_an_age_grows_on_the_birthday(born, on, age):
    assert age_on(born, on) == age
