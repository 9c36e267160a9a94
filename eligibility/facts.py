"""Builds the input of the pure rules (Facts and Rule) from rows."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.expressions import RawSQL
from django.utils.dateparse import parse_date, parse_datetime

from eligibility.models import Cohort, CohortChange, Person
from eligibility.rules import Facts, Rule


def facts_of(person: Person) -> Facts:
    return Facts(
        birth_date=person.birth_date,
        on_roster=person.roster_key is not None,
        certified=person.certified_at is not None,
        region=person.region,
        groups=frozenset(person.groups),
        last_dose_on=person.last_dose_on,
    )


def rule_of(cohort: Cohort) -> Rule:
    return Rule(
        cohort_id=cohort.pk,
        birth_from=cohort.birth_from,
        birth_to=cohort.birth_to,
        opens_at=cohort.opens_at,
        closes_at=cohort.closes_at,
        proof=cohort.proof,
        priority=cohort.priority,
        members_only=cohort.members_only,
        regions=frozenset(cohort.regions),
        groups=frozenset(cohort.groups),
        excluded_groups=frozenset(cohort.excluded_groups),
        min_days_since_dose=cohort.min_days_since_dose,
        digit_hours=cohort.digit_hours,
    )


def with_values(cohort: Cohort, values: dict[str, Any]) -> Cohort:
    """An unsaved copy of the cohort with `values`, in the JSON form that CohortChange stores."""
    copy = Cohort(
        **{field.attname: getattr(cohort, field.attname) for field in Cohort._meta.fields}
    )
    # Marked as stored: `full_clean` must not report the cohort's own code as taken.
    copy._state.adding, copy._state.db = False, "default"
    for name, value in values.items():
        setattr(copy, name, read_value(name, value))
    return copy


def read_value(name: str, value: Any) -> Any:
    """A value of a Cohort field from its JSON form: ISO dates and times are parsed."""
    if name in ("birth_from", "birth_to") and isinstance(value, str):
        return parse_date(value)
    if name in ("opens_at", "closes_at") and isinstance(value, str):
        return parse_datetime(value)
    return value


def cohorts_in_force(at: datetime) -> list[Cohort]:
    """All cohorts with their rules at `at`, including due changes that no job has applied yet.

    One statement, as each sign-in asks. `version` of a cohort changes with its row.
    """
    due = CohortChange.objects.filter(
        cohort=OuterRef("pk"), applied_at=None, withdrawn_at=None, takes_effect_at__lte=at
    )
    values = due.order_by("takes_effect_at", "pk").values("values")
    version = RawSQL("eligibility_cohort.xmin::text", [])
    cohorts = Cohort.objects.annotate(due=ArraySubquery(values), version=version)
    return [_changed(cohort, cohort.due) for cohort in cohorts]


def _changed(cohort: Cohort, changes: Iterable[dict[str, Any]]) -> Cohort:
    for values in changes:
        cohort = with_values(cohort, values)
    return cohort
