"""Districts to choose from, as choices of a form."""

from collections.abc import Iterable

from booking.areas import Area, district_key
from booking.finder import availability
from booking.finder.search import coordinates_of, districts_by_distance, districts_near
from dataio.districts import district_name, place_name

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
            district_name(region, district) if region == home[0] else place_name(region, district),
        )
        for region, district in dict.fromkeys(districts)
        if (region, district) in directory.by_district
    ]
