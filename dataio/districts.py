"""The 17 regions of Korea and their cities, counties and districts, and where an address lies.

districts.csv gives each district's seat, to about a kilometre: enough to sort by distance.
Wards of a city (수원시 장안구) count as their city; Sejong, which has no districts, as one.
"""

import csv
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("districts.csv")

# As people, old lists and the post write them. The longest that fits wins.
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
_SEJONG = "세종특별자치시"
# Districts that changed their name or region; older lists still have them.
_MOVED = {
    ("경상북도", "군위군"): ("대구광역시", "군위군"),
    ("인천광역시", "남구"): ("인천광역시", "미추홀구"),
}
# In front of the region: a post code, the country.
_BEFORE = re.compile(r"^(?:[\[(]?(?:우\)?)?\s?\d{3}-?\d{2,3}[\])]?\s*)?(?:대한민국\s*)?")


@dataclass(frozen=True)
class District:
    region: str
    district: str


@cache
def _centres() -> dict[District, tuple[float, float]]:
    with _FILE.open(encoding="utf-8", newline="") as file:
        return {
            District(row["region"], row["district"]): (
                float(row["latitude"]),
                float(row["longitude"]),
            )
            for row in csv.DictReader(file)
        }


@cache
def _spellings() -> list[tuple[str, str]]:
    pairs = [
        (spelling, region)
        for region, others in _REGION_NAMES.items()
        for spelling in [region, *others]
    ]
    return sorted(pairs, key=lambda pair: -len(pair[0]))


def all_places() -> list[District]:
    return list(_centres())


def districts_of(region: str) -> list[str]:
    return [place.district for place in _centres() if place.region == region]


def region_of(text: str) -> str | None:
    """The region that `서울`, `서울시` or `서울특별시` means, if it is one."""
    text = _tidy(text).replace(" ", "")
    return next((region for spelling, region in _spellings() if spelling == text), None)


def centre_of(region: str, district: str) -> tuple[float, float] | None:
    """Latitude and longitude of a district's seat."""
    return _centres().get(District(region, district))


def place_of(region: str, district: str) -> District | None:
    """Region and district as two cells of a list; the district may name a ward (수원시 장안구)."""
    return find_place(f"{region} {district}")


def find_place(address: str) -> District | None:
    """Where an address lies; None unless it names a region and a district of that region."""
    # Written together or apart (서울특별시강남구): blanks tell nothing here.
    text = _BEFORE.sub("", _tidy(address)).replace(" ", "")
    for spelling, region in _spellings():
        if text.startswith(spelling):
            place = _district_in(region, text.removeprefix(spelling))
            if place:
                return place
    return None


def _district_in(region: str, rest: str) -> District | None:
    if region == _SEJONG:
        # 세종로 and 세종대로 are streets of Seoul.
        return None if rest.startswith(("로", "대로")) else District(_SEJONG, "세종시")
    former = [place for place in _MOVED if place[0] == region]
    known = [*districts_of(region), *(district for _region, district in former)]
    for district in sorted(known, key=len, reverse=True):
        if rest.startswith(district):
            return District(*_MOVED.get((region, district), (region, district)))
    return None


def _tidy(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
