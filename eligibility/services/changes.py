"""Rules change for the future: planned, previewed, and in force by their time, by themselves."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, Min
from django.db.models.functions import Mod
from django.utils import timezone
from django.utils.translation import gettext as _

from database.clock import Now, database_now
from eligibility.facts import facts_of, read_value, rule_of, with_values
from eligibility.models import Cohort, CohortChange, Decision, Person
from eligibility.rules import decide as decide_one
from eligibility.services.decisions import widen_decisions

CHANGEABLE = [
    "name_ko",
    "name_en",
    "birth_from",
    "birth_to",
    "opens_at",
    "closes_at",
    "proof",
    "priority",
    "members_only",
    "regions",
    "groups",
    "excluded_groups",
    "min_days_since_dose",
    "digit_hours",
    "vaccines",
]
# A preview reads so many people; of more, it takes every so manieth.
PREVIEWED = 200_000


def broken_promise(cohort: Cohort, changed: Cohort) -> str:
    """Why this change would go against what people were told; empty if it does not.

    What they were told about themselves stands in their decisions and is kept anyway. The line
    itself must stay open as long as it was promised.
    """
    told = Decision.objects.filter(cohort=cohort, eligible=True, window_to__gt=Now()).aggregate(
        first=Min("window_from"), last=Max("window_to")
    )
    if told["last"] is None:
        return ""
    if changed.closes_at < told["last"]:
        return _("People were told that they can book until %(at)s.") % {
            "at": f"{timezone.localtime(told['last']):%Y-%m-%d %H:%M}"
        }
    if changed.opens_at > max(told["first"], cohort.opens_at):
        return _("People were told that they can book from %(at)s.") % {
            "at": f"{timezone.localtime(told['first']):%Y-%m-%d %H:%M}"
        }
    return ""


def _write(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


@transaction.atomic
def plan_change(
    *, cohort: Cohort, values: dict[str, Any], takes_effect_at: datetime, by: str
) -> CohortChange:
    """Plan a change of rules; ValidationError if it breaks a rule or a promise."""
    unknown = set(values) - set(CHANGEABLE)
    if unknown or not values:
        raise ValidationError(_("Choose what is to change."))
    for name in ("regions", "groups", "excluded_groups", "vaccines"):
        if not isinstance(values.get(name, []), list):
            raise ValidationError(_("Write %(field)s as a list.") % {"field": name})
    if takes_effect_at < database_now():
        raise ValidationError({"takes_effect_at": _("Rules change for the future only.")})
    cohort = Cohort.objects.select_for_update(no_key=True).get(pk=cohort.pk)
    changed = with_values(cohort, values)
    changed.full_clean(validate_unique=False)
    promise = broken_promise(cohort, changed)
    if promise:
        raise ValidationError(promise)
    return CohortChange.objects.create(
        cohort=cohort,
        values={name: _write(value) for name, value in values.items()},
        takes_effect_at=takes_effect_at,
        by=by,
    )


@transaction.atomic
def withdraw_change(*, change: CohortChange) -> CohortChange:
    """Take a planned change back, while it is not in force."""
    CohortChange.objects.filter(
        pk=change.pk, applied_at=None, withdrawn_at=None, takes_effect_at__gt=Now()
    ).update(withdrawn_at=Now())
    change.refresh_from_db()
    return change


@transaction.atomic
def apply_due_changes() -> int:
    """Write what is in force into the cohorts themselves; how many changes that were."""
    now = database_now()
    due = CohortChange.objects.select_for_update(skip_locked=True).filter(
        applied_at=None, withdrawn_at=None, takes_effect_at__lte=now
    )
    applied = 0
    for change in due.order_by("takes_effect_at", "pk"):
        cohort = Cohort.objects.select_for_update(no_key=True).get(pk=change.cohort_id)
        for name, value in change.values.items():
            setattr(cohort, name, read_value(name, value))
        cohort.save(update_fields=list(change.values))
        widen_decisions(cohort, change.values)
        change.applied_at = now
        change.save(update_fields=["applied_at"])
        applied += 1
    return applied


@dataclass(frozen=True)
class Preview:
    """How many people of the roster a change lets in, and how many it would turn away.

    Whoever was told yes keeps it: `kept` of those who would lose it were told.
    """

    gain: int
    lose: int
    kept: int
    about: bool  # counted in a sample


def preview_change(*, cohort: Cohort, values: dict[str, Any], at: datetime) -> Preview:
    """Decide for everybody on the roster by the old and by the new rules."""
    before, after = rule_of(cohort), rule_of(with_values(cohort, values))
    people = Person.objects.exclude(roster_key=None)
    step = max(1, -(-people.count() // PREVIEWED))
    gain, losers = 0, []
    if step > 1:
        people = people.annotate(turn=Mod("pk", step)).filter(turn=0)
    fields = ["id", "birth_date", "roster_key", "certified_at", "region", "groups", "last_dose_on"]
    for person in people.only(*fields).iterator(chunk_size=5000):
        facts = facts_of(person)
        one, other = (decide_one(facts, rule, at).eligible for rule in (before, after))
        gain += other and not one
        if one and not other:
            losers.append(person.pk)
    told = Decision.objects.filter(cohort=cohort, eligible=True, person__in=losers[:50_000])
    kept = told.count() if losers else 0
    return Preview(gain * step, len(losers) * step, kept * step, about=step > 1)
