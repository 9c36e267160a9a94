"""What the dashboard shows of an area and a period: read from the summary, then drawn."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

from django.db.models import F, Q, Sum
from django.utils.translation import gettext as _

from dataio.districts import REGIONS
from eligibility.models import Cohort
from reports.figures import counted_at
from reports.forecasting import NEEDED
from reports.models import CohortPlan, DailyFigure, Measure
from staff.models import User
from staff.scoping import sees_everything
from vaccination.models import Lot

PERMISSION = "reports.view_dashboard"
MOST_DAYS = 400


def may_see(user: User) -> bool:
    """Whether the user may see an area: the country, or the own one."""
    return user.has_perm(PERMISSION) and (sees_everything(user) or bool(user.region))


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The area and the days, both included, of a page or a report."""

    region: str = ""  # "" is the country
    district: str = ""
    first: date
    last: date
    today: date

    @property
    def area(self) -> str:
        return f"{self.region} {self.district}".strip()

    @property
    def area_name(self) -> str:
        """The area as titles and mails name it, in the active language."""
        return self.area or _("the whole country")

    @property
    def days(self) -> list[date]:
        count = (self.last - self.first).days + 1
        return [self.first + timedelta(days=number) for number in range(count)]


@dataclass(frozen=True)
class Doses:
    """The doses of a vaccine by where they are now."""

    vaccine: str
    given: int
    left: int
    expired: int  # or recalled
    wasted: int


@dataclass
class Plan:
    """What is planned for a cohort in the area; several rows if only its regions have plans."""

    rows: list[CohortPlan] = field(default_factory=list)

    @property
    def people(self) -> int:
        return sum(row.people for row in self.rows)

    def on(self, day: date) -> float:
        """First doses planned for the day: the people evenly over the days."""
        return sum(
            row.people / ((row.last_day - row.first_day).days + 1)
            for row in self.rows
            if row.first_day <= day <= row.last_day
        )

    def until(self, day: date) -> int:
        """First doses planned until the end of the day."""
        done = 0.0
        for row in self.rows:
            days = (row.last_day - row.first_day).days + 1
            done += row.people * min(max((day - row.first_day).days + 1, 0), days) / days
        return round(done)


