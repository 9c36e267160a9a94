"""Open times for other programs: HL7's guide "SMART Scheduling Links" 1.0.0 (STU 1), FHIR R4.

https://build.fhir.org/ig/HL7/smart-scheduling-links/ : a manifest that ends with `$bulk-publish`,
and NDJSON files of Location, Schedule and Slot. A link leads to the finder, whose door lets nobody
in who was not called (waiting_room.decorators).
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from booking.calendar_file import LASTS
from booking.finder.availability import HORIZON, PUBLIC_SLOTS
from booking.models import Clinic, Vaccine
from booking.rules import part_of, vaccines_named
from database.clock import Now, database_now
from dataio.districts import REGION_CODES
from reports.fhir_terms import IMMUNIZATION, json_line, own_system, vaccine_codings
from reports.open_files import Publication, folder_of, only_writer
from reports.writing import snapshot
from waiting_room.enums import RoomStatus
from waiting_room.models import Room
from web.public import public_url

FOLDER, MANIFEST = "slots", "$bulk-publish"
_PROFILES = "http://hl7.org/fhir/uv/smart-scheduling-links/StructureDefinition/smart-scheduling-"
_LINK = "http://hl7.org/fhir/uv/smart-scheduling-links/StructureDefinition/booking-deep-link"
_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_OF_CLINIC = [
    "id",
    "code",
    "name",
    "region",
    "district",
    "address",
    "phone",
    "latitude",
    "longitude",
]
# The times of slots, each once: https://wiki.postgresql.org/wiki/Loose_indexscan
_TIMES = """
WITH RECURSIVE times AS (
    SELECT min(starts_at) AS at FROM booking_slot WHERE starts_at > jari_now()
    UNION ALL
    SELECT (SELECT min(starts_at) FROM booking_slot WHERE starts_at > times.at)
    FROM times WHERE times.at < jari_now() + %(horizon)s
)
SELECT at FROM times WHERE at < jari_now() + %(horizon)s
"""
# The times of a clinic and vaccine that are shown, as the first and last of each part of a day:
# numbers of `times`, whose parts are `parts`. Each is a Slot, as coarse as the finder's first step:
# the guide allows it, and one for each appointment would be a gigabyte each minute in a campaign.
_SLOTS = f"""
SELECT clinic_id, vaccine_id, array_agg(part ORDER BY part), array_agg(first ORDER BY part),
    array_agg(last ORDER BY part)
