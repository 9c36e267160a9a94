"""Open slots, cached in each process for a second.

The slot table is never read as a whole: only the clinics of a search, and of those only sums by
day until a day is chosen. However many people search, each process reads a clinic at most once a
second; with the cache of booking.finder.search on top, a page is two seconds old at most, three
while it is read again. Nothing is decided here: a hold checks its slot in the database.
"""

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db import connection
from django.utils import timezone

from booking.areas import Area
from booking.models import Clinic, Vaccine
from booking.models.clinics import has_seat, seats_left
from booking.place_names import full_name
from booking.rules import EVENING, NOON, day_bounds, part_of, vaccines_named
from database.clock import known_now
from dataio.districts import centre_of, place_name

FRESH_SECONDS = 1.0  # sums and open slots
FACTS_SECONDS = 20.0  # clinics and vaccines
# How far ahead slots are shown: second doses of 2021 were given up to twelve weeks after the first.
HORIZON = timedelta(weeks=18)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class NotAtHand(Exception):
    """Something would have to be loaded or rendered where only what is kept may be used."""


_only_kept: ContextVar[bool] = ContextVar("only what is kept", default=False)


@contextmanager
def at_hand() -> Iterator[None]:
    """For the event loop, which waits for nobody: what is not kept, and fresh, is NotAtHand."""
    token = _only_kept.set(True)
    try:
        yield
    finally:
        _only_kept.reset(token)


def is_at_hand() -> bool:
    """Whether this is a block of `at_hand`."""
    return _only_kept.get()


def needs_a_thread() -> None:
    """Called before work of milliseconds: raises NotAtHand in a block of `at_hand`."""
    if is_at_hand():
        raise NotAtHand


class TimedCache(Generic[K, V]):
    """A thread-safe cache of values by key, loaded on demand and kept for `seconds`.

    Threads that ask for a key being loaded wait for that load (no stampede). The age counts from
    the start of the load, so that no value is older than `seconds`. The event loop, which can't
    wait, has the value as it was meanwhile.
    """

    def __init__(self, load: Callable[[list[K]], dict[K, V]], seconds: float, most: int = 50_000):
        self._load, self._seconds, self._most = load, seconds, most
        self._lock = threading.Lock()
        self._entries: dict[K, tuple[float, Future[Any]]] = {}
        # Those whose keys are being loaded again.
        self._former: dict[K, tuple[float, Future[Any]]] = {}

    def get(self, keys: Iterable[K], seconds: float | None = None) -> dict[K, V]:
        """The values of these keys, at most `seconds` old (default: the cache's own limit).

        Raises what the load raises, and TimeoutError after 15 s.
        """
        if _only_kept.get():
            return {key: self._kept(key, seconds or self._seconds) for key in keys}
        distinct = list(dict.fromkeys(keys))
        now = time.monotonic()
        missing = []
        with self._lock:
            if len(self._entries) > self._most:
                self._drop_old(now)
            futures: dict[K, Future[Any]] = {}
            for key in distinct:
                since, future = self._entries.get(key, (0.0, None))
                if future is None or now - since >= (seconds or self._seconds):
                    if future is not None and future.done():
                        self._former[key] = since, future
                    future = Future()
                    self._entries[key] = (now, future)
                    missing.append(key)
                futures[key] = future
        if missing:
            self._fill(missing, futures)
        return {key: future.result(timeout=15) for key, future in futures.items()}

    def _kept(self, key: K, seconds: float) -> V:
        since, future = self._entries.get(key, (0.0, None))
        if future is not None and not future.done():
            since, future = self._former.get(key, (0.0, None))
            seconds *= 2
        if future is None or time.monotonic() - since >= seconds or future.exception():
            raise NotAtHand
        value: V = future.result()
        return value

    def former(self, key: K) -> V | None:
        """The value that stood before the one that is being loaded; None if there was none."""
        _since, future = self._former.get(key, (0.0, None))
        return None if future is None or future.exception() else future.result()

    def peek(self, key: K) -> V | None:
        """The value as it was loaded last, however old; None if there is none."""
        _since, future = self._entries.get(key, (0.0, None))
        is_loaded = future is not None and future.done() and not future.exception()
        return future.result() if future is not None and is_loaded else None

    def _fill(self, missing: list[K], futures: dict[K, Future[Any]]) -> None:
        try:
            loaded = self._load(missing)
        except BaseException as error:
            with self._lock:
                for key in missing:
                    # Not if the cache was cleared and another thread loads the key again.
                    if self._entries.get(key, (0.0, None))[1] is futures[key]:
                        del self._entries[key]
            for key in missing:
                futures[key].set_exception(error)
            raise
        for key in missing:
            futures[key].set_result(loaded[key])
            self._former.pop(key, None)

    def _drop_old(self, now: float) -> None:
        self._entries = {
            key: pair for key, pair in self._entries.items() if now - pair[0] < self._seconds
        }

    def clear(self) -> None:
        with self._lock:
            self._entries, self._former = {}, {}


