"""Coordinates of the admin's timeline drawing: one bar per cohort window."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from eligibility.models import Cohort
from eligibility.rules import SEOUL

WIDTH, ROW, LABEL, MARGIN = 1000, 34, 190, 36  # units of the drawing


@dataclass(frozen=True)
class Bar:
    cohort: Cohort
    x: int
    width: int
    y: int
    state: str  # soon, open, closed


@dataclass(frozen=True)
class Picture:
    bars: list[Bar]
    days: list[tuple[int, str]]
    now: int | None
    height: int
    width: int = WIDTH
    label: int = LABEL


def timeline(cohorts: Sequence[Cohort], at: datetime) -> Picture | None:
    """The drawing of all cohorts, by opening; None without cohorts."""
    cohorts = sorted(cohorts, key=lambda cohort: (cohort.opens_at, cohort.closes_at, cohort.code))
    if not cohorts:
        return None
    start = _midnight(min(cohort.opens_at for cohort in cohorts))
    end = _midnight(max(cohort.closes_at for cohort in cohorts)) + timedelta(days=1)
    length = (end - start).total_seconds()

    def x_at(moment: datetime) -> int:
        return LABEL + round((WIDTH - LABEL - MARGIN) * (moment - start).total_seconds() / length)

    bars = []
    for number, cohort in enumerate(cohorts):
        x = x_at(cohort.opens_at)
        # At least 3 units, so that a window of an hour is seen in a picture of months.
        width = max(3, x_at(cohort.closes_at) - x)
        bars.append(Bar(cohort, x, width, ROW * (number + 1), _state(cohort, at)))
    days = (end - start).days
    step = max(1, -(-days // 12))  # at most 12 labels fit
    marks = [start + timedelta(days=day) for day in range(0, days, step)]
    return Picture(
        bars=bars,
        days=[(x_at(mark), f"{mark:%m-%d}") for mark in marks],
        now=x_at(at) if start <= at <= end else None,
        height=ROW * (len(cohorts) + 1) + 10,
    )


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(SEOUL).replace(hour=0, minute=0, second=0, microsecond=0)


def _state(cohort: Cohort, at: datetime) -> str:
    if at >= cohort.closes_at:
        return "closed"
    return "open" if at >= cohort.opens_at else "soon"
