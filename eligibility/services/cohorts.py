from collections.abc import Sequence
from typing import Any

from eligibility.facts import with_values
from eligibility.models import Cohort
from eligibility.services.changes import broken_promise
from eligibility.services.decisions import widen_decisions

ADDED, CHANGED, UNCHANGED = "added", "changed", "unchanged"


def save_cohorts(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Add or change cohorts by code; fields that a row does not name stay as they are.

    Returns for each row ADDED, CHANGED or UNCHANGED, or the text of a promise it would break; such
    a row is not written. The caller opens the transaction.
    """
    codes = [row["code"] for row in rows]
    # Locked, so that no planned change is applied between the comparison and the write.
    stored = {
        cohort.code: cohort
        for cohort in Cohort.objects.select_for_update(no_key=True).filter(code__in=codes)
    }
    answers = []
    for row in rows:
        cohort = stored.get(row["code"])
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
