"""Files of exports: what stands in a cell, in both encodings, whole and of one instant."""

import io
import threading
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from booking.models import Reservation
from eligibility.services.purging import forget
from eligibility.spelling import shown_phone
from messaging.models import Message
from reports.definitions import EXPORTS
from reports.enums import Encoding, Headers, Zone
from reports.exceptions import BadSelection
from reports.selection import Form, select
from reports.writing import write_csv
from tests.clock import clock
from tests.factories import (
    ClinicFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    VaccineFactory,
)
from tests.reports.files import rows, rows_of, taken, two_districts

pytestmark = pytest.mark.django_db
CP949 = Form(encoding=Encoding.CP949)


def test_a_file_without_people_holds_none_of_their_data():
    person = PersonFactory(name="남궁민수")
    reservation = ReservationFactory(person=person)

    content, written = taken("reservations")

    [row] = rows_of(content)
    assert row["number"] == reservation.number
    assert row["starts_at"] == timezone.localtime(reservation.slot.starts_at).isoformat("T")
    assert "남궁민수".encode() not in content
    assert person.birth_date.isoformat().encode() not in content
    assert person.phone[-8:].encode() not in content
    assert list(written.people) == []


def test_a_file_with_people_reads_as_people_write():
    person = PersonFactory(name="남궁민수")
    ReservationFactory(person=person)
    form = Form(encoding=Encoding.EXCEL)

    [row] = rows("reservations", form, people=True)
    content, written = taken("reservations", form, people=True)

    assert (row["name"], row["birth_date"]) == ("남궁민수", "1964-05-12")
    assert row["phone"] == shown_phone(person.phone)
    assert row["phone"].startswith("010-")
    assert list(written.people) == [person.pk]
    assert content.startswith("\ufeffnumber,".encode())


def test_times_say_their_zone_and_headers_their_language():
    reservation = ReservationFactory()
    starts_at = reservation.slot.starts_at.replace(microsecond=0)

    english = Form(zone=Zone.UTC, headers=Headers.ENGLISH)
    [row] = rows("reservations", english, columns=["starts_at", "clinic"])
    assert row == {
        "appointment": f"{starts_at:%Y-%m-%dT%H:%M:%S}Z",
        "clinic code": reservation.slot.clinic.code,
    }
    [korean] = rows("reservations", Form(headers=Headers.KOREAN), columns=["starts_at"])
    assert korean == {"접종 시각": timezone.localtime(starts_at).isoformat("T")}


HOSTILE = [
    *("=1+1의원", "+의원", "-의원", "@의원", "\t의원", "＝1의원", "의원=1"),
    *('"내과", 의원', "두\n줄", "두\r\n줄", ",", "'", "뷁"),
]


@pytest.mark.parametrize("form", [Form(), CP949], ids=["utf-8", "cp949"])
@pytest.mark.parametrize("people", [False, True])
def test_hostile_cells_come_through_and_run_nowhere(people, form):
    for name in HOSTILE:
        clinic = ClinicFactory(name=name, code=name[:1] + str(HOSTILE.index(name)))
        slot = SlotFactory(clinic=clinic)
        ReservationFactory(slot=slot, person=PersonFactory(name=name))

    found = rows("reservations", form, people=people)

    expected = sorted(f"'{name}" if name[0] in "=+-@\t＝" else name for name in HOSTILE)
    assert sorted(row["clinic_name"] for row in found) == expected
    if people:
        assert sorted(row["name"] for row in found) == expected


@pytest.mark.parametrize("people", [False, True])
def test_codes_and_places_are_no_formulas_either(people):
    clinic = ClinicFactory(code="=1+1", region="+1+1", district="-2+3")
    ReservationFactory(slot=SlotFactory(clinic=clinic, vaccine=VaccineFactory(code="=2+5")))

    [row] = rows("reservations", people=people)

    cells = [row[name] for name in ("clinic", "region", "district", "vaccine")]
    assert cells == ["'=1+1", "'+1+1", "'-2+3", "'=2+5"]


def test_what_cp949_lacks_is_replaced_and_listed():
    names = ["Nguyễn", "Müller", "한\U0001f600", "\u1112\u1161\u11ab결", "﹦1", "남\n😀"]
    for number, name in enumerate(names):
        slot = SlotFactory(starts_at=timezone.now() + timedelta(days=2 + number))
        ReservationFactory(person=PersonFactory(name=name), slot=slot)

    content, written = taken("reservations", CP949, people=True)

    found = [row["name"] for row in rows_of(content, "cp949")]
    assert found == ["Nguyen", "Muller", "한?", "한결", "'=1", "남\n?"]
    assert [(entry.row, entry.column, entry.letter, entry.by) for entry in written.replaced] == [
        (1, "name", "ễ", "e"),
        (2, "name", "ü", "u"),
        (3, "name", "\U0001f600", "?"),
        (5, "name", "﹦", "="),
        (6, "name", "😀", "?"),
    ]
    assert written.replaced_count == 5


def test_a_row_with_one_empty_cell_is_still_a_row():
    ReservationFactory(held=True)
    ReservationFactory()

    assert len(rows("reservations", columns=["booked_at"])) == 2
    assert len(rows("reservations", CP949, columns=["booked_at"])) == 2


def test_what_was_destroyed_is_an_empty_cell(clock):
    person = PersonFactory()
    ReservationFactory(person=person)
    forget([person.pk], now=clock.now())

    [row] = rows("reservations", people=True)

    assert (row["name"], row["birth_date"], row["phone"]) == ("", "", "")
    assert [row["age"] for row in rows("reservations", recipient="질병청")] == [""]


@pytest.mark.django_db(transaction=True)
def test_a_file_is_one_instant_even_while_people_book():
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
            # The header comes before the snapshot, the first rows after it.
            if b"number" not in data:
                begun.set()
                booked.wait(20)
            return super().write(data)

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    written = write_csv(Pausing(), select(EXPORTS["reservations"], people=True), Form())
    other.join(20)

    assert written.rows == 1
    assert Reservation.objects.count() == 2


@pytest.mark.parametrize(
    ("name", "options", "option"),
    [
        ("capacity", {"columns": ["day", "nothing"]}, "columns"),
        ("capacity", {"people": True}, "people"),
        ("reservations", {"columns": ["name"]}, "columns"),
        ("reservations", {"columns": ["person_key"]}, "recipient"),
        ("reservations", {"region": "평양"}, "region"),
        ("messages", {"region": "서울"}, "region"),
        ("reservations", {"cohort": "nobody"}, "cohort"),
        ("capacity", {"cohort": "55-59"}, "cohort"),
    ],
)
def test_what_an_export_lacks_is_refused(name, options, option):
    with pytest.raises(BadSelection) as refusal:
        select(EXPORTS[name], **options)

    assert refusal.value.option == option


def test_messages_say_what_was_delivered_when_and_why_not():
    two_districts()
    first, _second = Message.objects.filter(kind="called").order_by("pk")
    told = {"status": "sent", "sent_at": clock.now(), "receipt_at": clock.now()}
    Message.objects.filter(pk=first.pk).update(
        **told, gateway="kakao", receipt="failed", receipt_reason="solapi 3104"
    )

    found = [row for row in rows("messages") if row["kind"] == "called"]

    named = ("gateway", "receipt", "receipt_reason")
    assert [tuple(row[name] for name in named) for row in found] == [
        ("kakao", "failed", "solapi 3104"),
        ("", "", ""),
    ]
    assert [bool(row["receipt_at"]) for row in found] == [True, False]