FROM (
    SELECT slot.clinic_id, slot.vaccine_id, time.part, min(time.number) AS first,
        max(time.number) AS last
    FROM booking_slot AS slot
    JOIN unnest(%(times)s::timestamptz[], %(parts)s::int[], %(numbers)s::int[])
        AS time (at, part, number) ON time.at = slot.starts_at
    WHERE {PUBLIC_SLOTS} AND slot.vaccine_id = ANY(%(vaccines)s)
    GROUP BY slot.clinic_id, slot.vaccine_id, time.part
) AS shown
GROUP BY clinic_id, vaccine_id ORDER BY clinic_id, vaccine_id
"""  # noqa: S608
_TYPES = ["int8", "int8", "int4[]", "int4[]", "int4[]"]


def publish() -> int | None:
    """Write the files as the tables are now; returns how many changed, None if another process is
    writing them."""
    folder = folder_of(FOLDER)
    with only_writer(folder) as is_alone, Publication(folder) as files:
        if not is_alone:
            return None
        with snapshot():
            now = database_now()
            with connection.cursor() as cursor:
                # The groups fit into memory: sorting a million slots on disk took most of the time.
                cursor.execute("SET LOCAL work_mem = '64MB'")
            outputs = list(_write(files))
        files.write(MANIFEST, json_line(_manifest(now, outputs)))
        return files.publish(last=MANIFEST)


def address_of(name: str) -> str:
    return public_url("open:slots", name)


def _manifest(now: datetime, outputs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "transactionTime": timezone.localtime(now).isoformat(timespec="milliseconds"),
        "request": address_of(MANIFEST),
        "output": outputs,
        "error": [],
    }


def _write(files: Publication) -> Iterator[dict[str, Any]]:
    """Write all files but the manifest; gives its entries."""
    page_of = _clinic_pages()
    rows = Clinic.objects.filter(active=True).order_by("region", "district", "code")
    clinics: dict[int, dict[str, Any]] = {
        row["id"]: {**row, "page": page_of(row["code"])} for row in rows.values(*_OF_CLINIC)
    }
    for clinic in clinics.values():
        files.write("locations.ndjson", json_line(_location(clinic)))
    regions = sorted({_region_code(clinic) for clinic in clinics.values()})
    # Also those that stay empty: what a client read about a minute ago is there.
    for name in ["locations", "schedules", *(f"slots-{code}" for code in regions)]:
        files.write(f"{name}.ndjson", b"")
    vaccines = {vaccine.pk: vaccine for vaccine in Vaccine.objects.all()}
    codings = {pk: vaccine_codings(vaccine) for pk, vaccine in vaccines.items()}
    times = Times.read()
    for clinic_id, vaccine_id, *spans in _slots(times, bookable(vaccines)):
        if clinic_id not in clinics:  # takes no bookings
            continue
        clinic, vaccine = clinics[clinic_id], vaccines[vaccine_id]
        files.write("schedules.ndjson", json_line(_schedule(clinic, vaccine_id, codings)))
        lines = times.lines(clinic, vaccine, *spans)
        files.write(f"slots-{_region_code(clinic)}.ndjson", lines)
    yield {"type": "Location", "url": address_of("locations.ndjson")}
    yield {"type": "Schedule", "url": address_of("schedules.ndjson")}
    for code in regions:
        address = address_of(f"slots-{code}.ndjson")
        yield {"type": "Slot", "url": address, "extension": {"state": [code]}}


def _region_code(clinic: dict[str, Any]) -> str:
    return REGION_CODES.get(clinic["region"], "KR")


def bookable(vaccines: dict[int, Vaccine]) -> list[int]:
    """Vaccines that a line lets people book now. "Free" is a slot only if it can be held: the guide
    wants none shown before."""
    rooms = Room.objects.exclude(status=RoomStatus.CLOSED)
    now_open = rooms.filter(cohort__opens_at__lte=Now(), cohort__closes_at__gt=Now())
    by_code = {vaccine.code: pk for pk, vaccine in vaccines.items()}
    found: set[int] = set()
    for codes in now_open.order_by("pk").values_list("cohort__vaccines", flat=True):
        named = vaccines_named(codes, by_code)
        found |= vaccines.keys() if named is None else named
    return sorted(found)


def _slots(times: "Times", vaccines: list[int]) -> Iterator[tuple[Any, ...]]:
    """(clinic, vaccine, parts, firsts, lasts) of all that is shown."""
    if not vaccines:
        return
    values = {
        "times": times.all,
        "parts": times.part_of,
        "numbers": list(range(len(times.all))),
        "horizon": HORIZON,
        "vaccines": vaccines,
    }
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({_SLOTS}) TO STDOUT (FORMAT binary)", values) as copy,
    ):
        copy.set_types(_TYPES)
        yield from copy.rows()


class Times:
    """All times of slots, and the texts that lines need for each of them: they are few, and lines
    are many."""

    def __init__(self, times: list[datetime]) -> None:
        local = [timezone.localtime(at) for at in times]
        days = [(at.date(), part_of(at.time())) for at in local]
        numbers = {part: number for number, part in enumerate(dict.fromkeys(days))}
        self.all, self.part_of = times, [numbers[day] for day in days]
        self._starts = [f'"start":"{at.isoformat()}",' for at in local]
        self._ends = [f'"end":"{(at + LASTS).isoformat()}",' for at in local]
        self._ids = [f"{on:%Y%m%d}-{part}" for on, part in numbers]
        self._links = [f'date={on}&part={part}"}}]}}\n' for on, part in numbers]

    @classmethod
    def read(cls) -> "Times":
        values: dict[str, Any] = {"horizon": HORIZON}
        with connection.cursor() as cursor:
            cursor.execute(_TIMES, values)
            return cls([at for (at,) in cursor.fetchall()])

    def lines(
        self,
        clinic: dict[str, Any],
        vaccine: Vaccine,
        parts: list[int],
        firsts: list[int],
        lasts: list[int],
    ) -> bytes:
        """The Slots of a clinic and vaccine."""
        key = f"{clinic['id']}-{vaccine.pk}"
        head = f'{{"resourceType":"Slot","id":"{key}-'
        schedule = f'","schedule":{{"reference":"Schedule/{key}"}},"status":"free",'
        address = f"{clinic['page']}?vaccine={quote(vaccine.code)}&"
        link = f'"extension":[{{"url":"{_LINK}","valueUrl":"{address}'
        ids, starts, ends, links = self._ids, self._starts, self._ends, self._links
        return "".join(
            [
                f"{head}{ids[part]}{schedule}{starts[first]}{ends[last]}{link}{links[part]}"
                for part, first, last in zip(parts, firsts, lasts, strict=True)
            ]
        ).encode()


def _clinic_pages() -> Callable[[str], str]:
    """A function from a clinic's code to its page of the finder: `reverse` would take as long as
    all the rest of a clinic."""
    before, after = reverse("clinic", args=["CODE"]).split("CODE")
    start = f"{settings.PUBLIC_URL}{before}"
    return lambda code: f"{start}{quote(code, safe='')}{after}"


def _location(clinic: dict[str, Any]) -> dict[str, Any]:
    page = {"system": "url", "value": clinic["page"]}
    phone = [{"system": "phone", "value": clinic["phone"]}] if clinic["phone"] else []
    location = {
        "resourceType": "Location",
        "id": str(clinic["id"]),
        "meta": {"profile": [f"{_PROFILES}location"]},
        "identifier": [{"system": own_system("clinics"), "value": clinic["code"]}],
        "status": "active",
        "name": clinic["name"],
        "telecom": [*phone, page],
        "address": {
            "line": [clinic["address"]],
            "city": clinic["district"],
            "state": clinic["region"],
            # Required by the profile and not known here: FHIR's way to say so.
            "_postalCode": {"extension": [{"url": _ABSENT, "valueCode": "unknown"}]},
            "country": "KR",
        },
    }
    if clinic["latitude"] is not None and clinic["longitude"] is not None:
        location["position"] = {name: clinic[name] for name in ("longitude", "latitude")}
    return location


def _schedule(
    clinic: dict[str, Any], vaccine_id: int, codings: dict[int, list[dict[str, str]]]
) -> dict[str, Any]:
    return {
        "resourceType": "Schedule",
        "id": f"{clinic['id']}-{vaccine_id}",
        "meta": {"profile": [f"{_PROFILES}schedule"]},
        "serviceType": [{"coding": [IMMUNIZATION, *codings[vaccine_id]]}],
        "actor": [{"reference": f"Location/{clinic['id']}", "display": clinic["name"]}],
    }