class Figures:
    """The numbers of a scope. Each property is one statement, whatever the number of rows."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._rows = DailyFigure.objects.filter(area=scope.area)

    @cached_property
    def counted_at(self) -> datetime | None:
        return counted_at()

    @cached_property
    def cohorts(self) -> dict[str, str]:
        """Name by code, in the order of their windows."""
        return {cohort.code: cohort.name for cohort in Cohort.objects.order_by("opens_at", "code")}

    def name_of(self, cohort: str) -> str:
        return self.cohorts.get(cohort, cohort) or _("without a line")

    @cached_property
    def _of_days(self) -> dict[str, dict[date, dict[str, int]]]:
        days: dict[str, dict[date, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
        rows = self._rows.filter(day__range=(self.scope.first, self.scope.last))
        for measure, day, cohort, count in rows.values_list("measure", "day", "cohort", "count"):
            days[measure][day][cohort] = count
        return days

    def on(self, measure: Measure, day: date, cohort: str | None = None) -> int:
        """The count of a day in the period, of all cohorts or one."""
        counts = self._of_days[measure][day]
        return sum(counts.values()) if cohort is None else counts.get(cohort, 0)

    @cached_property
    def _totals(self) -> dict[str, dict[str, dict[str, int]]]:
        totals: dict[str, dict[str, dict[str, int]]] = defaultdict(dict)
        today = self.scope.today
        rows = self._rows.values("measure", "cohort").annotate(
            until=Sum("count", filter=Q(day__lte=self.scope.last)),
            given=Sum("count", filter=Q(day__lt=today)),
            newest=Sum("count", filter=Q(day=today)),
            coming=Sum("count", filter=Q(day__gt=today)),
        )
        for row in rows.order_by("measure", "cohort"):
            totals[row["measure"]][row["cohort"]] = {
                name: row[name] or 0 for name in ("until", "given", "newest", "coming")
            }
        return totals

    def total(self, measure: Measure, *when: str, cohort: str | None = None) -> int:
        """The sum of all cohorts or one: `until` the period's last day, `given` before today,
        `newest` of today, `coming` after today."""
        cohorts = self._totals[measure]
        chosen = list(cohorts) if cohort is None else [cohort]
        return sum(cohorts[code][name] for code in chosen if code in cohorts for name in when)

    @cached_property
    def completed(self) -> dict[str, list[int]]:
        """First doses by cohort on each of the last completed days, the oldest first; from the
        first day with a dose on."""
        start = self.scope.today - timedelta(days=NEEDED)
        doses: dict[str, list[int]] = {}
        rows = self._rows.filter(
            measure=Measure.FIRST, day__range=(start, self.scope.today - timedelta(days=1))
        ).order_by("day", "cohort")
        for cohort, day, count in rows.values_list("cohort", "day", "count"):
            # Before its first dose a cohort had no pace yet, and after it each day counts.
            ago = (self.scope.today - day).days
            doses.setdefault(cohort, [0] * ago)[-ago] = count
        return doses

    @cached_property
    def _plans(self) -> list[CohortPlan]:
        return list(CohortPlan.objects.select_related("cohort").order_by("pk"))

    @cached_property
    def plans(self) -> dict[str, Plan]:
        """The plan of the area by cohort: its own, or for the country those of its regions."""
        plans: dict[str, Plan] = {}
        if self.scope.district:
            return plans
        for row in self._plans:
            if row.region == self.scope.region:
                plans[row.cohort.code] = Plan([row])
        if not self.scope.region:
            of_country = set(plans)
            for row in self._plans:
                if row.cohort.code not in of_country:
                    plans.setdefault(row.cohort.code, Plan()).rows.append(row)
        return plans

    @cached_property
    def regions(self) -> dict[str, dict[str, int]]:
        """For each region: first doses until the last day, seats and taken seats of the period.
        With plans of regions, `planned` people, and `planned_first` doses of the cohorts that have
        such a plan."""
        period = Q(day__range=(self.scope.first, self.scope.last))
        wanted = Q(measure=Measure.FIRST, day__lte=self.scope.last) | (
            Q(measure__in=[Measure.SEATS, Measure.TAKEN]) & period
        )
        regions: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        planned = {(row.region, row.cohort.code): row.people for row in self._plans if row.region}
        for (region, _cohort), people in planned.items():
            regions[region]["planned"] += people
        rows = DailyFigure.objects.filter(wanted, area__in=REGIONS)
        sums = rows.values_list("area", "measure", "cohort").annotate(sum=Sum("count"))
        for region, measure, cohort, count in sums.order_by("area", "measure", "cohort"):
            regions[region][measure] += count
            if measure == Measure.FIRST and (region, cohort) in planned:
                regions[region]["planned_first"] += count
        return regions

    @cached_property
    def doses(self) -> list[Doses]:
        """Of all lots at the clinics of the area, by vaccine."""
        places = {"clinic__region": self.scope.region, "clinic__district": self.scope.district}
        lots = Lot.objects.filter(**{path: name for path, name in places.items() if name})
        left = F("doses_received") - F("doses_given") - F("doses_wasted")
        unusable = Q(expires_on__lt=self.scope.today) | Q(recalled_at__isnull=False)
        rows = lots.values("vaccine__code").annotate(
            given=Sum("doses_given"),
            wasted=Sum("doses_wasted"),
            left=Sum(left, filter=~unusable),
            expired=Sum(left, filter=unusable),
        )
        return [
            Doses(
                row["vaccine__code"],
                row["given"],
                row["left"] or 0,
                row["expired"] or 0,
                row["wasted"],
            )
            for row in rows.order_by("vaccine__code")
        ]
