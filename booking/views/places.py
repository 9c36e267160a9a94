"""Districts to choose from, as choices of a form."""

from collections.abc import Iterable

from booking.areas import Area, district_key
from booking.finder import availability
from booking.finder.search import coordinates_of, districts_by_distance, districts_near
from dataio.districts import district_name, region_name

DISTRICTS_OFFERED = 8  # nearest districts to choose from


def district_choices(
    home: tuple[str, str], chosen: Iterable[Area] = (), *, around: str = ""
) -> list[tuple[str, str]]:
    """Keys and names of the districts near `home` (region, district), around a typed place, and
    those chosen already. Districts without a clinic are left out.
    """
    directory = availability.directory()
    districts = districts_near(*home)[:DISTRICTS_OFFERED]
    origin = coordinates_of(around, directory, region=home[0]) if around else None
    if origin:
        districts += districts_by_distance(origin, directory)[:DISTRICTS_OFFERED]
    districts += [(area.region, area.district) for area in chosen if area.clinic_id is None]
    return [
        (
            district_key(region, district),
            _name(region, district, home[0]),
        )
        for region, district in dict.fromkeys(districts)
        if (region, district) in directory.by_district
    ]


def _name(region: str, district: str, home: str) -> str:
    name = district_name(region, district)
    return name if region == home else f"{region_name(region)} {name}"