@dataclass(frozen=True, slots=True)
class ClinicFacts:
    """The fields of a clinic that pages show; immutable, shared by threads."""

    id: int
    code: str
    name: str
    name_en: str
    region: str
    district: str
    address: str
    phone: str
    latitude: float | None
    longitude: float | None
    facilities: frozenset[str] = frozenset()

    @property
    def full_name(self) -> str:
        return full_name(self)

    @property
    def coordinates(self) -> tuple[float, float] | None:
        if self.latitude is not None and self.longitude is not None:
            return self.latitude, self.longitude
        return centre_of(self.region, self.district)


def _facts(row: Sequence[Any]) -> ClinicFacts:
    """A row of the columns that are named as the fields are."""
    values = dict(zip(ClinicFacts.__slots__, row, strict=True))
    return ClinicFacts(**{**values, "facilities": frozenset(values["facilities"])})


class Directory:
    """All clinics that take bookings and all vaccines, in memory."""

    def __init__(self) -> None:
        fields = ClinicFacts.__slots__
        rows = Clinic.objects.filter(active=True).order_by("region", "district", "name")
        self.clinics = {row[0]: _facts(row) for row in rows.values_list(*fields)}
        self.by_code = {clinic.code: clinic for clinic in self.clinics.values()}
        self.by_district: dict[tuple[str, str], list[ClinicFacts]] = {}
        for clinic in self.clinics.values():
            self.by_district.setdefault((clinic.region, clinic.district), []).append(clinic)
        self.facilities = frozenset[str]().union(
            *(clinic.facilities for clinic in self.clinics.values())
        )
        self.vaccines = {vaccine.pk: vaccine for vaccine in Vaccine.objects.all()}

    def vaccine_ids(self, codes: Sequence[str]) -> frozenset[int] | None:
        """Ids of the vaccines with these codes; None (any) without codes."""
        return vaccines_named(codes, {vaccine.code: pk for pk, vaccine in self.vaccines.items()})

    def vaccine_code(self, pk: int | None) -> str:
        vaccine = self.vaccines.get(pk) if pk is not None else None
        return vaccine.code if vaccine else ""

    def vaccine_id(self, code: str) -> int | None:
        return next((pk for pk, vaccine in self.vaccines.items() if vaccine.code == code), None)

    def area_name(self, area: Area) -> str | None:
        """The name of a clinic or district; None for a clinic that takes no bookings."""
        if area.clinic_id is None:
            return place_name(area.region, area.district)
        clinic = self.clinics.get(area.clinic_id)
        return clinic.full_name if clinic else None

    def regions(self) -> list[str]:
        return list(dict.fromkeys(region for region, _district in self.by_district))

    def districts(self, region: str) -> list[str]:
        return [district for name, district in self.by_district if name == region]

    def centre(self, region: str, district: str) -> tuple[float, float] | None:
        """(latitude, longitude) of the district's office, else the mean of its clinics'."""
        centre = centre_of(region, district)
        if centre:
            return centre
        positions = [
            (clinic.latitude, clinic.longitude)
            for clinic in self.by_district.get((region, district), [])
            if clinic.latitude is not None and clinic.longitude is not None
        ]
        if not positions:
            return None
        return sum(lat for lat, _ in positions) / len(positions), sum(
            lon for _, lon in positions
        ) / len(positions)


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """The open slots of one clinic, vaccine, day and part of the day, summed up."""

    on: date
    vaccine_id: int
    part: str  # morning, afternoon, evening
    times: int  # number of slots
    left: int  # free seats in all of them


@dataclass(frozen=True, slots=True)
class OpenSlot:
    """One slot with free seats."""

    id: int
    clinic_id: int
    vaccine_id: int
    starts_at: datetime
    left: int

    @property
    def part(self) -> str:
        return part_of(timezone.localtime(self.starts_at).time())


# Asked of the table, because the cached Directory may be FACTS_SECONDS old: a clinic that was
# switched off must not show slots any more.
TAKE_BOOKINGS = "SELECT id FROM booking_clinic WHERE id = ANY(%(clinics)s) AND active"
# The slots of such a clinic that are public, as a condition on a row `slot`: what is published
# (reports.scheduling_links) is what is found here.
PUBLIC_SLOTS = f"""
slot.starts_at > jari_now() AND slot.starts_at < jari_now() + %(horizon)s AND {has_seat()}
"""

