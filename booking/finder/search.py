"""Finding a time: what a person asks for, and the clinics, days and times that answer it."""

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.http import urlencode

from booking.finder import availability
from booking.finder.availability import (
    FRESH_SECONDS,
    ClinicFacts,
    Directory,
    Span,
    Time,
    TimedCache,
)
from dataio.districts import all_places

PARTS = ["morning", "afternoon", "evening"]
CLINICS_PER_PAGE = 10
TIMES_PER_CLINIC = 6
NEAREST = 40
# How many districts around a sold-out one are asked, in steps.
WIDER = [6, 24, 90, 300]
# How old may be what is known of the farther ones until some of it is shown.
FAR_SECONDS = 30.0


@dataclass(frozen=True)
class Search:
    """What somebody is looking for; empty where they do not mind."""

    region: str = ""
    district: str = ""
    name: str = ""
    near: str = ""
    on: date | None = None
    weekdays: frozenset[int] = frozenset()  # Monday is 0
    part: str = ""
    vaccine: str = ""
    page: int = 1
    # Set by the page, not by the person: a cohort may name vaccines, and a second dose has its
    # vaccine and its days.
    vaccines: frozenset[int] | None = None
    days: tuple[date, date] | None = None
    # Staff of a region, or of a district of it, see its clinics only, whatever they look for.
    scope: tuple[str, str] = ("", "")

    def query(self, **changes: Any) -> str:
        """The same search as the end of an address, with some of it changed."""
        other = replace(self, **{"page": 1, **changes})
        pairs = [
            ("region", other.region),
            ("district", other.district),
            ("name", other.name),
            ("near", other.near),
            ("date", other.on.isoformat() if other.on else ""),
            *[("weekday", str(day)) for day in sorted(other.weekdays)],
            ("part", other.part),
            ("vaccine", other.vaccine),
            ("page", str(other.page) if other.page > 1 else ""),
        ]
        return urlencode([pair for pair in pairs if pair[1]])

    def may_show(self, place: ClinicFacts) -> bool:
        region, district = self.scope
        return region in ("", place.region) and district in ("", place.district)

    def is_named(self) -> bool:
        """By name or distance, wherever it is: the district only says from where."""
        return bool(self.name or self.near)

    def anywhere(self) -> "Search":
        """A place or a name that somebody typed counts more than the district they looked at."""
        if self.near:
            return replace(self, region="", district="")
        if self.name and self.district:
            around = f"{self.region} {self.district}".strip()
            return replace(self, region="", district="", near=around)
        return self

    def wants(self, *, vaccine_id: int, vaccine_code: str, on: date, part: str) -> bool:
        return (
            (not self.part or part == self.part)
            and (not self.weekdays or on.weekday() in self.weekdays)
            and (not self.vaccine or vaccine_code == self.vaccine)
            and (self.vaccines is None or vaccine_id in self.vaccines)
            and (self.days is None or self.days[0] <= on <= self.days[1])
        )


@dataclass
class ClinicTimes:
    """A clinic with its open times on the chosen day."""

    clinic: ClinicFacts
    times: Sequence[Time] = ()
    left: int = 0
    more: int = 0  # times beyond those shown
    km: float | None = None


@dataclass
class SearchResult:
    """The answer to a search."""

    search: Search
    days: list[tuple[date, int]] = field(default_factory=list)  # every open day, how many left
    on: date | None = None  # the day shown
    clinics: list[ClinicTimes] = field(default_factory=list)
    pages: int = 1
    looked: int = 0  # how many clinics were asked
    # What pages were made of it, by language and purpose: the same for everybody who looks.
    pages_made: dict[Hashable, str] = field(default_factory=dict)

    @property
    def left(self) -> int:
        return sum(left for _day, left in self.days)


@dataclass(frozen=True)
class Elsewhere:
    """A clinic of another district that still has times, and on which day first."""

    clinic: ClinicFacts
    on: date
    left: int
    km: float | None = None


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Great-circle distance by the haversine formula; the earth's mean radius is 6,371 km."""
    (lat1, lon1), (lat2, lon2) = (map(math.radians, spot) for spot in (one, other))
    a = (
        math.sin((lat2 - lat1) / 2) ** 2
        + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    )
    return 2 * 6371 * math.asin(math.sqrt(a))


