"""Names that FHIR resources of the portal have in common: systems of codes and identifiers."""

import json
from typing import Any

from django.conf import settings

from booking.models import Vaccine

# KR Core 2.0 (HL7 Korea), its numbering of the KDCA's types of vaccinations.
KDCA_TYPES = "http://www.hl7korea.or.kr/fhir/krcore/CodeSystem/krcore-vcnt-types"
CVX = "http://hl7.org/fhir/sid/cvx"
IMMUNIZATION = {
    "system": "http://terminology.hl7.org/CodeSystem/service-type",
    "code": "57",
    "display": "Immunization",
}


def own_system(name: str) -> str:
    """The system of codes or numbers of this portal: `clinics`, `vaccines`, …"""
    return f"{settings.PUBLIC_URL}/open/{name}"


def vaccine_codings(vaccine: Vaccine) -> list[dict[str, str]]:
    """The codes of a vaccine: the KDCA's type, CVX, and the portal's own."""
    codes = [
        {"system": KDCA_TYPES, "code": vaccine.kdca_type},
        {"system": CVX, "code": vaccine.cvx},
        {"system": own_system("vaccines"), "code": vaccine.code, "display": vaccine.name_ko},
    ]
    return [code for code in codes if code["code"]]


def json_line(content: dict[str, Any]) -> bytes:
    """A line of NDJSON."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