# The parts of the day are those of rules.part_of.
SPANS = f"""
SELECT clinic_id, here::date AS day, vaccine_id,
    CASE WHEN here::time < %(noon)s THEN 'morning' WHEN here::time < %(evening)s THEN 'afternoon'
        ELSE 'evening' END AS part,
    count(*), sum(spare)::int
FROM (
    SELECT clinic_id, vaccine_id, {seats_left()} AS spare,
        starts_at AT TIME ZONE %(zone)s AS here
    FROM booking_slot AS slot
    WHERE clinic_id = ANY(ARRAY({TAKE_BOOKINGS})) AND {PUBLIC_SLOTS}
) AS open
GROUP BY clinic_id, day, vaccine_id, part
"""  # noqa: S608

TIMES = f"""
SELECT id, clinic_id, vaccine_id, starts_at, {seats_left()}
FROM booking_slot AS slot
WHERE clinic_id = ANY(ARRAY({TAKE_BOOKINGS})) AND starts_at >= %(start)s
    AND starts_at < %(end)s AND {PUBLIC_SLOTS}
ORDER BY starts_at, vaccine_id
"""  # noqa: S608


# Vaccine ids of slots that were shown lately, by id: a slot keeps its vaccine.
_vaccines_of_slots: dict[int, int] = {}
MOST_SLOTS = 200_000


def _load_spans(clinic_ids: list[int]) -> dict[int, list[OpenSpan]]:
    spans_by_clinic: dict[int, list[OpenSpan]] = {clinic_id: [] for clinic_id in clinic_ids}
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
            spans_by_clinic[clinic_id].append(OpenSpan(day, vaccine_id, part, times, left))
    for clinic_spans in spans_by_clinic.values():
        clinic_spans.sort(key=lambda span: span.on)
    return spans_by_clinic


def _load_times(keys: list[tuple[int, date]]) -> dict[tuple[int, date], list[OpenSlot]]:
    slots_by_key: dict[tuple[int, date], list[OpenSlot]] = {key: [] for key in keys}
    for day in {day for _clinic, day in keys}:
        start, end = day_bounds(day)
        values: dict[str, Any] = {
            "clinics": [clinic_id for clinic_id, on in keys if on == day],
            "start": start,
            "end": end,
            "horizon": HORIZON,
        }
        with connection.cursor() as cursor:
            cursor.execute(TIMES, values)
            for row in cursor.fetchall():
                slots_by_key[row[1], day].append(OpenSlot(*row))
                _vaccines_of_slots[row[0]] = row[2]
    if len(_vaccines_of_slots) > MOST_SLOTS:
        _vaccines_of_slots.clear()
    return slots_by_key


_directory: TimedCache[str, Directory] = TimedCache(
    lambda keys: {"all": Directory()}, FACTS_SECONDS
)
_spans: TimedCache[int, list[OpenSpan]] = TimedCache(_load_spans, FRESH_SECONDS)
_times: TimedCache[tuple[int, date], list[OpenSlot]] = TimedCache(_load_times, FRESH_SECONDS)


def directory() -> Directory:
    return _directory.get(["all"])["all"]


def doses_of(slot_id: int) -> int | None:
    """The doses of the vaccine with which this slot was shown lately; without a statement."""
    directory = _directory.peek("all")
    vaccine = directory and directory.vaccines.get(_vaccines_of_slots.get(slot_id, 0))
    return vaccine.doses if vaccine else None


def spans(
    clinic_ids: Iterable[int], *, seconds: float = FRESH_SECONDS
) -> dict[int, list[OpenSpan]]:
    """The open spans by clinic, in order of days, at most `seconds` old."""
    return _spans.get(clinic_ids, seconds)


def times(clinic_ids: Iterable[int], day: date) -> Iterator[OpenSlot]:
    """The open slots of these clinics on one day, clinic by clinic, earliest first."""
    # Without the ones that began while they were cached.
    now = known_now()
    for slots in _times.get((clinic_id, day) for clinic_id in clinic_ids).values():
        yield from (slot for slot in slots if slot.starts_at > now)


all_caches: list[TimedCache[Any, Any]] = [_directory, _spans, _times]


def clear_caches() -> None:
    """Clear all caches of the finder in this process, for tests and after changes to clinics."""
    for cache in all_caches:
        cache.clear()
    _vaccines_of_slots.clear()
