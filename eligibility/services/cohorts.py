from collections.abc import Sequence
from typing import Any

from eligibility.facts import with_values
from eligibility.models import Cohort
from eligibility.services.changes import broken_promise
from eligibility.services.decisions import widen_decisions

ADDED, CHANGED, UNCHANGED = "added", "changed", "unchanged"


def save_cohorts(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Add or change cohorts by their code; what a row does not name stays as it is.

    Each row's answer is ADDED, CHANGED or UNCHANGED, or the promise that the change would break.
    """
    codes = [row["code"] for row in rows]
    known = {
        cohort.code: cohort
        for cohort in Cohort.objects.select_for_update(no_key=True).filter(code__in=codes)
    }
    answers = []
    for row in rows:
        cohort = known.get(row["code"])
        if cohort is None:
            Cohort.objects.create(**row)
            answers.append(ADDED)
            continue
        answers.append(_change(cohort, row))
    return answers


def _change(cohort: Cohort, row: dict[str, Any]) -> str:
    changed = [name for name, value in row.items() if getattr(cohort, name) != value]
    if not changed:
        return UNCHANGED
    promise = broken_promise(cohort, with_values(cohort, row))
    if promise:
        return promise
    for name in changed:
        setattr(cohort, name, row[name])
    cohort.save(update_fields=changed)
    widen_decisions(cohort, changed)
    return CHANGED
