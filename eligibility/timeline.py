"""All windows in one picture: where each bar of the drawing lies, worked out here."""

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
    """None where there is nothing to draw."""
    cohorts = sorted(cohorts, key=lambda one: (one.opens_at, one.closes_at, one.code))
    if not cohorts:
        return None
    start = _midnight(min(one.opens_at for one in cohorts))
    end = _midnight(max(one.closes_at for one in cohorts)) + timedelta(days=1)
    whole = (end - start).total_seconds()

    def place(moment: datetime) -> int:
        return LABEL + round((WIDTH - LABEL - MARGIN) * (moment - start).total_seconds() / whole)

    bars = []
    for number, cohort in enumerate(cohorts):
        x = place(cohort.opens_at)
        width = max(3, place(cohort.closes_at) - x)
        bars.append(Bar(cohort, x, width, ROW * (number + 1), _state(cohort, at)))
    days = (end - start).days
    step = max(1, -(-days // 12))
    marks = [start + timedelta(days=day) for day in range(0, days, step)]
    return Picture(
        bars=bars,
        days=[(place(mark), f"{mark:%m-%d}") for mark in marks],
        now=place(at) if start <= at <= end else None,
        height=ROW * (len(cohorts) + 1) + 10,
    )


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(SEOUL).replace(hour=0, minute=0, second=0, microsecond=0)


def _state(cohort: Cohort, at: datetime) -> str:
    if at >= cohort.closes_at:
        return "closed"
    return "open" if at >= cohort.opens_at else "soon"
