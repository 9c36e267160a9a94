"""Invented clinics in real districts, and their slots."""

import random
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from booking.enums import Facility, facilities_in_order
from booking.models import Clinic, Vaccine
from dataio.districts import District, all_districts, centre_of

_WORDS = [
    *("새봄", "한빛", "푸른", "가온", "다솜", "미소", "바른", "소망", "온누리", "햇살"),
    *("참사랑", "늘편한", "우리", "은하", "하늘", "큰나무", "맑은샘", "든든", "좋은날", "두루"),
]
_KINDS = ["내과의원", "가정의학과의원", "의원", "병원", "소아청소년과의원", "이비인후과의원"]
# As such names are romanised, and what kind of clinic it is.
_WORDS_EN = [
    *("Saebom", "Hanbit", "Pureun", "Gaon", "Dasom", "Miso", "Bareun", "Somang", "Onnuri"),
    *("Haetsal", "Chamsarang", "Neulpyeonhan", "Uri", "Eunha", "Haneul", "Keunnamu", "Malgeunsaem"),
    *("Deundeun", "Joeunnal", "Duru"),
]
_KINDS_EN = [
    *("Internal Medicine Clinic", "Family Medicine Clinic", "Clinic", "Hospital"),
    *("Paediatric Clinic", "ENT Clinic"),
]
_FACILITIES = [
    *([Facility.WHEELCHAIR, Facility.LIFT, Facility.PARKING], [Facility.PARKING], []),
    *([Facility.WHEELCHAIR, Facility.ENGLISH], [Facility.LIFT, Facility.QUIET_HOURS]),
]
_ROADS = ["새싹로", "은행나무길", "중앙로", "시장길", "학교앞로", "강변로", "언덕길", "솔밭로"]

VACCINES = [
    Vaccine(
        code="pfizer-bnt",
        name_ko="화이자",
        name_en="Pfizer-BioNTech",
        doses=2,
        min_days=21,
        best_days=21,
        max_days=42,
        cvx="208",
    ),
    Vaccine(
        code="moderna",
        name_ko="모더나",
        name_en="Moderna",
        doses=2,
        min_days=28,
        best_days=28,
        max_days=42,
        cvx="207",
    ),
    Vaccine(code="janssen", name_ko="얀센", name_en="Janssen", doses=1, cvx="212"),
]


def invented(number: int, *, rng: random.Random) -> Iterator[Clinic]:
    """Unsaved clinics: one in each district, then more in cities."""
    districts = all_districts()
    # 군 are counties, thinly populated.
    towns = [district for district in districts if not district.district.endswith("군")]
    chosen = [*districts, *rng.choices(towns, k=max(0, number - len(districts)))][:number]
    for index, district in enumerate(chosen, start=1):
        yield _clinic(index, district, rng)


def _clinic(index: int, place: District, rng: random.Random) -> Clinic:
    centre = centre_of(place.region, place.district)
    assert centre  # from the same file as the districts
    latitude, longitude = centre
    word, kind = rng.randrange(len(_WORDS)), rng.randrange(len(_KINDS))
    return Clinic(
        code=f"S{index:04d}",
        name=f"{_WORDS[word]}{_KINDS[kind]}",
        name_en=f"{_WORDS_EN[word]} {_KINDS_EN[kind]}",
        facilities=facilities_in_order(_FACILITIES[index % len(_FACILITIES)]),
        region=place.region,
        district=place.district,
        address=f"{place.region} {place.district} {rng.choice(_ROADS)} {rng.randrange(1, 200)}",
        phone=f"02-000-{index:04d}",
        # Within about two kilometres of the district's office.
        latitude=round(latitude + rng.uniform(-0.02, 0.02), 5),
        longitude=round(longitude + rng.uniform(-0.02, 0.02), 5),
    )


def times_of(day: date) -> Iterator[datetime]:
    """Every half hour from 09:00 to 17:30 but for lunch at 12; Saturdays until 12:00."""
    zone = timezone.get_current_timezone()
    if day.weekday() == 6:
        return
    for half_hour in range(18, 36):
        at = time(half_hour // 2, 30 * (half_hour % 2))
        if at.hour == 12 or (day.weekday() == 5 and at.hour >= 13):
            continue
        yield datetime.combine(day, at, tzinfo=zone)


def fill_slots(
    clinics: list[Clinic], vaccines: list[Vaccine], days: list[date], *, rng: random.Random
) -> int:
    """Insert the slots of all clinics on `days`; returns their number.

    A clinic has one or two vaccines; each slot is for one of them.
    """
    columns: tuple[list[Any], ...] = ([], [], [], [])
    for clinic in clinics:
        offered = rng.sample(vaccines, rng.choice([1, 1, 2]))
        for day in days:
            for at in times_of(day):
                vaccine = rng.choice(offered)
                row = (clinic.pk, vaccine.pk, at, rng.randrange(3, 7))
                for column, value in zip(columns, row, strict=True):
                    column.append(value)
    # Arrays instead of model instances: more than 100,000 rows in seconds.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO booking_slot (clinic_id, vaccine_id, starts_at, capacity, margin, booked)
            SELECT *, 0, 0
            FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::smallint[])
            """,
            columns,
        )
        rows: int = cursor.rowcount
        return rows


# Days from today: two weeks for first doses, and two from day 21, for second doses.
_BOOKABLE = [*range(14), *range(21, 36)]


def open_days(today: date) -> list[date]:
    """The days with slots; the last working day has visits that are marked already."""
    return [last_working_day(today), *(today + timedelta(days=days) for days in _BOOKABLE)]


def last_working_day(today: date) -> date:
    yesterday = today - timedelta(days=1)
    return yesterday - timedelta(days=1) if yesterday.weekday() == 6 else yesterday
