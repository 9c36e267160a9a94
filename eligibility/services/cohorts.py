from collections.abc import Sequence
from typing import Any

from eligibility.models import Cohort

ADDED, CHANGED, UNCHANGED = "added", "changed", "unchanged"


def save_cohorts(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Add or change cohorts by their code; what a row does not name stays as it is.

    Each row's answer is ADDED, CHANGED or UNCHANGED. A yes that somebody has been told stays.
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
        changed = [name for name, value in row.items() if getattr(cohort, name) != value]
        for name in changed:
            setattr(cohort, name, row[name])
        if changed:
            cohort.save(update_fields=changed)
        answers.append(CHANGED if changed else UNCHANGED)
    return answers
