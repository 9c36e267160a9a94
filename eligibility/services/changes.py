"""Planned changes of cohort rules: previewed before, in force from their time."""

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
from eligibility.rules import decide
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
# People that a preview decides for (some seconds); of a larger roster it samples every n-th.
PREVIEWED = 200_000


def broken_promise(cohort: Cohort, changed: Cohort) -> str:
    """Why the change would shorten a window that people were promised; "" if it does not.

    Stored decisions keep their own windows; what a change could break is the cohort's line, which
    must stay open for all of them.
    """
    promised = Decision.objects.filter(cohort=cohort, eligible=True, window_to__gt=Now()).aggregate(
        first=Min("window_from"), last=Max("window_to")
    )
    if promised["last"] is None:
        return ""
    if changed.closes_at < promised["last"]:
        return _("People were told that they can book until %(at)s.") % {
            "at": f"{timezone.localtime(promised['last']):%Y-%m-%d %H:%M}"
        }
    # A decision may begin before the opening, after an earlier postponement: not this change's.
    if changed.opens_at > max(promised["first"], cohort.opens_at):
        return _("People were told that they can book from %(at)s.") % {
            "at": f"{timezone.localtime(promised['first']):%Y-%m-%d %H:%M}"
        }
    return ""


def _write(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


@transaction.atomic
def plan_change(
    *, cohort: Cohort, values: dict[str, Any], takes_effect_at: datetime, by: str
) -> CohortChange:
    """Plan a change of a cohort's rule.

    Raises ValidationError if the values are invalid, the time is past, or a promise would break.
    """
    unknown = set(values) - set(CHANGEABLE)
    if unknown or not values:
        raise ValidationError(_("Choose what is to change."))
    for name in ("regions", "groups", "excluded_groups", "vaccines"):
        if not isinstance(values.get(name, []), list):
            raise ValidationError(_("Write %(field)s as a list.") % {"field": name})
    if takes_effect_at < database_now():
        raise ValidationError({"takes_effect_at": _("Rules change for the future only.")})
    # Locked, so that the check of promises sees the cohort as it will be changed.
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
    """Withdraw a planned change; one that is in force stays as it is."""
    # One conditional UPDATE, so that a change can't come into force between check and write.
    CohortChange.objects.filter(
        pk=change.pk, applied_at=None, withdrawn_at=None, takes_effect_at__gt=Now()
    ).update(withdrawn_at=Now())
    change.refresh_from_db()
    return change


@transaction.atomic
def apply_due_changes() -> int:
    """Write changes that are in force into their cohorts; returns how many.

    Readers don't depend on it: `facts.cohorts_in_force` applies due changes itself.
    """
    now = database_now()
    # skip_locked: two workers share the changes instead of waiting for each other.
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
    """How many people of the roster gain and lose eligibility by a change.

    `keeping` of those who lose it have a stored yes, and keep it.
    """

    gain: int
    lose: int
    keeping: int
    about: bool  # estimated from a sample


def preview_change(*, cohort: Cohort, values: dict[str, Any], at: datetime) -> Preview:
    """Decide for the roster (or a sample) by the old and the new rule, and count differences."""
    before, after = rule_of(cohort), rule_of(with_values(cohort, values))
    people = Person.objects.exclude(roster_key=None)
    step = max(1, -(-people.count() // PREVIEWED))
    gain, losers = 0, []
    if step > 1:
        people = people.annotate(turn=Mod("pk", step)).filter(turn=0)
    # Names and phones stay encrypted: decrypting them would take most of the time.
    fields = ["id", "birth_date", "roster_key", "certified_at", "region", "groups", "last_dose_on"]
    for person in people.only(*fields).iterator(chunk_size=5000):
        facts = facts_of(person)
        was, becomes = (decide(facts, rule, at).eligible for rule in (before, after))
        gain += becomes and not was
        if was and not becomes:
            losers.append(person.pk)
    # Cut, as the ids travel in the statement; beyond that `keeping` is a lower bound.
    promised = Decision.objects.filter(cohort=cohort, eligible=True, person__in=losers[:50_000])
    keeping = promised.count() if losers else 0
    return Preview(gain * step, len(losers) * step, keeping * step, about=step > 1)
