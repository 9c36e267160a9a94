"""The 17 regions of Korea with their cities, counties and districts; parsing of addresses.

districts.csv has the position of each district's office to about a kilometre, enough to sort by
distance, and its name in the Revised Romanization as the government writes it. Wards of a city
(수원시 장안구) count as their city; Sejong, without districts, as one.
"""

import csv
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from web.language import reads_korean

_FILE = Path(__file__).with_name("districts.csv")

# Other spellings and former names of each region. The longest match wins.
_REGION_NAMES = {
    "서울특별시": ["서울시", "서울"],
    "부산광역시": ["부산시", "부산"],
    "대구광역시": ["대구시", "대구"],
    "인천광역시": ["인천시", "인천"],
    "광주광역시": ["광주시", "광주"],
    "대전광역시": ["대전시", "대전"],
    "울산광역시": ["울산시", "울산"],
    "세종특별자치시": ["세종시", "세종"],
    "경기도": ["경기"],
    "강원특별자치도": ["강원도", "강원"],
    "충청북도": ["충북"],
    "충청남도": ["충남"],
    "전북특별자치도": ["전라북도", "전북"],
    "전라남도": ["전남"],
    "경상북도": ["경북"],
    "경상남도": ["경남"],
    "제주특별자치도": ["제주도", "제주"],
}
REGIONS = list(_REGION_NAMES)
_ENGLISH = [
    *("Seoul", "Busan", "Daegu", "Incheon", "Gwangju", "Daejeon", "Ulsan", "Sejong"),
    *("Gyeonggi-do", "Gangwon State", "Chungcheongbuk-do", "Chungcheongnam-do", "Jeonbuk State"),
    *("Jeollanam-do", "Gyeongsangbuk-do", "Gyeongsangnam-do", "Jeju"),
]
_ENGLISH_NAMES = dict(zip(REGIONS, _ENGLISH, strict=True))
# ISO 3166-2, in the order of REGIONS.
_ISO = [
    *("KR-11", "KR-26", "KR-27", "KR-28", "KR-29", "KR-30", "KR-31", "KR-50", "KR-41"),
    *("KR-42", "KR-43", "KR-44", "KR-45", "KR-46", "KR-47", "KR-48", "KR-49"),
]
REGION_CODES = dict(zip(REGIONS, _ISO, strict=True))
_SEJONG = "세종특별자치시"
# Current names of districts that changed their name or region, which older lists still have.
_RENAMED = {
    ("경상북도", "군위군"): ("대구광역시", "군위군"),
    ("인천광역시", "남구"): ("인천광역시", "미추홀구"),
}
# Before the region: a postcode, the country.
_BEFORE = re.compile(r"^(?:[\[(]?(?:우\)?)?\s?\d{3}-?\d{2,3}[\])]?\s*)?(?:대한민국\s*)?")


@dataclass(frozen=True)
class District:
    region: str
    district: str


class _Listed(NamedTuple):
    """What the file has of a district."""

    centre: tuple[float, float]  # latitude, longitude
    english: str


@cache
def _listed() -> dict[District, _Listed]:
    with _FILE.open(encoding="utf-8", newline="") as file:
        return {
            District(row["region"], row["district"]): _Listed(
                (float(row["latitude"]), float(row["longitude"])), row["english"]
            )
            for row in csv.DictReader(file)
        }


def region_name(region: str) -> str:
    """The name of a region for the reader: romanised unless they read Korean."""
    return region if reads_korean() else _ENGLISH_NAMES.get(region, region)


def district_name(region: str, district: str) -> str:
    """The same of a district."""
    if reads_korean():
        return district
    listed = _listed().get(District(region, district))
    return listed.english if listed else district


def place_name(region: str, district: str) -> str:
    """The same of a district after its region: many regions have a 중구."""
    return f"{region_name(region)} {district_name(region, district)}"


@cache
def _spellings() -> list[tuple[str, str]]:
    pairs = [
        (spelling, region)
        for region, variants in _REGION_NAMES.items()
        for spelling in [region, *variants]
    ]
    return sorted(pairs, key=lambda pair: -len(pair[0]))


def all_districts() -> list[District]:
    return list(_listed())


def districts_of(region: str) -> list[str]:
    return [row.district for row in _listed() if row.region == region]


def region_of(text: str) -> str | None:
    """The region named by any spelling (`서울`, `서울시`, `서울특별시`); None if unknown."""
    text = _tidy(text).replace(" ", "")
    return next((region for spelling, region in _spellings() if spelling == text), None)


def centre_of(region: str, district: str) -> tuple[float, float] | None:
    """(latitude, longitude) of a district's office; None if unknown."""
    listed = _listed().get(District(region, district))
    return listed.centre if listed else None


def centre_of_region(region: str) -> tuple[float, float] | None:
    """The mean of the region's district offices: nearer to its people than its outline's centre."""
    centres = [row.centre for place, row in _listed().items() if place.region == region]
    if not centres:
        return None
    latitudes, longitudes = zip(*centres, strict=True)
    return sum(latitudes) / len(centres), sum(longitudes) / len(centres)


def district_of(region: str, district: str) -> District | None:
    """The district of two cells of a list; `district` may name a ward (수원시 장안구)."""
    return find_district(f"{region} {district}")


def find_district(address: str) -> District | None:
    """The district of an address; None unless it names a region and a district of it."""
    # Blanks are optional (서울특별시강남구).
    text = _BEFORE.sub("", _tidy(address)).replace(" ", "")
    for spelling, region in _spellings():
        if text.startswith(spelling):
            district = _district_in(region, text.removeprefix(spelling))
            if district:
                return district
    return None


def _district_in(region: str, text: str) -> District | None:
    if region == _SEJONG:
        # 세종로 and 세종대로 are streets in Seoul.
        return None if text.startswith(("로", "대로")) else District(_SEJONG, "세종시")
    renamed = [old for old in _RENAMED if old[0] == region]
    names = [*districts_of(region), *(district for _region, district in renamed)]
    # The longest first: a name may be the prefix of another.
    for district in sorted(names, key=len, reverse=True):
        if text.startswith(district):
            return District(*_RENAMED.get((region, district), (region, district)))
    return None


def _tidy(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
