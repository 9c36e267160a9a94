"""Searching open slots by area, name, day, part of the day and vaccine."""

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.http import urlencode

from booking.areas import Area
from booking.finder import availability
from booking.finder.availability import (
    FRESH_SECONDS,
    ClinicFacts,
    Directory,
    OpenSlot,
    OpenSpan,
    TimedCache,
)
from booking.finder.beside import Beside, have_room, with_room
from booking.finder.distance import distance_km
from booking.rules import suits_weekday
from dataio.districts import all_districts, centre_of_region, region_of

PARTS = ["morning", "afternoon", "evening"]
CLINICS_PER_PAGE = 10
TIMES_PER_CLINIC = 6
NEAREST = 40  # clinics of a search by name or place
# How many of the nearest districts are searched around a sold-out one, step by step.
DISTRICT_STEPS = [6, 24, 90, 300]
# Maximum age in seconds of the spans in all steps but the first; shown ones are read afresh.
FAR_SECONDS = 30.0


@dataclass(frozen=True)
class Search:
    """The criteria of a search; empty ones match everything."""

    region: str = ""
    district: str = ""
    name: str = ""
    near: str = ""
    on: date | None = None
    weekdays: frozenset[int] = frozenset()  # Monday is 0
    part: str = ""
    vaccine: str = ""
    has: frozenset[str] = frozenset()  # codes of Facility, all of which the clinic has
    page: int = 1
    # Set by the page, not by the form: the districts of the person's wishes (booking.areas), the
    # vaccines of the cohort or of the first dose, and the days within the interval.
    places: tuple[str, ...] = ()
    vaccines: frozenset[int] | None = None
    days: tuple[date, date] | None = None
    beside: tuple[Beside, ...] = ()
    # (region, district) to which the clinics are restricted for local staff.
    scope: tuple[str, str] = ("", "")

    def query(self, **changes: Any) -> str:
        """The query string of this search with some criteria changed; page 1 by default."""
        changed = replace(self, **{"page": 1, **changes})
        where = [("region", changed.region), ("district", changed.district)]
        pairs = [
            # Wishes are read again from the person's row, and so never stand in an address.
            *([("mine", "1")] if changed.places else where),
            ("name", changed.name),
            ("near", changed.near),
            ("date", changed.on.isoformat() if changed.on else ""),
            *[("weekday", str(day)) for day in sorted(changed.weekdays)],
            ("part", changed.part),
            ("vaccine", changed.vaccine),
            *[("has", code) for code in sorted(changed.has)],
            ("page", str(changed.page) if changed.page > 1 else ""),
        ]
        return urlencode([pair for pair in pairs if pair[1]])

    def suits(self, clinic: ClinicFacts) -> bool:
        """Whether a clinic is in the scope and has what is needed."""
        region, district = self.scope
        in_scope = region in ("", clinic.region) and district in ("", clinic.district)
        return in_scope and self.has <= clinic.facilities

    def is_named(self) -> bool:
        """Whether clinics are searched by name or distance, in all districts.

        The district is then only the origin of the distances.
        """
        return bool(self.name or self.near)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.weekdays or self.part or self.vaccine)

    def widened(self) -> "Search":
        """The same places and day at any time of the week, for any vaccine."""
        return replace(self, weekdays=frozenset(), part="", vaccine="")

    def matches(self, *, vaccine_id: int, vaccine_code: str, on: date, part: str) -> bool:
        return (
            (not self.part or part == self.part)
            and suits_weekday(self.weekdays, on)
            and (not self.vaccine or vaccine_code == self.vaccine)
            and (self.vaccines is None or vaccine_id in self.vaccines)
            and (self.days is None or self.days[0] <= on <= self.days[1])
        )


@dataclass
class ClinicTimes:
    """A clinic with its open slots on the chosen day."""

    clinic: ClinicFacts
    times: Sequence[OpenSlot] = ()
    left: int = 0
    more: int = 0  # times beyond those shown
    km: float | None = None


