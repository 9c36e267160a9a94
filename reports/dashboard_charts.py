"""The charts of the dashboard, made of its figures."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta

from django.utils.translation import gettext as _

from dataio.districts import REGIONS
from reports.charts import Chart, Series, bar_chart, line_chart
from reports.charts.svg import shown
from reports.charts.tile_map import region_map
from reports.dashboard import Figures, Scope
from reports.forecasting import LEAST_DAYS, Range, Score, forecast, score
from reports.models import Measure

MOST_COHORTS = 4  # lines of their own in one chart


def keys_of(scope: Scope) -> list[str]:
    """The charts of the scope in their order; a region has no map of regions."""
    return [key for key in CHARTS if not (scope.region and key in OF_COUNTRY)]


def charts_of(figures: Figures, address: Callable[[str], str]) -> list[Chart]:
    return [CHARTS[key](figures, address(key)) for key in keys_of(figures.scope)]


def _short(day: date) -> str:
    return f"{day:%m.%d}"


def _share(part: int, total: int) -> float | None:
    return 100 * part / total if total else None


def daily(figures: Figures, address: str) -> Chart:
    """First doses of each day by cohort, and the plan."""
    days = [day for day in figures.scope.days if day <= figures.scope.today]
    counts = {
        cohort: [figures.on(Measure.FIRST, day, cohort) for day in days]
        for cohort in ["", *figures.cohorts]
    }
    with_doses = [cohort for cohort, values in counts.items() if any(values)]
    by_size = sorted(with_doses, key=lambda cohort: (-sum(counts[cohort]), cohort))
    series = [Series(figures.name_of(cohort), counts[cohort]) for cohort in by_size[:MOST_COHORTS]]
    others = [counts[cohort] for cohort in by_size[MOST_COHORTS:]]
    if others:
        series.append(
            Series(_("Other cohorts"), [sum(values) for values in zip(*others, strict=True)])
        )
    planned = [sum(plan.on(day) for plan in figures.plans.values()) for day in days]
    if any(planned):
        series.append(Series(_("Plan, all cohorts"), planned, plan=True))
    given = sum(sum(values) for values in counts.values())
    return line_chart(
        "daily",
        _("First doses by day"),
        labels=[_short(day) for day in days],
        series=series,
        summary=_("%(given)s first doses in the period; %(planned)s were planned.")
        % {"given": shown(given), "planned": shown(round(sum(planned)) or None)},
        head=_("Day"),
        unit=_("first doses"),
        address=address,
        note="" if any(planned) else _("There is no plan for these days and this area."),
    )


def cohorts(figures: Figures, address: str) -> Chart:
    """What each cohort has had, has booked, and should have had by now."""
    codes = _with_numbers(figures)
    plans = [figures.plans.get(code) for code in codes]
    by_then = [plan.until(figures.scope.last) if plan else None for plan in plans]
    return bar_chart(
        "cohorts",
        _("Cohorts against their plan"),
        labels=[figures.name_of(code) for code in codes],
        series=[
            Series(_("Vaccinated"), [_vaccinated(figures, code) for code in codes]),
            Series(_("Booked ahead"), [_booked(figures, code) for code in codes]),
            Series(_("Planned by then"), by_then, plan=True),
        ],
        across=True,
        summary=_("First doses until %(day)s, and appointments for a first dose from today on.")
        % {"day": figures.scope.last},
        head=_("Cohort"),
        unit=_("people"),
        address=address,
    )


def _with_numbers(figures: Figures) -> list[str]:
    """Cohorts that have a plan, a dose or an appointment."""
    return [
        cohort
        for cohort in [*figures.cohorts, ""]
        if cohort in figures.plans or _vaccinated(figures, cohort) or _booked(figures, cohort)
    ]


def _vaccinated(figures: Figures, cohort: str) -> int:
    return figures.total(Measure.FIRST, "until", cohort=cohort)


def _booked(figures: Figures, cohort: str) -> int:
    """First doses booked for today and later."""
    return figures.total(Measure.AHEAD, "newest", "coming", cohort=cohort)


def _planned(figures: Figures) -> list[str]:
    """Cohorts that have a plan."""
    return [cohort for cohort in figures.cohorts if cohort in figures.plans]


def uptake_map(figures: Figures, address: str) -> Chart:
    """First doses by region, of the people planned there."""
    regions = figures.regions
    with_plan = any(regions[region]["planned"] for region in REGIONS)
    values: dict[str, float | None] = {
        region: _share(regions[region]["planned_first"], regions[region]["planned"])
        if with_plan
        else regions[region][Measure.FIRST]
        for region in REGIONS
    }
    return region_map(
        "uptake_map",
        _("Vaccinated by region"),
        values,
        summary=_(
            "First doses at the region's clinics in percent of the people planned there, of the "
            "cohorts with such a plan."
        )
        if with_plan
        else _("First doses at the region's clinics. No region has a plan of its own."),
        head=_("Region"),
        measure=_("Vaccinated"),
        unit="%" if with_plan else "",
        decimals=1 if with_plan else 0,
        top=100 if with_plan else None,
        address=address,
    )


def seats_map(figures: Figures, address: str) -> Chart:
    values = {
        region: _share(
            figures.regions[region][Measure.TAKEN], figures.regions[region][Measure.SEATS]
        )
        for region in REGIONS
    }
    return region_map(
        "seats_map",
        _("Seats taken by region"),
        values,
        summary=_("Seats of the period that are booked or held, in percent of all."),
        head=_("Region"),
        measure=_("Seats taken"),
        unit="%",
        decimals=1,
        top=100,
        address=address,
    )


def seats(figures: Figures, address: str) -> Chart:
    days = figures.scope.days
    taken = [figures.on(Measure.TAKEN, day) for day in days]
    free = [
        max(figures.on(Measure.SEATS, day) - count, 0)
        for day, count in zip(days, taken, strict=True)
    ]
    share = _share(sum(taken), sum(taken) + sum(free))
    return bar_chart(
        "seats",
        _("Use of the seats"),
        labels=[_short(day) for day in days],
        series=[Series(_("Booked or held"), taken), Series(_("Free"), free)],
        stacked=True,
        summary=_("%(share)s %% of the period's seats are taken.") % {"share": shown(share, 1)},
        head=_("Day"),
        unit=_("seats"),
        address=address,
    )


def no_shows(figures: Figures, address: str) -> Chart:
    """Of the completed days: until then a person may still come."""
    days = [day for day in figures.scope.days if day < figures.scope.today]
    due = [figures.on(Measure.DUE, day) for day in days]
    missed = [figures.on(Measure.NO_SHOWS, day) for day in days]
    share = _share(sum(missed), sum(due))
    return line_chart(
        "no_shows",
        _("No-shows"),
        labels=[_short(day) for day in days],
        series=[
            Series(_("Did not come"), [_share(m, d) for m, d in zip(missed, due, strict=True)])
        ],
        summary=_("%(missed)s of %(due)s appointments, %(share)s %%.")
        % {"missed": shown(sum(missed)), "due": shown(sum(due)), "share": shown(share, 1)},
        head=_("Day"),
        unit=_("percent of appointments"),
        decimals=1,
        address=address,
    )


def doses(figures: Figures, address: str) -> Chart:
    rows = figures.doses
    return bar_chart(
        "doses",
        _("Doses left and wasted"),
        labels=[row.vaccine for row in rows],
        series=[
            Series(_("Given"), [row.given for row in rows]),
            Series(_("Still usable"), [row.left for row in rows]),
            Series(_("Expired or recalled"), [row.expired for row in rows]),
            Series(_("Wasted"), [row.wasted for row in rows]),
        ],
        stacked=True,
        across=True,
        summary=_("%(left)s doses are left, %(wasted)s were wasted.")
        % {
            "left": shown(sum(row.left for row in rows)),
            "wasted": shown(sum(row.wasted for row in rows)),
        },
        head=_("Vaccine"),
        unit=_("doses of vaccine"),
        address=address,
        note=_("Of the lots that clinics keep here, at this moment, whatever the period."),
    )


def demand(figures: Figures, address: str) -> Chart:
    """People who still need an appointment, and the seats that are free."""
    planned = _planned(figures)
    needing = [_needing(figures, cohort) for cohort in planned]
    in_country = not figures.scope.region
    waiting = [
        figures.total(Measure.WAITING, "newest", cohort=cohort) if in_country else None
        for cohort in planned
    ]
    free = max(figures.total(Measure.SEATS, "coming") - figures.total(Measure.TAKEN, "coming"), 0)
    queued = sum(count or 0 for count in waiting) if in_country else None
    return bar_chart(
        "demand",
        _("Demand and what is left"),
        labels=[*(figures.name_of(cohort) for cohort in planned), _("All")],
        series=[
            Series(_("Planned, no appointment yet"), [*needing, sum(needing)]),
            Series(_("In line now"), [*waiting, queued]),
            Series(_("Free seats from tomorrow on"), [*([None] * len(planned)), free]),
        ],
        across=True,
        summary=_("%(people)s planned people have no appointment; %(free)s seats are free.")
        % {"people": shown(sum(needing)), "free": shown(free)},
        head=_("Cohort"),
        unit=_("people"),
        address=address,
        note="" if in_country else _("A line has no region: only the country's page counts it."),
    )


def _needing(figures: Figures, cohort: str) -> int:
    given = figures.total(Measure.FIRST, "given", "newest", cohort=cohort)
    return max(figures.plans[cohort].people - given - _booked(figures, cohort), 0)


def forecasts(figures: Figures, address: str) -> Chart:
    """When each cohort with a plan is done (reports.forecasting)."""
    planned = _planned(figures)
    doses_of_days = [figures.completed.get(cohort, []) for cohort in planned]
    lefts = [
        max(figures.plans[cohort].people - figures.total(Measure.FIRST, "given", cohort=cohort), 0)
        for cohort in planned
    ]
    ranges = list(map(forecast, doses_of_days, lefts))
    names = [figures.name_of(cohort) for cohort in planned]
    chart = bar_chart(
        "forecast",
        _("When each cohort is done"),
        labels=names,
        series=[
            Series(_("At the earliest"), [found.low if found else None for found in ranges]),
            Series(_("Likely"), [found.middle if found else None for found in ranges]),
            Series(_("At the latest"), [found.high if found else None for found in ranges]),
        ],
        across=True,
        summary=_kept_promises(figures),
        unit=_("days from yesterday"),
        address=address,
        note=_(
            "By the pace of the last 28 days; with %(days)s days or fewer there is no forecast. "
            "Four of five forecasts should hold."
        )
        % {"days": LEAST_DAYS - 1},
    )
    yesterday = figures.scope.today - timedelta(days=1)
    return replace(
        chart,
        header=(_("Cohort"), _("People left"), *chart.header[1:]),
        rows=tuple(
            (name, shown(left), *_dates(found, yesterday, of_days))
            for name, left, found, of_days in zip(names, lefts, ranges, doses_of_days, strict=True)
        ),
    )


def _dates(found: Range | None, yesterday: date, doses: Sequence[int]) -> tuple[str, str, str]:
    if found is None:
        few = len(doses) < LEAST_DAYS
        words = _("too few days yet") if few else _("not within a year")
        return words, words, words
    if found.high == 0:
        words = _("already done")
        return words, words, words
    days = [yesterday + timedelta(days=count) for count in (found.low, found.middle, found.high)]
    return str(days[0]), str(days[1]), str(days[2])


def _kept_promises(figures: Figures) -> str:
    """How good the forecasts of a week were."""
    scores = [score(values) for values in figures.completed.values()]
    overall = Score(sum(item.held for item in scores), sum(item.weeks for item in scores))
    if not overall.weeks:
        return _("No forecast of a week has been put to the test yet.")
    return _("Of %(weeks)s forecasts for a week, %(held)s held.") % vars(overall)


CHARTS: dict[str, Callable[[Figures, str], Chart]] = {
    "daily": daily,
    "cohorts": cohorts,
    "uptake_map": uptake_map,
    "seats_map": seats_map,
    "seats": seats,
    "no_shows": no_shows,
    "demand": demand,
    "forecast": forecasts,
    "doses": doses,
}
OF_COUNTRY = {"uptake_map", "seats_map"}
