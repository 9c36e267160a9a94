"""Exports of people as FHIR: what a line says, who may take it, and what strangers say to it."""

import json

import pytest
from django.utils import timezone

from booking.models import Vaccine
from reports.definitions import EXPORTS
from reports.enums import Packing
from reports.exceptions import BadSelection
from reports.files import order_file
from reports.models import ExportFile
from reports.selection import Form, select
from reports.taking import unnamed_file
from staff.enums import Role
from staff.models import Access
from tests.factories import ReservationFactory, SlotFactory, StaffFactory, put_into
from tests.reports.fhir_validators import complaints
from tests.reports.files import scene_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def given(clock, settings, tmp_path):
    """A dose of a person, with all that may be recorded."""
    settings.HOME, settings.PUBLIC_URL = tmp_path, "https://jari.example"
    where = scene_in("서울특별시", "강남구", "=김서연")
    where.reservation.dose_given.site = "LA"
    where.reservation.dose_given.save()
    Vaccine.objects.update(kdca_type="35", cvx="150")
    return where


def lines_of(name: str, **options) -> list[dict]:
    form = Form(packing=Packing.NDJSON)
    file, _written = unnamed_file(select(EXPORTS[name], **options), form, reason="학회 보고")
    with file:
        return [json.loads(line) for line in file]


def test_a_dose_is_an_immunization(given):
    [named] = lines_of("doses", people=True)
    [keyed] = lines_of("doses", recipient="hira")

    assert complaints([named]) == complaints([keyed]) == []
    dose, clinic = given.reservation.dose_given, given.clinic
    [person] = named["contained"]
    assert (person["name"], person["birthDate"]) == ([{"text": "=김서연"}], "1964-05-12")
    assert named["meta"]["profile"][0].endswith("krcore-immunization")
    assert [coding["code"] for coding in named["vaccineCode"]["coding"]] == [
        "35", "150", dose.vaccine.code,
    ]  # fmt: skip
    assert named["identifier"][0]["value"] == given.reservation.number
    assert named["location"]["identifier"]["value"] == clinic.code
    assert named["site"]["coding"][0]["code"] == "LA"
    assert named["protocolApplied"] == [{"doseNumberPositiveInt": 1}]
    # By key: nothing that leads to the person, and no profile that asks for a name.
    assert not {"contained", "identifier", "meta"} & keyed.keys()
    assert keyed["patient"]["identifier"]["system"].endswith("/people/hira")
    [other] = lines_of("doses", recipient="kdca")
    assert other["patient"] != keyed["patient"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("held", "pending"),
        ("confirmed", "booked"),
        ("arrived", "arrived"),
        ("no_show", "noshow"),
        ("cancelled", "cancelled"),
    ],
)
def test_a_reservation_is_an_appointment(settings, tmp_path, clock, status, expected):
    settings.HOME = tmp_path
    reservation = ReservationFactory(slot=SlotFactory())
    put_into(reservation, status)

    [line] = lines_of("reservations", recipient="hira")

    assert complaints([line]) == []
    starts_at = timezone.localtime(reservation.slot.starts_at)
    assert (line["status"], line["start"]) == (expected, starts_at.isoformat())
    assert len(line["participant"]) == 2


@pytest.mark.parametrize(
    ("name", "options", "option"),
    [
        ("uptake", {}, "packing"),
        ("doses", {}, "packing"),
        ("doses", {"recipient": "x", "columns": ["lot", "person_key"]}, "columns"),
    ],
)
def test_what_is_no_resource_is_refused(given, name, options, option):
    selection = select(EXPORTS[name], **options)

    for take in (
        lambda: unnamed_file(selection, Form(packing=Packing.NDJSON), reason="학회 보고"),
        lambda: order_file(
            selection=selection, form=Form(packing=Packing.NDJSON), reason="학회 보고"
        ),
    ):
        with pytest.raises(BadSelection) as refusal:
            take()
        assert refusal.value.option == option
    assert not ExportFile.objects.exists()


def test_a_dose_destroyed_with_its_person_is_still_a_dose(given, clock):
    given.person.forgotten_at = clock.now()
    given.person.save()

    [line] = lines_of("doses", people=True)

    assert complaints([line]) == []
    assert line["patient"] == {"display": "–"}
    assert not {"contained", "meta"} & line.keys()


def test_staff_take_it_and_it_is_on_record(given, client):
    client.force_login(StaffFactory(role=Role.AUTHORITY))
    asked = {
        "packing": "ndjson", "encoding": "utf-8", "headers": "names", "zone": "seoul",
        "reason": "학회 보고", "recipient": "hira",
    }  # fmt: skip

    answer = client.post("/admin/exports/doses/", asked)
    refused = client.post("/admin/exports/doses/", asked | {"recipient": ""})

    assert answer["Content-Type"] == "application/fhir+ndjson"
    assert json.loads(b"".join(answer.streaming_content))["resourceType"] == "Immunization"
    access = Access.objects.get(act="download")
    assert access.numbers == [given.person.pk]
    assert list(refused.context["form"].errors) == ["packing"]
