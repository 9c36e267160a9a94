"""Numbers for everybody: people vaccinated, people waiting, places left, by region; a page in both
languages and files for programs, written by a job and read without the database.

People are counted at the end of a day and published by reports.publishing, which hides small
numbers. Places are no people: they are those of now.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from booking.finder.availability import HORIZON, PUBLIC_SLOTS
from booking.models.clinics import seats_left
from database.clock import database_now
from dataio.csv_out import csv_table
from dataio.districts import REGION_CODES, REGIONS
from reports.charts import Chart
from reports.charts.tile_map import region_map
from reports.columns import Column, code, day, moment, number, text
from reports.describing import csvw_of, table_schema
from reports.enums import Encoding
from reports.models import PublishedTable
from reports.open_files import Publication, folder_of, only_writer
from reports.publishing import publish
from reports.reading import midnight
from reports.selection import Form
from reports.suppression import LEAST, total
from reports.words import Words
from web.language import other_languages
from web.times import dated_moment

FOLDER = "data"
Numbers = Mapping[str, int | None]

# Each person in the region of the clinic of their first dose.
_VACCINATED = """
SELECT clinic.region, count(*) FROM (
    SELECT DISTINCT ON (reservation.person_id) dose.clinic_id
    FROM vaccination_dosegiven AS dose
    JOIN booking_reservation AS reservation ON reservation.id = dose.reservation_id
    WHERE dose.given_at < %(end)s
    ORDER BY reservation.person_id, dose.given_at, dose.id
) AS first JOIN booking_clinic AS clinic ON clinic.id = first.clinic_id GROUP BY clinic.region
"""
# Each person in the region where they live. What a reservation may have become: those that held.
_WAITING = """
SELECT person.region, count(*) FROM eligibility_person AS person
WHERE EXISTS (
    SELECT FROM waiting_room_ticket AS ticket
    JOIN waiting_room_room AS room ON room.id = ticket.room_id
    JOIN eligibility_cohort AS cohort ON cohort.id = room.cohort_id
    WHERE ticket.person_id = person.id AND ticket.joined_at < %(end)s
        AND (ticket.left_at IS NULL OR ticket.left_at >= %(end)s) AND cohort.closes_at > %(end)s
) AND NOT EXISTS (
    SELECT FROM booking_reservation AS reservation
    WHERE reservation.person_id = person.id AND reservation.confirmed_at < %(end)s
        AND reservation.status IN ('confirmed', 'arrived', 'vaccinated', 'not_done', 'no_show')
) GROUP BY person.region
"""
_LEFT = f"""
SELECT clinic.region, sum({seats_left()})::int
FROM booking_slot AS slot JOIN booking_clinic AS clinic ON clinic.id = slot.clinic_id
WHERE clinic.active AND {PUBLIC_SLOTS} GROUP BY clinic.region
"""  # noqa: S608


@dataclass(frozen=True)
class OpenTable:
    """A table that everybody may read. `sql` counts people by region until `end`; None where the
    numbers are no people and of now."""

    name: str
    title: Words
    about: Words
    columns: tuple[Column, ...]
    measure: Words
    sql: str | None
    version: int = 1


_REGION = (
    code("region_code", "지역 코드(ISO 3166-2)", "code of the region (ISO 3166-2)", ""),
    text("region", "시·도", "region", "", required=True),
)
_PEOPLE = number(
    "people",
    "사람 수",
    "people",
    "",
    note=Words(f"{LEAST}명보다 적으면 빈칸", f"empty where fewer than {LEAST}"),
)
_DAY = day("day", "날짜", "day", "", required=True, note=Words("그날이 끝날 때", "at its end"))
TABLES = [
    OpenTable(
        "vaccinated",
        Words("접종한 사람", "People vaccinated"),
        Words(
            "한 번 이상 접종한 사람. 첫 접종을 받은 접종기관의 지역으로 셈",
            "people with a dose or more, in the region of the clinic of their first dose",
        ),
        (_DAY, *_REGION, _PEOPLE),
        Words("접종한 사람", "people vaccinated"),
        _VACCINATED,
    ),
    OpenTable(
        "waiting",
        Words("기다리는 사람", "People waiting"),
        Words(
            "줄에 서 있고 아직 예약하지 못한 사람. 사는 지역으로 셈",
            "people who stand in a line and have no appointment yet, in the region where they live",
        ),
        (_DAY, *_REGION, _PEOPLE),
        Words("기다리는 사람", "people waiting"),
        _WAITING,
    ),
    OpenTable(
        "left",
        Words("남은 자리", "Places left"),
        Words(
            "앞으로 18주 동안 아직 예약할 수 있는 자리",
            "places that can still be booked in the next 18 weeks",
        ),
        (
            moment("as_of", "기준 시각", "as of", "", required=True),
            *_REGION,
            number("places", "자리", "places", "", required=True),
        ),
        Words("남은 자리", "places left"),
        None,
    ),
]


def publish_numbers() -> int | None:
    """Write page and files; returns how many changed, None if another process is writing them."""
    folder = folder_of(FOLDER)
    with only_writer(folder) as is_alone, Publication(folder) as files:
        if not is_alone:
            return None
        now = database_now().replace(second=0, microsecond=0)
        shown: dict[str, Shown] = {}
        for table in TABLES:
            shown[table.name] = _shown(table, now)
            _write_table(files, table, shown[table.name])
        files.write("datapackage.json", _json(_package(now)))
        for language in dict(settings.LANGUAGES):
            with translation.override(language):
                files.write(f"page-{language}.html", _page(shown, now, language).encode())
        return files.publish(last="datapackage.json")


@dataclass(frozen=True)
class Shown:
    """A table's rows, and the numbers that the page draws of it: those of `as_of`."""

    rows: list[list[Any]]
    numbers: Numbers
    as_of: date | datetime


