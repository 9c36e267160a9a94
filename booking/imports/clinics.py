"""Clinics by file: ours, the open-data list of clinics under contract, vaccination centres."""

import re
from collections.abc import Collection, Iterator, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.enums import Facility, facilities_in_order
from booking.models import Clinic
from bulk.kinds import Change, Key, Kind, Record, Values, refused
from bulk.removing import references
from dataio.csv_in import Column, Layout, Row
from dataio.districts import district_of, find_district
from dataio.importing import RowRefused
from dataio.values import BadValue, decimal, line_of_text, matching

code = matching(
    r"[A-Za-z0-9][A-Za-z0-9_-]{0,19}", gettext_lazy("Use at most 20 letters, digits and hyphens.")
)
phone = matching(
    r"[0-9 ()+~,/.-]{1,20}", gettext_lazy("Write a telephone number with digits and hyphens.")
)


def facilities(text: str) -> list[str]:
    """Codes of Facility, separated by semicolons or blanks; raises BadValue."""
    codes = [code for code in re.split(r"[;,\s]+", text.strip()) if code]
    unknown = next((code for code in codes if code not in Facility.values), None)
    if unknown is not None:
        problem = _("“%(code)s” is none of: %(known)s.")
        raise BadValue(problem % {"code": unknown[:40], "known": ", ".join(Facility.values)})
    return facilities_in_order(codes)


name_en = matching(
    r"[A-Za-zÀ-ſ][A-Za-z0-9À-ſ .,&'()/+-]{0,99}", gettext_lazy("Write the name in Latin letters.")
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
        Column("facilities", facilities, required=False, default=[]),
        Column("name_en", name_en, required=False, max_length=100),
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
FIELDS = [
    *["name", "name_en", "region", "district", "address", "phone", "latitude", "longitude"],
    "facilities",
]


class ClinicKind(Kind):
    code = "clinics"
    name = gettext_lazy("clinics")
    model = Clinic
    key_fields = ("code",)
    layouts = [OWN, CONTRACT, CENTRES]
    repeats_allowed = True  # the contract list has a row for each weekday

    def records(self, row: Row) -> list[Record]:
        values = _clinic_of(row.values)
        return [Record(row.line, (values.pop("code"),), values)]

    def current(self, keys: Collection[Key], *, lock: bool = False) -> dict[Key, Values]:
        clinics = Clinic.objects.filter(code__in=[code for (code,) in keys])
        if lock:
            clinics = clinics.select_for_update(no_key=True).order_by("pk")
        return {
            (clinic.code,): {name: getattr(clinic, name) for name in FIELDS} for clinic in clinics
        }

    def write(self, changes: Sequence[Change]) -> None:
        added = [change for change in changes if change.before is None]
        Clinic.objects.bulk_create(Clinic(code=change.key[0], **change.after) for change in added)
        after = {change.key[0]: change.after for change in changes if change.before is not None}
        clinics = list(Clinic.objects.filter(code__in=after))
        for clinic in clinics:
            for name, value in after[clinic.code].items():
                setattr(clinic, name, value)
        Clinic.objects.bulk_update(clinics, FIELDS)

    def in_use(self, keys: Collection[Key]) -> dict[Key, str]:
        ids = Clinic.objects.filter(code__in=[code for (code,) in keys]).values_list("pk", "code")
        return references(Clinic, {pk: (code,) for pk, code in ids})

    def remove(self, keys: Collection[Key]) -> None:
        Clinic.objects.filter(code__in=[code for (code,) in keys]).delete()

    def stored(self) -> Iterator[tuple[Key, Values]]:
        for clinic in Clinic.objects.order_by("code").iterator():
            yield (clinic.code,), {name: getattr(clinic, name) for name in FIELDS}

    def repeated(self, record: Record, line: int) -> str:
        return _("is the clinic of line %(line)s, with other facts.") % {"line": line}


def _clinic_of(values: Values) -> Values:
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
        raise _not_found("district", f"{values['region']} {values['district']}")
    return {**values, "region": district.region, "district": district.district}


def _named(values: Values, **names: str) -> Values:
    """The values of these columns under Clinic's field names; absent columns are left out."""
    return {name: values[column] for column, name in names.items() if column in values}


def _place(column: str, address: str) -> dict[str, str]:
    district = find_district(address)
    if district is None:
        raise _not_found(column, address)
    return {"region": district.region, "district": district.district}


def _not_found(column: str, text: str) -> RowRefused:
    problem = _("no region and district of Korea can be read from “%s”.") % text[:60]
    return refused(column, problem)
