"""Exports of people as FHIR R4: a line of NDJSON with one resource for each row.

Doses are Immunization (as KR Core 2.0 profiles it, where the vaccine has the KDCA's type and the
file names people), reservations are Appointment. People and clinics are named by identifiers; only
a file with names has a Patient in each of its resources.
"""

import csv
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from booking.calendar_file import LASTS
from booking.enums import ReservationStatus
from booking.models import Vaccine
from dataio.csv_out import unguarded
from reports.enums import Holds
from reports.exceptions import BadSelection
from reports.fhir_terms import IMMUNIZATION, json_line, own_system, vaccine_codings
from reports.selection import Selection

Resource = dict[str, Any]
_KR_CORE = "http://www.hl7korea.or.kr/fhir/krcore/StructureDefinition/krcore-"
_SITES = "http://terminology.hl7.org/CodeSystem/v3-ActSite"
# https://hl7.org/fhir/R4/valueset-appointmentstatus.html. Who came and was not vaccinated was at an
# appointment that took place.
_STATUS = {
    ReservationStatus.HELD: "pending",
    ReservationStatus.CONFIRMED: "booked",
    ReservationStatus.ARRIVED: "arrived",
    ReservationStatus.VACCINATED: "fulfilled",
    ReservationStatus.NOT_DONE: "fulfilled",
    ReservationStatus.NO_SHOW: "noshow",
    ReservationStatus.CANCELLED: "cancelled",
    ReservationStatus.LAPSED: "cancelled",
    ReservationStatus.RELEASED: "cancelled",
}


class Row:
    """The cells of a row by column, without an export's guard against formulas."""

    def __init__(self, cells: dict[str, str], recipient: str) -> None:
        self.cells, self._recipient = cells, recipient

    def __getitem__(self, column: str) -> str:
        return unguarded(self.cells.get(column) or "")

    @property
    def names_person(self) -> bool:
        return bool(self["name"])

    def patient(self) -> Resource:
        """The reference to the person: by the recipient's key, or to the contained Patient."""
        if "person_key" in self.cells:
            return _by_identifier("Patient", f"people/{self._recipient}", self["person_key"])
        # Destroyed data has no name any more.
        return {"reference": "#person"} if self.names_person else {"display": "–"}

    def contained(self) -> Resource:
        if not self.names_person:
            return {}
        person = {
            "resourceType": "Patient",
            "id": "person",
            "meta": {"profile": [f"{_KR_CORE}patient"]},
            # Of this appointment: the portal gives people no number that leaves it.
            "identifier": [{"system": own_system("reservations"), "value": self["number"]}],
            "name": [{"text": self["name"]}],
            "telecom": [{"system": "phone", "value": self["phone"]}] if self["phone"] else None,
            "gender": "unknown",  # not asked for
            "birthDate": self["birth_date"],
        }
        return {"contained": [_given(person)]}

    def clinic(self, kind: str) -> Resource:
        return {**_by_identifier(kind, "clinics", self["clinic"]), "display": self["clinic_name"]}

    def identifier(self) -> Resource:
        if not self["number"]:
            return {}
        system = own_system("reservations")
        return {"identifier": [{"system": system, "value": self["number"]}]}


def _by_identifier(kind: str, system: str, value: str) -> Resource:
    return {"type": kind, "identifier": {"system": own_system(system), "value": value}}


def _given(resource: Resource) -> Resource:
    """Without what is empty, which FHIR does not allow."""
    return {name: value for name, value in resource.items() if value not in (None, "", [], {})}


def _immunization(row: Row, vaccines: dict[str, Vaccine]) -> Resource:
    vaccine = vaccines[row["vaccine"]]
    profiled = row.names_person and vaccine.kdca_type
    site = [{"system": _SITES, "code": row["site"]}] if row["site"] else []
    return {
        "resourceType": "Immunization",
        "meta": {"profile": [f"{_KR_CORE}immunization"]} if profiled else None,
        **row.contained(),
        **row.identifier(),
        "status": "completed",
        "vaccineCode": {"coding": vaccine_codings(vaccine), "text": vaccine.name_ko},
        "patient": row.patient(),
        "occurrenceDateTime": row["given_at"],
        "recorded": row["recorded_at"],
        "primarySource": True,
        "location": row.clinic("Location"),
        "lotNumber": row["lot"],
        "expirationDate": row["expires_on"],
        "site": {"coding": site} if site else None,
        "performer": [{"actor": row.clinic("Organization")}],
        "protocolApplied": [{"doseNumberPositiveInt": int(row["dose"])}],
    }


def _appointment(row: Row, vaccines: dict[str, Vaccine]) -> Resource:
    start = row["starts_at"]
    vaccine = vaccines[row["vaccine"]]
    taken = {"required": "required", "status": "accepted"}
    return {
        "resourceType": "Appointment",
        **row.contained(),
        **row.identifier(),
        "status": _STATUS[ReservationStatus(row["status"])],
        "serviceType": [{"coding": [IMMUNIZATION, *vaccine_codings(vaccine)]}],
        "start": start,
        "end": (datetime.fromisoformat(start) + LASTS).isoformat(),
        "created": row["booked_at"],
        "participant": [
            {"actor": row.patient(), **taken},
            {"actor": row.clinic("Location"), **taken},
        ],
    }


_MAKERS: dict[str, Callable[[Row, dict[str, Vaccine]], Resource]] = {
    "doses": _immunization,
    "reservations": _appointment,
}
# Export → kind of resource.
RESOURCES = {"doses": "Immunization", "reservations": "Appointment"}


def check_fhir(selection: Selection) -> None:
    """Raise BadSelection for what can't be written as FHIR."""
    export = selection.export
    if export.name not in RESOURCES:
        raise BadSelection("packing", _("This export is not written as FHIR."))
    if selection.holds == Holds.NOTHING:
        raise BadSelection(
            "packing", _("FHIR names the person of each row: ask for keys or names of people.")
        )
    named = {column.name for column in selection.columns}
    for column in export.columns:
        lacks = column.holds in (Holds.NOTHING, selection.holds) and column.name not in named
        if lacks and not (column.joins and selection.recipient):
            raise BadSelection("columns", _("FHIR has all columns: choose none."))


def to_ndjson(table: Path, target: Path, selection: Selection) -> None:
    """Write the rows of a CSV with column names as resources, one after the other."""
    make = _MAKERS[selection.export.name]
    vaccines = {vaccine.code: vaccine for vaccine in Vaccine.objects.all()}
    with table.open(encoding="utf-8", newline="") as rows, target.open("wb") as file:
        for cells in csv.DictReader(rows):
            file.write(json_line(_given(make(Row(cells, selection.recipient), vaccines))))
