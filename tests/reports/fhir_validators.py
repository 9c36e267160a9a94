"""Two validators of strangers: neither may have anything to say about what the portal writes.

Left out is one false alarm of pyfhircheck, by its code and path: it takes a primitive element that
has only an extension, which FHIR allows, for a missing one. (Its alarms about the number of a
slice's members, which were false in other profiles, do not occur.)
"""

import json
import uuid
from functools import cache
from pathlib import Path
from typing import Any

import fhirkit
from pyfhircheck import Validator
from pyfhircheck.config import ValidatorConfig

# What the guides ask for beyond FHIR, as StructureDefinitions: of SMART Scheduling Links 1.0.0 and
# of KR Core 2.0.0 (HL7 Korea).
PROFILES = Path(__file__).with_name("fhir_profiles")
FALSE_ALARMS = {("profile.element.cardinality.min", "Location.address.postalCode")}


@cache
def validator() -> Validator:
    return Validator(
        ValidatorConfig.load_dict(
            {
                "fhirVersion": "4.0.1",
                "terminology": {"mode": "off"},  # no code systems are at hand
                "localPackagePaths": [str(PROFILES)],
            }
        )
    )


def complaints(resources: list[dict[str, Any]]) -> list[str]:
    """All that the two say about resources that may refer to each other."""
    said = [
        str(issue) for resource in resources for issue in fhirkit.validate(json.dumps(resource))
    ]
    report = validator().validate_resource(
        {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"fullUrl": _url(one), "resource": one} for one in resources],
        }
    )
    return said + [
        f"{issue.code} {issue.path}: {issue.message}"
        for issue in report.issues
        if (issue.code, issue.path) not in FALSE_ALARMS
    ]


def _url(resource: dict[str, Any]) -> str:
    if "id" in resource:
        return f"https://fhir.example/{resource['resourceType']}/{resource['id']}"
    return f"urn:uuid:{uuid.uuid4()}"