@dataclass
class SearchResult:
    """The result of a search; cached and shared by threads."""

    search: Search
    days: list[tuple[date, int]] = field(default_factory=list)  # every open day, how many left
    on: date | None = None  # the day shown
    clinics: list[ClinicTimes] = field(default_factory=list)
    pages: int = 1
    clinics_searched: int = 0  # how many clinics were asked
    # Rendered HTML by template, language and purpose: cached with the result, for all visitors.
    rendered_parts: dict[Hashable, str] = field(default_factory=dict)
    # Those of the result before, for the event loop while a thread renders these.
    former_parts: dict[Hashable, str] = field(default_factory=dict)
    being_rendered: set[Hashable] = field(default_factory=set)

    @property
    def left(self) -> int:
        return sum(left for _day, left in self.days)


@dataclass(frozen=True)
class OpenClinic:
    """A nearby clinic with open slots, and its first open day."""

    clinic: ClinicFacts
    on: date
    left: int
    km: float | None = None


def normalised(text: str) -> str:
    """Text for comparing names: NFKC, lower case, without blanks."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def coordinates_of(
    text: str, directory: Directory | None = None, *, region: str = ""
) -> tuple[float, float] | None:
    """(latitude, longitude) of a typed place; None if unknown.

    Understands `37.51, 127.04`, `서울`, `강남구` and `서울 중구`. Of several districts with one
    name, the one in `region` is preferred.
    """
    parts = unicodedata.normalize("NFKC", text).replace(",", " ").split()
    if len(parts) == 2:
        try:
            latitude, longitude = float(parts[0]), float(parts[1])
        except ValueError:
            pass
        else:
            # The bounds of Korea, as validated for Clinic.latitude and longitude.
            inside = 32 <= latitude <= 40 and 123 <= longitude <= 133
            return (latitude, longitude) if inside else None
    wanted = normalised(text)
    if not wanted:
        return None
    named = region_of(unicodedata.normalize("NFKC", text))
    if named:
        return centre_of_region(named)
    directory = directory or availability.directory()
    districts = {(place.region, place.district) for place in all_districts()}
    districts |= directory.by_district.keys()
    # Matches 강남구, 서울강남구 and 강남; the shortest name wins, then the preferred region.
    fitting = [
        (len(district), region_name != region, region_name, district)
        for region_name, district in districts
        if normalised(district).startswith(wanted) or _names_district(region_name, district, wanted)
    ]
    if not fitting:
        return None
    *_order, region_name, district = min(fitting)
    return directory.centre(region_name, district)


def _names_district(region: str, district: str, wanted: str) -> bool:
    """Whether `wanted` is the region, in full or by its first two letters, and the district."""
    full = normalised(region + district)
    return full == wanted or (
        len(wanted) > 2 and wanted[:2] == full[:2] and wanted.endswith(normalised(district))
    )


def find(search: Search) -> SearchResult:
    """Open days, and the open slots of the day shown; cached for FRESH_SECONDS."""
    return _results.get([search])[search]


def _find(search: Search) -> SearchResult:
    directory = availability.directory()
    clinics, origin = _candidates(search, directory)
    result = SearchResult(search=search, clinics_searched=len(clinics))
    if not clinics:
        return result
    matches = _matcher(search, directory)
    open_spans = with_room(search.beside, availability.spans([clinic.id for clinic in clinics]))
    by_day: Counter[date] = Counter()
    for clinic_spans in open_spans.values():
        for span in filter(matches, clinic_spans):
            by_day[span.on] += span.left
    result.days = sorted(by_day.items())
    if not result.days:
        return result
    result.on = search.on or result.days[0][0]
    open_here = [
        clinic
        for clinic in clinics
        if any(span.on == result.on and matches(span) for span in open_spans[clinic.id])
    ]
    result.pages = max(1, math.ceil(len(open_here) / CLINICS_PER_PAGE))
    page = min(max(1, search.page), result.pages)
    result.search = replace(search, page=page)
    shown = open_here[(page - 1) * CLINICS_PER_PAGE : page * CLINICS_PER_PAGE]
    most = TIMES_PER_CLINIC
    result.clinics = list(
        _with_times(shown, result.on, matches, origin, most=most, beside=search.beside)
    )
    return result


def clinic_times(clinic: ClinicFacts, search: Search) -> SearchResult:
    """All open slots of one clinic on the chosen or the first open day; cached as in `find`."""
    return _clinic_results.get([(clinic, search)])[clinic, search]


def _clinic_times(clinic: ClinicFacts, search: Search) -> SearchResult:
    matches = _matcher(search, availability.directory())
    by_day: Counter[date] = Counter()
    spans = with_room(search.beside, availability.spans([clinic.id]))[clinic.id]
    for span in filter(matches, spans):
        by_day[span.on] += span.left
    result = SearchResult(search=search, days=sorted(by_day.items()), clinics_searched=1)
    if result.days:
        result.on = search.on or result.days[0][0]
        result.clinics = list(
            _with_times([clinic], result.on, matches, None, most=None, beside=search.beside)
        )
    return result


def _load_results(searches: list[Search]) -> dict[Search, SearchResult]:
    results = {search: _find(search) for search in searches}
    for search, result in results.items():
        if former := _results.former(search):
            result.former_parts = former.rendered_parts
    return results


_results: TimedCache[Search, SearchResult] = TimedCache(_load_results, FRESH_SECONDS, most=5_000)
_clinic_results: TimedCache[tuple[ClinicFacts, Search], SearchResult] = TimedCache(
    lambda pairs: {pair: _clinic_times(*pair) for pair in pairs}, FRESH_SECONDS, most=5_000
)
availability.all_caches += [_results, _clinic_results]


def _matcher(search: Search, directory: Directory) -> Callable[[OpenSpan | OpenSlot], bool]:
    codes = {pk: vaccine.code for pk, vaccine in directory.vaccines.items()}

    def matches(item: OpenSpan | OpenSlot) -> bool:
        on = item.on if isinstance(item, OpenSpan) else timezone.localtime(item.starts_at).date()
        return search.matches(
            vaccine_id=item.vaccine_id,
            vaccine_code=codes.get(item.vaccine_id, ""),
            on=on,
            part=item.part,
        )

    return matches


def _with_times(
    clinics: Sequence[ClinicFacts],
    on: date,
    matches: Callable[[OpenSlot], bool],
    origin: tuple[float, float] | None,
    *,
    most: int | None,
    beside: tuple[Beside, ...] = (),
) -> Iterator[ClinicTimes]:
    by_clinic: dict[int, list[OpenSlot]] = {clinic.id: [] for clinic in clinics}
    of_day = list(availability.times(by_clinic, on))
    for slot in of_day:
        if matches(slot) and (not beside or have_room(beside, slot, of_day)):
            by_clinic[slot.clinic_id].append(slot)
    for clinic in clinics:
        open_times = by_clinic[clinic.id]
        if open_times:
            yield ClinicTimes(
                clinic=clinic,
                times=open_times[:most],
                left=sum(slot.left for slot in open_times),
                more=len(open_times[most:]) if most else 0,
                km=distance_km(origin, clinic.coordinates)
                if origin and clinic.coordinates
                else None,
            )


def _candidates(
    search: Search, directory: Directory
) -> tuple[list[ClinicFacts], tuple[float, float] | None]:
    """The clinics of a search in the order to show them, and the origin of the distances."""
    if search.is_named():
        wanted = normalised(search.name)
        clinics = [
            clinic
            for clinic in directory.clinics.values()
            if wanted in normalised(f"{clinic.name} {clinic.name_en}") and search.suits(clinic)
        ]
        origin = _origin(search, directory)
        return (nearest(origin, clinics) if origin else clinics)[:NEAREST], origin
    if search.places:
        clinics = [
            clinic
            for area in map(Area.of, search.places)
            for clinic in directory.by_district.get((area.region, area.district), [])
            if search.suits(clinic)
        ]
    elif search.district:
        clinics = [
            clinic
            for (region, district), there in directory.by_district.items()
            if district == search.district and search.region in ("", region)
            for clinic in there
            if search.suits(clinic)
        ]
    else:
        clinics = []  # the visitor chooses a district first
    return clinics, None


def _origin(search: Search, directory: Directory) -> tuple[float, float] | None:
    """The origin of distances: the place typed, else the centre of the district."""
    if search.near:
        return coordinates_of(search.near, directory, region=search.region)
    return directory.centre(search.region, search.district)


def nearest(origin: tuple[float, float], clinics: Iterable[ClinicFacts]) -> list[ClinicFacts]:
    """The clinics by distance; those without coordinates last."""
    by_distance = [
        (distance_km(origin, clinic.coordinates) if clinic.coordinates else math.inf, clinic)
        for clinic in clinics
    ]
    return [clinic for _km, clinic in sorted(by_distance, key=lambda pair: (pair[0], pair[1].id))]


def districts_with_times(search: Search) -> list[tuple[str, int]]:
    """(district, free seats) of each district of the searched region."""
    directory = availability.directory()
    matches = _matcher(search, directory)
    districts = directory.districts(search.region)
    ids = [clinic.id for name in districts for clinic in directory.by_district[search.region, name]]
    open_spans = availability.spans(ids)
    return [
        (
            name,
            sum(
                span.left
                for clinic in directory.by_district[search.region, name]
                if search.suits(clinic)
                for span in open_spans[clinic.id]
                if matches(span)
            ),
        )
        for name in districts
    ]


def nearest_open_clinics(search: Search, *, most: int = 6) -> list[OpenClinic]:
    """The nearest clinics with open slots, for a search that found none."""
    directory = availability.directory()
    origin = _origin(search, directory)
    matches = _matcher(replace(search, on=None), directory)
    districts = districts_by_distance(origin, directory) if origin else list(directory.by_district)
    open_clinics: list[OpenClinic] = []
    searched = 0
    for number in DISTRICT_STEPS:
        clinics = [
            clinic
            for key in districts[searched:number]
            for clinic in directory.by_district[key]
            if search.suits(clinic)
        ]
        searched = number
        # When all is sold out every search reaches the last step, the whole country: older spans
        # keep it from being read every second.
        seconds = FRESH_SECONDS if number == DISTRICT_STEPS[0] else FAR_SECONDS
        open_clinics += _open_at(clinics, matches, origin, seconds)
        if len(open_clinics) >= most:
            break
    open_clinics.sort(key=lambda clinic: (math.inf if clinic.km is None else clinic.km, clinic.on))
    # Those from older spans are read again, so that only open ones are shown.
    shown = [open_clinic.clinic for open_clinic in open_clinics[:most]]
    return list(_open_at(shown, matches, origin, FRESH_SECONDS))


def _open_at(
    clinics: Sequence[ClinicFacts],
    matches: Callable[[OpenSpan], bool],
    origin: tuple[float, float] | None,
    seconds: float,
) -> Iterator[OpenClinic]:
    open_spans = availability.spans([clinic.id for clinic in clinics], seconds=seconds)
    for clinic in clinics:
        fitting = [span for span in open_spans[clinic.id] if matches(span)]
        if fitting:
            first = fitting[0].on
            left = sum(span.left for span in fitting if span.on == first)
            km = distance_km(origin, clinic.coordinates) if origin and clinic.coordinates else None
            yield OpenClinic(clinic, first, left, km)


def districts_near(region: str, district: str) -> list[tuple[str, str]]:
    """All districts with clinics by distance from this one."""
    directory = availability.directory()
    centre = directory.centre(region, district)
    return districts_by_distance(centre, directory) if centre else list(directory.by_district)


def districts_by_distance(
    origin: tuple[float, float], directory: Directory
) -> list[tuple[str, str]]:
    by_distance = []
    for region, district in directory.by_district:
        centre = directory.centre(region, district)
        by_distance.append((distance_km(origin, centre) if centre else math.inf, region, district))
    return [(region, district) for _km, region, district in sorted(by_distance)]
