"""Eligibility rules: pure functions of a person's facts, a cohort's rule and an instant."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from eligibility.enums import Proof, Reason, Window

SEOUL = ZoneInfo("Asia/Seoul")


@dataclass(frozen=True, slots=True)
class Facts:
    """A person's data that the rules read."""

    birth_date: date
    on_roster: bool = False
    certified: bool = False
    region: str = ""
    groups: frozenset[str] = frozenset()
    last_dose_on: date | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A cohort's conditions at one instant."""

    cohort_id: int
    birth_from: date
    birth_to: date
    opens_at: datetime
    closes_at: datetime
    proof: str = Proof.ROSTER
    priority: int = 0
    members_only: bool = False
    regions: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    excluded_groups: frozenset[str] = frozenset()
    min_days_since_dose: int | None = None
    digit_hours: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The rules' result for one cohort; `reasons` are (code, values) for eligibility.reasons."""

    cohort_id: int
    eligible: bool
    rule: str
    reasons: tuple[tuple[str, dict[str, str]], ...]
    window_from: datetime
    window_to: datetime

    def window(self, at: datetime) -> Window:
        if at < self.window_from:
            return Window.SOON
        return Window.OPEN if at < self.window_to else Window.CLOSED


def decide(facts: Facts, rule: Rule, at: datetime) -> Outcome:
    """Whether the facts meet the rule at `at`, by which condition, and for which window.

    Conditions are checked from general to particular; the first that fails is the reason given,
    since it would have to change first.
    """
    start, end = window_of(rule, facts.birth_date, at)
    failed = _failed(facts, rule, start)
    if failed:
        return Outcome(rule.cohort_id, False, failed[0], (failed,), start, end)
    return Outcome(rule.cohort_id, True, Reason.BORN, (_born(Reason.BORN, rule),), start, end)


def decide_all(facts: Facts, rules: Iterable[Rule], at: datetime) -> list[Outcome]:
    """All cohorts' outcomes, best first: yes before no, open before soon, then by priority."""
    ordered = [(decide(facts, rule, at), rule.priority) for rule in rules]
    ordered.sort(key=lambda pair: _rank(pair[0], pair[1], at))
    return [outcome for outcome, _priority in ordered]


_WINDOW_RANK = {Window.OPEN: 0, Window.SOON: 1, Window.CLOSED: 2}


def _rank(outcome: Outcome, priority: int, at: datetime) -> tuple[Any, ...]:
    return (
        not outcome.eligible,
        _WINDOW_RANK[outcome.window(at)],
        -priority,
        outcome.window_from,
        outcome.cohort_id,
    )


def _failed(facts: Facts, rule: Rule, start: datetime) -> tuple[str, dict[str, str]] | None:
    if not rule.birth_from <= facts.birth_date <= rule.birth_to:
        return _born(Reason.NOT_BORN, rule)
    # One reason for "not on the roster" and "another phone there": two would show an outsider who
    # is on the roster.
    if rule.members_only and not facts.on_roster:
        return Reason.NOT_CONFIRMED, {}
    if rule.proof == Proof.ROSTER and not (facts.on_roster or facts.certified):
        return Reason.NOT_CONFIRMED, {}
    if rule.proof == Proof.PROVIDER and not facts.certified:
        return Reason.NOT_CERTIFIED, {}
    if rule.regions and facts.region not in rule.regions:
        return Reason.OTHER_REGION, {"regions": ", ".join(sorted(rule.regions))}
    if rule.excluded_groups & facts.groups:
        return Reason.EXCLUDED, {}
    if rule.groups and not rule.groups & facts.groups:
        return Reason.OTHER_GROUP, {}
    if rule.min_days_since_dose is not None and facts.last_dose_on is not None:
        first = facts.last_dose_on + timedelta(days=rule.min_days_since_dose)
        if start.astimezone(SEOUL).date() < first:
            return Reason.TOO_EARLY, {"from": first.isoformat()}
    if rule.digit_hours is not None and not any(digit_windows(rule, facts.birth_date)):
        return Reason.NO_DIGIT_DAY, {"digit": str(facts.birth_date.day % 10)}
    return None


def _born(code: str, rule: Rule) -> tuple[str, dict[str, str]]:
    return code, {"from": rule.birth_from.isoformat(), "to": rule.birth_to.isoformat()}


def window_of(rule: Rule, birth_date: date, at: datetime) -> tuple[datetime, datetime]:
    """The person's own window: the cohort's, or on a birth-digit calendar the current or next day
    of their digit (the last one when all are over)."""
    if rule.digit_hours is None:
        return rule.opens_at, rule.closes_at
    last = (rule.opens_at, rule.closes_at)
    for start, end in digit_windows(rule, birth_date):
        last = (start, end)
        if at < end:
            break
    return last


def digit_windows(rule: Rule, birth_date: date) -> Iterator[tuple[datetime, datetime]]:
    """Windows on the days that end in the birth day's digit, within the cohort's window."""
    # In Seoul's time: days and digits are those of the calendar there.
    first = rule.opens_at.astimezone(SEOUL)
    days = (rule.closes_at.astimezone(SEOUL).date() - first.date()).days
    for offset in range(days + 1):
        start = first + timedelta(days=offset)
        if start.day % 10 == birth_date.day % 10 and start < rule.closes_at:
            end = start + timedelta(hours=rule.digit_hours or 24)
            yield start, min(end, rule.closes_at)
