"""What apps above eligibility add to it, each in its `ready`."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from eligibility.models import Cohort
from web.hooks import Hook

# From when the lines of these cohorts can be joined, by the cohort's id.
joins_from: Hook[Callable[[Collection[int]], dict[int, datetime]]] = Hook()
# What else may be wrong with cohorts, such as windows without times: lint.Finding.
lint_checks: Hook[Callable[[Sequence[Cohort], datetime], Iterable[Any]]] = Hook()
# Whom a purge must not forget yet, as querysets of person ids, and what it forgets of others.
still_needed: Hook[Callable[[datetime], QuerySet[Any, int]]] = Hook()
also_forget: Hook[Callable[[list[int]], None]] = Hook()
