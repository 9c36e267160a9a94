"""What is open now, kept in this process for a second.

The slot table is never read as a whole: only the clinics somebody looks at, and of those only
sums by day until a day is chosen. However many people look, each clinic is read at most once a
second by each process; with what booking.finder.search makes of it, a page is two seconds old at
most. Nothing is decided by this: whoever holds a time is checked there.
"""

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db import connection
from django.utils import timezone

from booking.areas import Area
from booking.models import Clinic, Vaccine
from booking.models.clinics import has_seat, seats_left
from booking.rules import EVENING, NOON, day_bounds, part_of, vaccines_named
from database.clock import known_now
from dataio.districts import centre_of

FRESH_SECONDS = 1.0
FACTS_SECONDS = 20.0
# How far ahead times are shown: second doses of 2021 were given up to twelve weeks after the first.
HORIZON = timedelta(weeks=18)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TimedCache(Generic[K, V]):
    """Values by key, each loaded when asked for and then kept for a while.

    A key that is being loaded is waited for, not loaded twice. The age counts from before the
    load, so that nothing is older than it says.
    """

    def __init__(self, load: Callable[[list[K]], dict[K, V]], seconds: float, most: int = 50_000):
        self._load, self._seconds, self._most = load, seconds, most
        self._lock = threading.Lock()
        self._kept: dict[K, tuple[float, Future[Any]]] = {}

    def get(self, keys: Iterable[K], seconds: float | None = None) -> dict[K, V]:
        """Loaded anew where older than `seconds`, if that is longer than usual."""
        wanted = list(dict.fromkeys(keys))
        now = time.monotonic()
        missing = []
        with self._lock:
            if len(self._kept) > self._most:
                self._drop_old(now)
            futures: dict[K, Future[Any]] = {}
            for key in wanted:
                since, future = self._kept.get(key, (0.0, None))
                if future is None or now - since >= (seconds or self._seconds):
                    future = Future()
                    self._kept[key] = (now, future)
                    missing.append(key)
                futures[key] = future
        if missing:
            self._fill(missing, futures)
        return {key: future.result(timeout=15) for key, future in futures.items()}

    def _fill(self, missing: list[K], futures: dict[K, Future[Any]]) -> None:
        try:
            loaded = self._load(missing)
        except BaseException as error:
            with self._lock:
                for key in missing:
                    # Meanwhile it may have been forgotten, or be loaded by somebody else.
                    if self._kept.get(key, (0.0, None))[1] is futures[key]:
                        del self._kept[key]
            for key in missing:
                futures[key].set_exception(error)
            raise
        for key in missing:
            futures[key].set_result(loaded[key])

    def _drop_old(self, now: float) -> None:
        self._kept = {
            key: pair for key, pair in self._kept.items() if now - pair[0] < self._seconds
        }

    def forget(self) -> None:
        with self._lock:
            self._kept = {}


@dataclass(frozen=True, slots=True)
class ClinicFacts:
    """A clinic's facts, as every page needs them."""

    id: int
    code: str
    name: str
    region: str
    district: str
    address: str
    phone: str
    latitude: float | None
    longitude: float | None

    @property
    def where(self) -> tuple[float, float] | None:
        if self.latitude is not None and self.longitude is not None:
            return self.latitude, self.longitude
        return centre_of(self.region, self.district)


class Directory:
    """All clinics that take bookings, and all vaccines."""

    def __init__(self) -> None:
        fields = ClinicFacts.__slots__
        rows = Clinic.objects.filter(active=True).order_by("region", "district", "name")
        self.clinics = {row[0]: ClinicFacts(*row) for row in rows.values_list(*fields)}
        self.by_code = {place.code: place for place in self.clinics.values()}
        self.by_district: dict[tuple[str, str], list[ClinicFacts]] = {}
        for place in self.clinics.values():
            self.by_district.setdefault((place.region, place.district), []).append(place)
        self.vaccines = {vaccine.pk: vaccine for vaccine in Vaccine.objects.all()}

    def named(self, codes: Sequence[str]) -> frozenset[int] | None:
        """The vaccines with these codes; None, any of them, where no code is named."""
        return vaccines_named(codes, {vaccine.code: pk for pk, vaccine in self.vaccines.items()})

    def area_name(self, area: Area) -> str | None:
        """A clinic or a district as people say it; None for a clinic that takes no bookings."""
        if area.clinic_id is None:
            return f"{area.region} {area.district}"
        clinic = self.clinics.get(area.clinic_id)
        return clinic.name if clinic else None

    def regions(self) -> list[str]:
        return list(dict.fromkeys(region for region, _district in self.by_district))

    def districts(self, region: str) -> list[str]:
        return [district for one, district in self.by_district if one == region]

    def centre(self, region: str, district: str) -> tuple[float, float] | None:
        """The district's seat, or where its clinics lie on average."""
        known = centre_of(region, district)
        if known:
            return known
        spots = [
            (place.latitude, place.longitude)
            for place in self.by_district.get((region, district), [])
            if place.latitude is not None and place.longitude is not None
        ]
        if not spots:
            return None
        return sum(lat for lat, _ in spots) / len(spots), sum(lon for _, lon in spots) / len(spots)


