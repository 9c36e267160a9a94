import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from booking.models import Slot
from tests.factories import ClinicFactory, ReservationFactory, SlotFactory, VaccineFactory

pytestmark = pytest.mark.django_db


def tomorrow() -> str:
    return f"{timezone.localdate() + timedelta(days=1)}"


@pytest.fixture
def offer():
    return ClinicFactory(code="C1"), VaccineFactory(code="v1")


def run(tmp_path, content, *options) -> tuple[str, str]:
    path = tmp_path / "slots.csv"
    path.write_text(content)
    out = io.StringIO()
    error = ""
    try:
        call_command("import_slots", str(path), "--language=en", *options, stdout=out, stderr=out)
    except CommandError as refusal:
        error = str(refusal)
    return out.getvalue(), error


def times() -> list[str]:
    return [
        f"{timezone.localtime(slot.starts_at):%H:%M}" for slot in Slot.objects.order_by("starts_at")
    ]


def test_one_time_in_each_row(tmp_path, offer):
    content = f"clinic,vaccine,starts_at,capacity\nC1,v1,{tomorrow()}T09:00,5\n"

    first, _error = run(tmp_path, content)
    second, _error = run(tmp_path, content)

    assert "1 added" in first
    assert "0 added, 0 changed, 1 unchanged" in second
    assert times() == ["09:00"]
    assert Slot.objects.get().capacity == 5


@pytest.mark.parametrize(
    ("opens", "closes", "minutes", "expected"),
    [
        ("09:00", "10:30", 30, ["09:00", "09:30", "10:00"]),
        ("0900", "1000", 25, ["09:00", "09:25"]),
        ("23:00", "23:59", 30, ["23:00"]),
    ],
)
def test_opening_hours_are_cut_into_slots(tmp_path, offer, opens, closes, minutes, expected):
    content = (
        "clinic,vaccine,date,open,close,minutes,capacity\n"
        f"C1,v1,{tomorrow()},{opens},{closes},{minutes},3\n"
    )

    run(tmp_path, content)

    assert times() == expected
    assert "1 unchanged" in run(tmp_path, content)[0]


def test_a_new_capacity_changes_the_slot_through_its_service(tmp_path, offer):
    run(tmp_path, f"clinic,vaccine,starts_at,capacity\nC1,v1,{tomorrow()}T09:00,5\n")

    text, _error = run(tmp_path, f"clinic,vaccine,starts_at,capacity\nC1,v1,{tomorrow()}T09:00,7\n")

    assert "0 added, 1 changed" in text
    assert Slot.objects.get().capacity == 7


def test_a_capacity_below_what_is_booked_is_refused(tmp_path):
    slot = SlotFactory(capacity=3)
    ReservationFactory(slot=slot)
    ReservationFactory(slot=slot)
    at = timezone.localtime(slot.starts_at)

    text, error = run(
        tmp_path,
        "clinic,vaccine,starts_at,capacity\n"
        f"{slot.clinic.code},{slot.vaccine.code},{at:%Y-%m-%dT%H:%M},1\n",
    )

    assert f"column capacity: at {at:%Y-%m-%d %H:%M} 2 places are booked already." in text
    assert error
    slot.refresh_from_db()
    assert (slot.capacity, slot.booked) == (3, 2)


def test_a_row_of_opening_hours_changes_all_its_slots_or_none(tmp_path):
    slot = SlotFactory(capacity=3)
    other = SlotFactory(
        clinic=slot.clinic,
        vaccine=slot.vaccine,
        capacity=3,
        starts_at=slot.starts_at + timedelta(minutes=30),
    )
    ReservationFactory(slot=other)
    ReservationFactory(slot=other)
    at = timezone.localtime(slot.starts_at)
    row = f"{slot.clinic.code},{slot.vaccine.code},{at:%Y-%m-%d},10:00,11:00,30,1\n"

    run(tmp_path, "clinic,vaccine,date,open,close,minutes,capacity\n" + row, "--skip-refused")

    assert set(Slot.objects.values_list("capacity", flat=True)) == {3}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("C9,v1,{day}T09:00,5", "column clinic: there is none with the code “C9”."),
        ("C1,v9,{day}T09:00,5", "column vaccine: there is none with the code “v9”."),
        ("C1,v1,2021-07-19T20:00,5", "column starts_at: 2021-07-19 20:00 is over."),
        ("C1,v1,{day}T25:00,5", "column starts_at: Write a time as"),
        ("C1,v1,{day}T09:00,-1", "column capacity: Write a whole number from 0 to 1000."),
    ],
)
def test_a_row_says_what_is_wrong_with_it(tmp_path, offer, row, problem):
    content = "clinic,vaccine,starts_at,capacity\n" + row.format(day=tomorrow()) + "\n"

    text, error = run(tmp_path, content)

    assert text.startswith(f"line 2, {problem}")
    assert error
    assert not Slot.objects.exists()


def test_opening_hours_in_which_no_slot_fits_are_refused(tmp_path, offer):
    text, _error = run(
        tmp_path,
        "clinic,vaccine,date,open,close,minutes,capacity\n"
        f"C1,v1,{tomorrow()},09:00,09:20,30,3\nC1,v1,{tomorrow()},12:00,09:00,30,3\n",
    )

    assert text.count("no slot of this length fits") == 2


def test_two_rows_may_not_ask_for_the_same_slot(tmp_path, offer):
    text, _error = run(
        tmp_path,
        "clinic,vaccine,date,open,close,minutes,capacity\n"
        f"C1,v1,{tomorrow()},09:00,10:00,30,3\nC1,v1,{tomorrow()},09:30,11:00,30,4\n",
    )

    assert f"line 3, asks for {tomorrow()} 09:30, as line 2 does." in text
    assert not Slot.objects.exists()


def test_a_time_that_was_imported_before_it_passed_stays_unchanged(tmp_path, clock):
    at = clock.at("14:00") - timedelta(hours=1)
    slot = SlotFactory(starts_at=at, capacity=3)
    row = f"{slot.clinic.code},{slot.vaccine.code},{at.isoformat()},"

    header = "clinic,vaccine,starts_at,capacity\n"
    assert "1 unchanged" in run(tmp_path, f"{header}{row}3\n")[0]
    assert "is over" in run(tmp_path, f"{header}{row}4\n")[0]
