"""When a clinic gives vaccinations, for its page: days with the same hours in one line."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time, timedelta
from itertools import groupby

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from booking.finder import availability
from booking.finder.availability import FACTS_SECONDS, TimedCache
from booking.models import OpeningHours, SpecialDay
from booking.models.opening_hours import WEEKDAYS
from database.clock import known_today
from web.times import hour_of

# Special days are shown so far ahead.
AHEAD = timedelta(weeks=4)


@dataclass(frozen=True)
class DayHours:
    """The hours of a day: from the first vaccine's opening to the last one's closing."""

    opens: time
    closes: time
    lunch: tuple[time, time] | None = None  # where all vaccines have the same

    def __str__(self) -> str:
        hours = _span(self.opens, self.closes)
        if self.lunch is None:
            return hours
        return _("%(hours)s (lunch %(lunch)s)") % {"hours": hours, "lunch": _span(*self.lunch)}


@dataclass(frozen=True)
class ClinicHours:
    weekly: dict[int, DayHours]  # by weekday, Monday is 0
    special: tuple[tuple[date, bool, time | None, time | None], ...]  # day, closed, opens, closes

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Days and their hours, those of neighbouring days with the same hours together."""
        names = [str(name) for _day, name in WEEKDAYS]
        lines = []
        for hours, run in groupby(range(7), key=self.weekly.get):
            days = list(run)
            named = names[days[0]] if len(days) == 1 else f"{names[days[0]]}–{names[days[-1]]}"
            if hours is not None:
                lines.append((named, str(hours)))
        return lines

    @property
    def exceptions(self) -> list[tuple[date, str]]:
        """Days of the next weeks that differ, with what they have instead."""
        today = known_today()
        return [
            (on, pgettext("a day of a clinic", "closed") if closed else _hours(opens, closes))
            for on, closed, opens, closes in self.special
            if today <= on <= today + AHEAD
        ]


def _hours(opens: time | None, closes: time | None) -> str:
    if opens is None or closes is None:
        return _("open as usual")
    return _span(opens, closes)


def _span(start: time, end: time) -> str:
    return f"{hour_of(start)}–{hour_of(end)}"


def hours_of_clinic(clinic_id: int) -> ClinicHours:
    """Cached as clinics are; nothing is decided by it: slots say when people can come."""
    return _hours_cache.get([clinic_id])[clinic_id]


def _load(clinic_ids: list[int]) -> dict[int, ClinicHours]:
    rows = OpeningHours.objects.filter(clinic__in=clinic_ids).order_by("weekday", "pk")
    special = SpecialDay.objects.filter(clinic__in=clinic_ids, on__gte=known_today())
    fields = ("clinic", "on", "closed", "opens", "closes")
    special_rows = list(special.order_by("on", "pk").values_list(*fields))
    by_clinic: dict[int, dict[int, list[OpeningHours]]] = {pk: {} for pk in clinic_ids}
    for row in rows:
        by_clinic[row.clinic_id].setdefault(row.weekday, []).append(row)
    return {
        pk: ClinicHours(
            {weekday: _of_day(of_day) for weekday, of_day in by_clinic[pk].items()},
            tuple(row[1:] for row in special_rows if row[0] == pk),
        )
        for pk in clinic_ids
    }


def _of_day(rows: Iterable[OpeningHours]) -> DayHours:
    rows = list(rows)
    lunches = {(row.lunch_from, row.lunch_to) for row in rows}
    start, end = lunches.pop() if len(lunches) == 1 else (None, None)
    return DayHours(
        min(row.opens for row in rows),
        max(row.closes for row in rows),
        (start, end) if start and end else None,
    )


_hours_cache: TimedCache[int, ClinicHours] = TimedCache(_load, FACTS_SECONDS)
availability.all_caches.append(_hours_cache)