@dataclass(frozen=True, slots=True)
class Span:
    """The open times of one clinic, vaccine, day and part of the day, added up."""

    on: date
    vaccine_id: int
    part: str  # morning, afternoon, evening
    times: int
    left: int


@dataclass(frozen=True, slots=True)
class Time:
    """One open time."""

    id: int
    clinic_id: int
    vaccine_id: int
    starts_at: datetime
    left: int

    @property
    def part(self) -> str:
        return part_of(timezone.localtime(self.starts_at).time())


# The list of clinics is older than the times: one that was switched off has none from now on.
TAKE_BOOKINGS = "SELECT id FROM booking_clinic WHERE id = ANY(%(clinics)s) AND active"

SPANS = f"""
SELECT clinic_id, here::date AS day, vaccine_id,
    CASE WHEN here::time < %(noon)s THEN 'morning' WHEN here::time < %(evening)s THEN 'afternoon'
        ELSE 'evening' END AS part,
    count(*), sum(spare)::int
FROM (
    SELECT clinic_id, vaccine_id, {seats_left()} AS spare,
        starts_at AT TIME ZONE %(zone)s AS here
    FROM booking_slot AS slot
    WHERE clinic_id = ANY(ARRAY({TAKE_BOOKINGS})) AND starts_at > jari_now()
        AND starts_at < jari_now() + %(horizon)s
        AND {has_seat()}
) AS open
GROUP BY clinic_id, day, vaccine_id, part
"""  # noqa: S608

TIMES = f"""
SELECT id, clinic_id, vaccine_id, starts_at, {seats_left()}
FROM booking_slot AS slot
WHERE clinic_id = ANY(ARRAY({TAKE_BOOKINGS})) AND starts_at >= %(start)s
    AND starts_at < %(end)s AND starts_at > jari_now() AND {has_seat()}
ORDER BY starts_at, vaccine_id
"""  # noqa: S608


def _load_spans(clinic_ids: list[int]) -> dict[int, list[Span]]:
    found: dict[int, list[Span]] = {clinic_id: [] for clinic_id in clinic_ids}
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "clinics": clinic_ids,
            "horizon": HORIZON,
            "zone": timezone.get_default_timezone_name(),
            "noon": NOON,
            "evening": EVENING,
        }
        cursor.execute(SPANS, values)
        for clinic_id, day, vaccine_id, part, times, left in cursor.fetchall():
            found[clinic_id].append(Span(day, vaccine_id, part, times, left))
    for clinic_spans in found.values():
        clinic_spans.sort(key=lambda span: span.on)
    return found


def _load_times(keys: list[tuple[int, date]]) -> dict[tuple[int, date], list[Time]]:
    found: dict[tuple[int, date], list[Time]] = {key: [] for key in keys}
    for day in {day for _clinic, day in keys}:
        start, end = day_bounds(day)
        with connection.cursor() as cursor:
            cursor.execute(
                TIMES,
                {
                    "clinics": [clinic_id for clinic_id, on in keys if on == day],
                    "start": start,
                    "end": end,
                },
            )
            for row in cursor.fetchall():
                found[row[1], day].append(Time(*row))
    return found


_directory: TimedCache[str, Directory] = TimedCache(
    lambda keys: {"all": Directory()}, FACTS_SECONDS
)
_spans: TimedCache[int, list[Span]] = TimedCache(_load_spans, FRESH_SECONDS)
_times: TimedCache[tuple[int, date], list[Time]] = TimedCache(_load_times, FRESH_SECONDS)


def directory() -> Directory:
    return _directory.get(["all"])["all"]


def spans(clinic_ids: Iterable[int], *, seconds: float = FRESH_SECONDS) -> dict[int, list[Span]]:
    """What is open at each clinic, by day, vaccine and part of the day; at most so old."""
    return _spans.get(clinic_ids, seconds)


def times(clinic_ids: Iterable[int], day: date) -> Iterator[Time]:
    """Every open time of these clinics on one day, clinic by clinic, earliest first."""
    now = known_now()
    for found in _times.get((clinic_id, day) for clinic_id in clinic_ids).values():
        yield from (time for time in found if time.starts_at > now)


all_kept: list[TimedCache[Any, Any]] = [_directory, _spans, _times]


def forget() -> None:
    """Load everything anew: for tests, and for whoever just changed clinics."""
    for kept in all_kept:
        kept.forget()
