from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.imports import save_clinics
from dataio.csv_in import Column, Layout, Row
from dataio.districts import district_of, find_district
from dataio.importing import ImportCommand, Outcome, RowRefused
from dataio.values import decimal, line_of_text, matching

code = matching(
    r"[A-Za-z0-9][A-Za-z0-9_-]{0,19}", gettext_lazy("Use at most 20 letters, digits and hyphens.")
)
phone = matching(
    r"[0-9 ()+~,/.-]{1,20}", gettext_lazy("Write a telephone number with digits and hyphens.")
)
latitude, longitude = decimal(32, 40), decimal(123, 133)

OWN = Layout(
    "own",
    [
        Column("code", code),
        Column("name", line_of_text, max_length=100),
        Column("region", line_of_text, max_length=20),
        Column("district", line_of_text, max_length=30),
        Column("address", line_of_text, max_length=200),
        Column("phone", phone, required=False),
        Column("latitude", latitude, required=False, default=None),
        Column("longitude", longitude, required=False, default=None),
    ],
)
# Clinics under contract for vaccination: one row for each clinic and day of the week.
CONTRACT = Layout(
    "contract",
    [
        Column("orgcd", code),
        Column("orgnm", line_of_text, max_length=100),
        Column("orgTlno", phone, required=False),
        Column("orgZipaddr", line_of_text, max_length=200),
    ],
    others_allowed=True,
)
# Vaccination centres, data set 15077586.
CENTRES = Layout(
    "centres",
    [
        Column("id", matching(r"\d{1,9}", gettext_lazy("Write the number of the centre."))),
        Column("centerName", line_of_text, max_length=100),
        Column("sido", line_of_text, required=False),
        Column("sigungu", line_of_text, required=False),
        Column("address", line_of_text, max_length=200),
        Column("lat", latitude, required=False, default=None),
        Column("lng", longitude, required=False, default=None),
        Column("phoneNumber", phone, required=False),
    ],
    others_allowed=True,
)


class Command(ImportCommand):
    help = gettext_lazy(
        "Add or change clinics from a CSV of ours, the open-data list of clinics under contract, "
        "or the list of vaccination centres (CSV or JSON)"
    )
    layouts = [OWN, CONTRACT, CENTRES]

    def handle(self, **options: Any) -> None:
        self.first_lines: dict[str, tuple[int, dict[str, Any]]] = {}
        super().handle(**options)

    def check_row(self, row: Row) -> None:
        row.values = _clinic_of(row.values)
        line, facts = self.first_lines.setdefault(row.values["code"], (row.line, row.values))
        # The contract list repeats a clinic for each weekday; the rows must agree.
        if facts != row.values:
            raise RowRefused(
                _("is the clinic of line %(line)s, with other facts.") % {"line": line}
            )

    def write(self, rows: Sequence[Row]) -> Sequence[Outcome | RowRefused]:
        return save_clinics([row.values for row in rows])


def _clinic_of(values: dict[str, Any]) -> dict[str, Any]:
    """The fields of Clinic from a row of any layout; raises RowRefused for an unknown district."""
    if "orgcd" in values:
        return {
            "code": values["orgcd"],
            "name": values["orgnm"],
            **_place("orgZipaddr", values["orgZipaddr"]),
            "address": values["orgZipaddr"],
            **_named(values, orgTlno="phone"),
        }
    if "centerName" in values:
        two_cells = f"{values.get('sido', '')} {values.get('sigungu', '')}".strip()
        return {
            # The list numbers its centres from 1: the prefix keeps them apart from orgcd codes.
            "code": f"center-{values['id']}",
            "name": values["centerName"],
            **_place("address", two_cells if find_district(two_cells) else values["address"]),
            "address": values["address"],
            **_named(values, phoneNumber="phone", lat="latitude", lng="longitude"),
        }
    district = district_of(values["region"], values["district"])
    if district is None:
        raise RowRefused(_not_found("district", f"{values['region']} {values['district']}"))
    return {**values, "region": district.region, "district": district.district}


def _named(values: dict[str, Any], **names: str) -> dict[str, Any]:
    """The values of these columns under Clinic's field names; absent columns are left out."""
    return {name: values[column] for column, name in names.items() if column in values}


def _place(column: str, address: str) -> dict[str, str]:
    district = find_district(address)
    if district is None:
        raise RowRefused(_not_found(column, address))
    return {"region": district.region, "district": district.district}


def _not_found(column: str, text: str) -> str:
    return _("column %(column)s: %(problem)s") % {
        "column": column,
        "problem": _("no region and district of Korea can be read from “%s”.") % text[:60],
    }
