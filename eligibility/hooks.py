"""Hooks that apps above eligibility fill, each in its AppConfig.ready()."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import QuerySet

from eligibility.models import Cohort
from web.hooks import Hook


class HeldData(NamedTuple):
    """A section of the page about a person's own data."""

    title: str
    texts: list[str]


# Further checks of cohorts, such as windows without slots; each yields lint.Finding.
lint_checks: Hook[Callable[[Sequence[Cohort], datetime], Iterable[Any]]] = Hook()
# What an app holds about a person, for their page "What is held about me": sections of texts.
held_data: Hook[Callable[[int], list[HeldData]]] = Hook()
# Person ids that a purge at this time must spare, as a queryset.
still_needed: Hook[Callable[[datetime], QuerySet[Any, int]]] = Hook()
# A review of the person with this id has been decided or withdrawn (within its transaction).
review_closed: Hook[Callable[[int], object]] = Hook()
# Destroys what is past its own retention time; returns a name and how many rows.
also_purge: Hook[Callable[[datetime], tuple[str, int]]] = Hook()
# Destroys an app's own personal data of these person ids.
also_forget: Hook[Callable[[list[int]], None]] = Hook()
# Those of these person ids who have what must not be lost: a ticket, a reservation, a dose.
holders: Hook[Callable[[Collection[int]], Iterable[int]]] = Hook()