def _shown(table: OpenTable, now: datetime) -> Shown:
    if table.sql is None:
        values: dict[str, Any] = {"horizon": HORIZON}
        with connection.cursor() as cursor:
            cursor.execute(_LEFT, values)
            places = dict(cursor.fetchall())
        numbers = {region: places.get(region, 0) for region in REGIONS}
        at = timezone.localtime(now)
        return Shown(_rows(at.isoformat(), numbers), numbers, at)
    yesterday = timezone.localdate(now) - timedelta(days=1)
    publish(table.name, yesterday, partial(_counted, table.sql, yesterday))
    rows: list[list[Any]] = []
    days = PublishedTable.objects.filter(name=table.name).order_by("day")
    numbers = {}
    for on, cells in days.values_list("day", "cells"):
        numbers = {region: cells.get(region) for region in _regions(cells)}
        rows += _rows(on.isoformat(), numbers)
    return Shown(rows, numbers, yesterday)


def _counted(sql: str, on: date) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"end": midnight(on + timedelta(days=1))})
        return dict(cursor.fetchall())


def _regions(cells: Numbers) -> list[str]:
    """All regions, and what else people's addresses have: "" is unknown."""
    return [*REGIONS, *sorted(cells.keys() - set(REGIONS))]


def _rows(at: str, numbers: Numbers) -> list[list[Any]]:
    return [
        [at, REGION_CODES.get(region, ""), region or "–", value]
        for region, value in numbers.items()
    ]


def _write_table(files: Publication, table: OpenTable, shown: Shown) -> None:
    names = [column.name for column in table.columns]
    file = f"{table.name}.csv"
    files.write(file, csv_table([names, *shown.rows]))
    files.write(
        f"{file}-metadata.json",
        _json(csvw_of(table, table.columns, Form(encoding=Encoding.EXCEL), file)),
    )
    rows = [dict(zip(names, row, strict=True)) for row in shown.rows]
    files.write(f"{table.name}.json", _json({"title": table.title._asdict(), "rows": rows}))


def _package(now: datetime) -> dict[str, Any]:
    """Frictionless Data Package of all files: https://specs.frictionlessdata.io/data-package/"""
    licence = licence_of(settings.OPEN_LICENCE)
    package = {
        "profile": "tabular-data-package",
        "name": "jari-open-data",
        "title": "Jari open data",
        "created": timezone.localtime(now).isoformat(),
        "resources": [
            {
                "name": table.name,
                "path": f"{table.name}.csv",
                "profile": "tabular-data-resource",
                "format": "csv",
                "mediatype": "text/csv",
                "encoding": "utf-8",
                "schema": table_schema(table, table.columns),
            }
            for table in TABLES
        ],
    }
    return package | ({"licenses": [licence]} if licence else {})


def licence_of(words: str) -> dict[str, str]:
    """The title of a licence and its address, which may be its last word; {} without words."""
    title, _space, last = words.strip().rpartition(" ")
    if last.startswith("https://"):
        return {"title": title or last, "path": last}
    return {"title": words.strip()} if words.strip() else {}


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"


def _page(shown: Mapping[str, Shown], now: datetime, language: str) -> str:
    context = {
        "others": other_languages(language),
        "page_in": "open:page_in",
        "charts": [_chart(table, shown[table.name]) for table in TABLES],
        "day_text": date_format(shown["vaccinated"].as_of, _("D j F Y")),
        "time_text": dated_moment(now),
        "files": [
            {
                "title": str(table.title),
                "about": str(table.about),
                "csv": file_address(f"{table.name}.csv"),
                "json": file_address(f"{table.name}.json"),
            }
            for table in TABLES
        ],
        "package": file_address("datapackage.json"),
        "slots": reverse("open:slots", args=["$bulk-publish"]),
        "licence": licence_of(settings.OPEN_LICENCE),
        "least": LEAST,
    }
    return render_to_string("reports/open_data.html", context)


def file_address(name: str) -> str:
    return reverse("open:file", args=[name])


def _chart(table: OpenTable, shown: Shown) -> Chart:
    fewer = _("under %(least)s") % {"least": LEAST}
    hidden = {region: fewer for region in REGIONS if shown.numbers.get(region) is None}
    in_all = total(shown.numbers.values())
    measure = str(table.measure)
    if in_all is None:
        summary = _("No region has %(least)s or more.") % {"least": LEAST}
    else:
        summary = _("%(count)s in all.") % {"count": f"{in_all:,}"}
    return region_map(
        table.name,
        str(table.title),
        shown.numbers,
        summary=summary,
        head=_("Region"),
        measure=measure,
        address=file_address(f"{table.name}.csv"),
        note=str(table.about),
        hidden=hidden,
    )