def plain(text: str) -> str:
    """For comparing names: full-width, case and blanks do not count."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def spot_of(
    text: str, known: Directory | None = None, *, region: str = ""
) -> tuple[float, float] | None:
    """Latitude and longitude of what somebody typed: `37.51, 127.04`, `강남구`, `서울 중구`.

    Of several districts of one name the one in `region` is meant.
    """
    parts = unicodedata.normalize("NFKC", text).replace(",", " ").split()
    if len(parts) == 2:
        try:
            latitude, longitude = float(parts[0]), float(parts[1])
        except ValueError:
            pass
        else:
            inside = 32 <= latitude <= 40 and 123 <= longitude <= 133
            return (latitude, longitude) if inside else None
    wanted = plain(text)
    if not wanted:
        return None
    known = known or availability.directory()
    spots = {(place.region, place.district) for place in all_places()} | known.by_district.keys()
    # 강남구, 서울강남구, 강남: whatever of it was typed, the shortest district that has it.
    fitting = [
        (len(district), where != region, where, district)
        for where, district in spots
        if plain(district).startswith(wanted) or _says(where, district, wanted)
    ]
    if not fitting:
        return None
    *_order, where, district = min(fitting)
    return known.centre(where, district)


def _says(region: str, district: str, wanted: str) -> bool:
    full = plain(region + district)
    return full == wanted or (
        len(wanted) > 2 and wanted[:2] == full[:2] and wanted.endswith(plain(district))
    )


def find(search: Search) -> SearchResult:
    """The days and times that suit, of the clinics the search names; kept for a second."""
    return _found.get([search])[search]


def _find(search: Search) -> SearchResult:
    known = availability.directory()
    places, spot = _candidates(search, known)
    found = SearchResult(search=search, looked=len(places))
    if not places:
        return found
    wanted = _wanted(search, known)
    open_spans = availability.spans([place.id for place in places])
    by_day: Counter[date] = Counter()
    for clinic_spans in open_spans.values():
        for span in filter(wanted, clinic_spans):
            by_day[span.on] += span.left
    found.days = sorted(by_day.items())
    if not found.days:
        return found
    found.on = search.on or found.days[0][0]
    open_here = [
        place
        for place in places
        if any(span.on == found.on and wanted(span) for span in open_spans[place.id])
    ]
    found.pages = max(1, math.ceil(len(open_here) / CLINICS_PER_PAGE))
    page = min(max(1, search.page), found.pages)
    found.search = replace(search, page=page)
    shown = open_here[(page - 1) * CLINICS_PER_PAGE : page * CLINICS_PER_PAGE]
    found.clinics = list(_with_times(shown, found.on, wanted, spot, most=TIMES_PER_CLINIC))
    return found


def clinic_times(place: ClinicFacts, search: Search) -> SearchResult:
    """All open times of one clinic on the chosen day, or on its first open one; as `find`."""
    return _found_at.get([(place, search)])[place, search]


def _clinic_times(place: ClinicFacts, search: Search) -> SearchResult:
    wanted = _wanted(search, availability.directory())
    by_day: Counter[date] = Counter()
    for span in filter(wanted, availability.spans([place.id])[place.id]):
        by_day[span.on] += span.left
    found = SearchResult(search=search, days=sorted(by_day.items()), looked=1)
    if found.days:
        found.on = search.on or found.days[0][0]
        found.clinics = list(_with_times([place], found.on, wanted, None, most=None))
    return found


_found: TimedCache[Search, SearchResult] = TimedCache(
    lambda searches: {search: _find(search) for search in searches}, FRESH_SECONDS, most=5_000
)
_found_at: TimedCache[tuple[ClinicFacts, Search], SearchResult] = TimedCache(
    lambda pairs: {pair: _clinic_times(*pair) for pair in pairs}, FRESH_SECONDS, most=5_000
)
availability.all_kept += [_found, _found_at]


def _wanted(search: Search, known: Directory) -> Callable[[Span | Time], bool]:
    codes = {pk: vaccine.code for pk, vaccine in known.vaccines.items()}

    def wanted(one: Span | Time) -> bool:
        on = one.on if isinstance(one, Span) else timezone.localtime(one.starts_at).date()
        return search.wants(
            vaccine_id=one.vaccine_id,
            vaccine_code=codes.get(one.vaccine_id, ""),
            on=on,
            part=one.part,
        )

    return wanted


def _with_times(
    places: Sequence[ClinicFacts],
    on: date,
    wanted: Callable[[Time], bool],
    spot: tuple[float, float] | None,
    *,
    most: int | None,
) -> Iterator[ClinicTimes]:
    by_clinic: dict[int, list[Time]] = {place.id: [] for place in places}
    for time in availability.times(by_clinic, on):
        if wanted(time):
            by_clinic[time.clinic_id].append(time)
    for place in places:
        open_times = by_clinic[place.id]
        if open_times:
            yield ClinicTimes(
                clinic=place,
                times=open_times[:most],
                left=sum(time.left for time in open_times),
                more=len(open_times[most:]) if most else 0,
                km=distance_km(spot, place.where) if spot and place.where else None,
            )


def _candidates(
    search: Search, known: Directory
) -> tuple[list[ClinicFacts], tuple[float, float] | None]:
    """The clinics to ask, in the order in which to show them."""
    if search.is_named():
        wanted = plain(search.name)
        places = [
            place
            for place in known.clinics.values()
            if wanted in plain(place.name) and search.may_show(place)
        ]
        spot = _spot(search, known)
        return (nearest(spot, places) if spot else places)[:NEAREST], spot
    if search.district:
        places = [
            place
            for (region, district), there in known.by_district.items()
            if district == search.district and search.region in ("", region)
            for place in there
        ]
    else:
        places = []  # a region or a country is asked district by district
    return places, None


def _spot(search: Search, known: Directory) -> tuple[float, float] | None:
    """From where distances count: the place somebody named, else the district they look from."""
    if search.near:
        return spot_of(search.near, known, region=search.region)
    return known.centre(search.region, search.district)


def nearest(spot: tuple[float, float], places: Iterable[ClinicFacts]) -> list[ClinicFacts]:
    """The nearest first; where nobody knows where they are, last."""
    far = [(distance_km(spot, one.where) if one.where else math.inf, one) for one in places]
    return [place for _km, place in sorted(far, key=lambda pair: (pair[0], pair[1].id))]


def districts_with_times(search: Search) -> list[tuple[str, int]]:
    """The districts of a region, with how many places are left in each."""
    known = availability.directory()
    wanted = _wanted(search, known)
    districts = known.districts(search.region)
    ids = [place.id for name in districts for place in known.by_district[search.region, name]]
    open_spans = availability.spans(ids)
    return [
        (
            name,
            sum(
                span.left
                for place in known.by_district[search.region, name]
                for span in open_spans[place.id]
                if wanted(span)
            ),
        )
        for name in districts
    ]


def elsewhere(search: Search, *, most: int = 6) -> list[Elsewhere]:
    """The nearest clinics that still have times when the district asked for has none."""
    known = availability.directory()
    spot = _spot(search, known)
    wanted = _wanted(replace(search, on=None), known)
    districts = _districts_by_distance(spot, known) if spot else list(known.by_district)
    found: list[Elsewhere] = []
    asked = 0
    for reach in WIDER:
        places = [place for key in districts[asked:reach] for place in known.by_district[key]]
        asked = reach
        # When all is sold out everybody asks for the whole country.
        seconds = FRESH_SECONDS if reach == WIDER[0] else FAR_SECONDS
        found += _open_at(places, wanted, spot, seconds)
        if len(found) >= most:
            break
    far = math.inf
    found.sort(key=lambda one: (far if one.km is None else one.km, one.on))
    # Some were seen a while ago; what is shown is as fresh as everything else.
    return list(_open_at([one.clinic for one in found[:most]], wanted, spot, FRESH_SECONDS))


def _open_at(
    places: Sequence[ClinicFacts],
    wanted: Callable[[Span], bool],
    spot: tuple[float, float] | None,
    seconds: float,
) -> Iterator[Elsewhere]:
    open_spans = availability.spans([place.id for place in places], seconds=seconds)
    for place in places:
        suiting = [span for span in open_spans[place.id] if wanted(span)]
        if suiting:
            first = suiting[0].on
            left = sum(span.left for span in suiting if span.on == first)
            km = distance_km(spot, place.where) if spot and place.where else None
            yield Elsewhere(place, first, left, km)


def districts_near(region: str, district: str) -> list[tuple[str, str]]:
    """Every district with a clinic, this one first, then by distance from it."""
    known = availability.directory()
    centre = known.centre(region, district)
    return _districts_by_distance(centre, known) if centre else list(known.by_district)


def _districts_by_distance(spot: tuple[float, float], known: Directory) -> list[tuple[str, str]]:
    far = []
    for region, district in known.by_district:
        centre = known.centre(region, district)
        far.append((distance_km(spot, centre) if centre else math.inf, region, district))
    return [(region, district) for _km, region, district in sorted(far)]


def alternatives(
    *,
    clinic_id: int,
    vaccines: frozenset[int],
    starts_at: datetime,
    days: tuple[date, date] | None = None,
) -> list[Time]:
    """The three nearest open times when one was just lost, fresh from the table.

    The next ones at the same clinic, and the same hour at clinics nearby; of each at least one
    where there is one.
    """
    known = availability.directory()
    day = timezone.localtime(starts_at).date()
    # The time just lost may still look open for a second.
    here = _same_clinic(clinic_id, vaccines, starts_at, day, days)
    there = _nearby(known, clinic_id, vaccines, starts_at, day)
    chosen = [*here[:2], *there[:1]]
    for spare in [*here[2:], *there[1:]]:
        if len(chosen) >= 3:
            break
        chosen.append(spare)
    if len(chosen) < 3:
        chosen += _further(known, clinic_id, vaccines, starts_at, days, chosen)
    return chosen[:3]


def _further(
    known: Directory,
    clinic_id: int,
    vaccines: frozenset[int],
    starts_at: datetime,
    days: tuple[date, date] | None,
    chosen: Sequence[Time],
) -> Iterator[Time]:
    """Where neither the clinic nor the day has enough: the nearest clinics with any time."""
    home = known.clinics.get(clinic_id)
    if home is None:
        return
    search = Search(region=home.region, district=home.district, vaccines=vaccines, days=days)
    have = {time.id for time in chosen}
    for other in elsewhere(search):
        of_day = [
            time
            for time in availability.times([other.clinic.id], other.on)
            if time.vaccine_id in vaccines and time.id not in have
        ]
        if of_day and other.clinic.id != clinic_id:
            yield min(of_day, key=lambda time: _hours_apart(time.starts_at, starts_at))


def _hours_apart(one: datetime, other: datetime) -> timedelta:
    """Of the two times of day, whatever the days."""
    here, there = timezone.localtime(one), timezone.localtime(other)
    return abs(timedelta(hours=here.hour - there.hour, minutes=here.minute - there.minute))


def _same_clinic(
    clinic_id: int,
    vaccines: frozenset[int],
    starts_at: datetime,
    day: date,
    days: tuple[date, date] | None,
) -> list[Time]:
    open_days = sorted(
        {
            span.on
            for span in availability.spans([clinic_id])[clinic_id]
            if span.vaccine_id in vaccines and (days is None or days[0] <= span.on <= days[1])
        },
        key=lambda on: (abs((on - day).days), on < day),
    )
    found: list[Time] = []
    for on in open_days[:3]:
        of_day = [
            t
            for t in availability.times([clinic_id], on)
            if t.vaccine_id in vaccines and t.starts_at != starts_at
        ]
        found += sorted(of_day, key=lambda t: abs(t.starts_at - starts_at))
        if len(found) >= 3:
            break
    return found[:3]


def _nearby(
    known: Directory, clinic_id: int, vaccines: frozenset[int], starts_at: datetime, day: date
) -> list[Time]:
    home = known.clinics.get(clinic_id)
    if home is None or home.where is None:
        return []
    near = known.by_district[home.region, home.district]
    if len(near) < 3:
        districts = _districts_by_distance(home.where, known)[:4]
        near = [place for key in districts for place in known.by_district[key]]
    around = [place.id for place in nearest(home.where, near) if place.id != clinic_id][:12]
    rank = {pk: number for number, pk in enumerate(around)}
    open_times = [t for t in availability.times(around, day) if t.vaccine_id in vaccines]
    return sorted(
        open_times,
        # The hour counts first, then the distance: half an hour is worth one clinic further.
        key=lambda t: abs(t.starts_at - starts_at) / timedelta(minutes=30) + rank[t.clinic_id],
    )[:3]
