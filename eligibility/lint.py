"""Checks a set of cohorts for errors and for what is probably a mistake.

Apps above add checks (`hooks.lint_checks`), such as windows without slots.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import combinations, pairwise
from typing import Any

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from eligibility import hooks
from eligibility.enums import Proof
from eligibility.models import Cohort, Person
from eligibility.rules import SEOUL, Rule, digit_windows

DAY = timedelta(days=1)


class Level(models.TextChoices):
    ERROR = "error", gettext_lazy("Error")
    WARNING = "warning", gettext_lazy("Look at this")


@dataclass(frozen=True)
class Finding:
    level: Level
    cohorts: tuple[str, ...]  # codes
    text: str


def lint(cohorts: Sequence[Cohort], rules: Sequence[Rule], at: datetime) -> list[Finding]:
    """Findings about the cohorts that are open or still to come, errors first."""
    pairs = [
        (cohort, rule)
        for cohort, rule in zip(cohorts, rules, strict=True)
        if rule.closes_at > at or rule.opens_at >= rule.closes_at
    ]
    pairs.sort(key=lambda pair: (pair[1].birth_from, pair[1].opens_at, pair[0].code))
    findings = [
        *_inverted(pairs),
        *_birth_gaps(pairs),
        *_overlaps(pairs),
        *_window_gaps(pairs),
        *_missing_digits(pairs),
        *_missing_roster(pairs),
    ]
    current = [cohort for cohort, _rule in pairs]
    for check in hooks.lint_checks:
        findings += check(current, at)
    return sorted(findings, key=lambda finding: (finding.level != Level.ERROR, finding.cohorts))


Pairs = Sequence[tuple[Cohort, Rule]]


def _inverted(pairs: Pairs) -> Iterator[Finding]:
    for cohort, rule in pairs:
        if rule.birth_from > rule.birth_to:
            yield Finding(
                Level.ERROR, (cohort.code,), _("The first day of birth is after the last.")
            )
        if rule.opens_at >= rule.closes_at:
            yield Finding(Level.ERROR, (cohort.code,), _("It closes before it opens."))


def _birth_gaps(pairs: Pairs) -> Iterator[Finding]:
    """Birth dates between two cohorts that belong to neither; `pairs` are sorted by birth date."""
    reached: date | None = None
    before = ""
    for cohort, rule in pairs:
        if reached is not None and rule.birth_from > reached + DAY:
            yield Finding(
                Level.WARNING,
                (before, cohort.code),
                _("Born %(first)s to %(last)s: in no cohort.")
                % {"first": reached + DAY, "last": rule.birth_from - DAY},
            )
        if reached is None or rule.birth_to > reached:
            reached, before = rule.birth_to, cohort.code


def _overlaps(pairs: Pairs) -> Iterator[Finding]:
    """Birth dates in two cohorts with overlapping windows and the same other conditions."""
    for (cohort, first), (other, second) in combinations(pairs, 2):
        start, end = max(first.birth_from, second.birth_from), min(first.birth_to, second.birth_to)
        opens, closes = max(first.opens_at, second.opens_at), min(first.closes_at, second.closes_at)
        if start > end or opens >= closes or _conditions(first) != _conditions(second):
            continue
        # Different priorities show that the overlap is meant.
        if first.priority == second.priority:
            yield Finding(
                Level.ERROR,
                (cohort.code, other.code),
                _("Born %(first)s to %(last)s: in both cohorts at one time, with one priority.")
                % {"first": start, "last": end},
            )


def _conditions(rule: Rule) -> tuple[Any, ...]:
    return (
        rule.members_only,
        rule.regions,
        rule.groups,
        rule.excluded_groups,
        rule.min_days_since_dose,
        rule.digit_hours is not None,
    )


def _window_gaps(pairs: Pairs) -> Iterator[Finding]:
    """Time between two windows of the same people, as happened unnoticed on 20 July 2021."""
    windows: dict[tuple[Any, ...], list[tuple[Cohort, Rule]]] = {}
    for cohort, rule in pairs:
        key = (rule.birth_from, rule.birth_to, _conditions(rule))
        windows.setdefault(key, []).append((cohort, rule))
    for same in windows.values():
        same.sort(key=lambda pair: pair[1].opens_at)
        for (cohort, first), (following, second) in pairwise(same):
            if first.closes_at < second.opens_at:
                yield Finding(
                    Level.WARNING,
                    (cohort.code, following.code),
                    _("Nothing is open for these people from %(start)s to %(end)s.")
                    % {"start": _clock(first.closes_at), "end": _clock(second.opens_at)},
                )


def _missing_digits(pairs: Pairs) -> Iterator[Finding]:
    """Birth digits for which no day of the cohort's window ends in that digit."""
    for cohort, rule in pairs:
        if rule.digit_hours is None:
            continue
        # Ten birth dates, one for each last digit of the day: 1, 2, … 9, 0.
        days = [date(2000, 1, day) for day in range(1, 11)]
        without = [str(day.day % 10) for day in days if not any(digit_windows(rule, day))]
        if without:
            yield Finding(
                Level.ERROR,
                (cohort.code,),
                _("No day ends in %(digits)s: people with these birth digits are left out.")
                % {"digits": ", ".join(sorted(without))},
            )


def _missing_roster(pairs: Pairs) -> Iterator[Finding]:
    needing = [
        cohort.code for cohort, rule in pairs if rule.members_only or rule.proof == Proof.ROSTER
    ]
    if needing and not Person.objects.exclude(roster_key=None).exists():
        yield Finding(
            Level.ERROR, tuple(needing), _("It asks for the roster, and no roster is loaded.")
        )


def _clock(at: datetime) -> str:
    return f"{at.astimezone(SEOUL):%Y-%m-%d %H:%M}"
