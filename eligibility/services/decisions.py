from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import connection, transaction

from database.clock import database_now, known_now
from eligibility.enums import ReviewStatus, Window
from eligibility.facts import cohorts_in_force, facts_of, rule_of
from eligibility.models import Cohort, Decision, Person, Review
from eligibility.rules import Outcome, decide_all
from eligibility.rules import decide as decide_one
from eligibility.services.households import (
    beyond_household,
    full_cohorts,
    is_vouched_for,
    lock_phone,
)
from staff.actors import SYSTEM


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person is told about one cohort."""

    cohort: Cohort
    eligible: bool
    rule: str
    reasons: list[Any]
    window_from: datetime
    window_to: datetime
    # What the rules say now, and what the person was told before: a yes given before holds.
    outcome: Outcome
    stored: Decision | None = None
    provisional: bool = False

    def window(self, at: datetime) -> Window:
        if at < self.window_from:
            return Window.SOON
        return Window.OPEN if at < self.window_to else Window.CLOSED


def decide(*, person: Person, at: datetime | None = None) -> list[Answer]:
    """Every cohort's answer for this person, the one to take first in front; writes nothing."""
    at = at or known_now()
    cohorts = {cohort.pk: cohort for cohort in cohorts_in_force(at)}
    outcomes = decide_all(facts_of(person), map(rule_of, cohorts.values()), at)
    stored = {decision.cohort_id: decision for decision in person.decisions.all()}
    outcomes = _within_household(person, outcomes, stored)
    answers = [
        _answer(cohorts[outcome.cohort_id], outcome, stored.get(outcome.cohort_id))
        for outcome in outcomes
    ]
    # A yes that was given before may stand higher than the rules of today would put it.
    answers.sort(key=lambda answer: not answer.eligible)
    return answers


def _within_household(
    person: Person, outcomes: list[Outcome], stored: dict[int, Decision]
) -> list[Outcome]:
    """A yes that was given stays; a new one needs room in the household of the phone."""
    given = {cohort_id for cohort_id, decision in stored.items() if decision.eligible}
    if not any(one.eligible and one.cohort_id not in given for one in outcomes):
        return outcomes
    full = full_cohorts(person) - given
    return [
        beyond_household(one) if one.eligible and one.cohort_id in full else one for one in outcomes
    ]


def _answer(cohort: Cohort, outcome: Outcome, stored: Decision | None) -> Answer:
    if stored and (stored.eligible or not outcome.eligible):
        return Answer(
            cohort=cohort,
            eligible=stored.eligible,
            rule=stored.rule,
            reasons=stored.reasons,
            window_from=stored.window_from,
            window_to=stored.window_to,
            provisional=stored.provisional,
            outcome=outcome,
            stored=stored,
        )
    return Answer(
        cohort=cohort,
        eligible=outcome.eligible,
        rule=outcome.rule,
        reasons=[list(reason) for reason in outcome.reasons],
        window_from=outcome.window_from,
        window_to=outcome.window_to,
        outcome=outcome,
        stored=stored,
    )


def store_decisions(*, person: Person, at: datetime | None = None) -> list[Answer]:
    """Keep every yes of an open or coming window, so that joining finds it in the database.

    A yes that was given stays. Only a longer window, or the next day of a birth-digit calendar
    after the last one is over, is written over it.
    """
    at = at or known_now()
    if is_vouched_for(person):
        return _store(person, at)
    # Those of one phone one after the other, so that a household is counted right.
    with transaction.atomic():
        lock_phone(person.phone_index)
        return _store(person, at)


def _store(person: Person, at: datetime) -> list[Answer]:
    answers = decide(person=person, at=at)
    told = [
        answer
        for answer in answers
        if answer.outcome.eligible and answer.outcome.window(at) != Window.CLOSED
    ]
    fresh = [
        _decision(person, answer.outcome, answer.cohort, at) for answer in told if not answer.stored
    ]
    changed = [
        answer for answer in told if answer.stored and _improve(answer.stored, answer.outcome, at)
    ]
    if fresh:
        # Two devices may sign in at once; both found the same.
        Decision.objects.bulk_create(fresh, ignore_conflicts=True)
    for answer in changed:
        assert answer.stored
        answer.stored.save()
        _grant_open_reviews(answer.cohort, [person.pk], at)
    return decide(person=person, at=at) if fresh or changed else answers


def _grant_open_reviews(cohort: Cohort, people: list[int], at: datetime) -> None:
    """The rules say yes by themselves now: nobody needs to look at it any more."""
    Review.objects.filter(person__in=people, cohort=cohort, status=ReviewStatus.OPEN).update(
        status=ReviewStatus.GRANTED, closed_at=at, by=SYSTEM
    )


def _decision(person: Person, outcome: Outcome, cohort: Cohort, at: datetime) -> Decision:
    return Decision(
        person=person,
        cohort=cohort,
        eligible=outcome.eligible,
        rule=outcome.rule,
        reasons=[list(reason) for reason in outcome.reasons],
        window_from=outcome.window_from,
        window_to=outcome.window_to,
        decided_at=at,
    )


def _improve(stored: Decision, outcome: Outcome, at: datetime) -> bool:
    """Put a yes of today over what was stored; False if the person gains nothing by it."""
    before = _state(stored)
    if not stored.eligible or stored.window_to <= at:
        stored.window_from, stored.window_to = outcome.window_from, outcome.window_to
    else:
        stored.window_from = min(stored.window_from, outcome.window_from)
        stored.window_to = max(stored.window_to, outcome.window_to)
    if not stored.eligible or stored.provisional:
        stored.rule = outcome.rule
        stored.reasons = [list(reason) for reason in outcome.reasons]
        stored.decided_at = at
    stored.provisional = False
    stored.eligible = True
    return before != _state(stored)


def _state(stored: Decision) -> tuple[Any, ...]:
    return stored.eligible, stored.provisional, stored.window_from, stored.window_to


# A window is only ever widened: what a person was told of it stays true.
WIDEN = """
UPDATE eligibility_decision
SET window_from = least(window_from, %(opens_at)s), window_to = greatest(window_to, %(closes_at)s)
WHERE cohort_id = %(cohort)s AND eligible
    AND (window_from > %(opens_at)s OR window_to < %(closes_at)s)
"""
AT_A_TIME = 1000


def widen_decisions(cohort: Cohort, changed: Collection[str]) -> int:
    """Take each yes that was given along with the cohort's new window; how many were widened.

    `changed` are the fields of the cohort that changed. Where only its opening or closing moved,
    one statement does it for everybody. A birth-digit calendar, and a change of the conditions,
    are decided for each person: birth dates are sealed, no SQL can read them.
    """
    if not WINDOW_FIELDS.intersection(changed):
        return 0
    if cohort.digit_hours is not None or not set(changed) <= PLAIN_WINDOW_FIELDS:
        return _widen_one_by_one(cohort)
    with connection.cursor() as cursor:
        values = {"opens_at": cohort.opens_at, "closes_at": cohort.closes_at}
        cursor.execute(WIDEN, {"cohort": cohort.pk, **values})
        widened: int = cursor.rowcount
        return widened


PLAIN_WINDOW_FIELDS = {"opens_at", "closes_at"}
WINDOW_FIELDS = PLAIN_WINDOW_FIELDS | {"digit_hours"}


def _widen_one_by_one(cohort: Cohort) -> int:
    at, rule, widened = database_now(), rule_of(cohort), 0
    decisions = Decision.objects.filter(
        cohort=cohort, eligible=True, person__forgotten_at=None
    ).select_related("person")
    rows = decisions.order_by("pk").iterator(AT_A_TIME)
    while batch := list(islice(rows, AT_A_TIME)):
        better = []
        for decision in batch:
            outcome = decide_one(facts_of(decision.person), rule, at)
            gains = outcome.eligible and outcome.window(at) != Window.CLOSED
            if gains and _improve(decision, outcome, at):
                better.append(decision)
        Decision.objects.bulk_update(better, IMPROVED)
        _grant_open_reviews(cohort, [decision.person_id for decision in better], at)
        widened += len(better)
    return widened


IMPROVED = [
    "eligible", "provisional", "rule", "reasons", "decided_at", "window_from", "window_to"
]  # fmt: skip


def eligible_decision(person_id: int, cohort: Cohort) -> Decision | None:
    """The yes this person has for this cohort, decided and stored now if nothing was before.

    One query in the ordinary case. After the person signed in a cohort may have been added, or
    its window or a birth-digit day of it may have come nearer.
    """
    at = known_now()
    found = Decision.objects.filter(person_id=person_id, cohort=cohort).first()
    if found and not found.eligible:
        return None
    if found and found.window_to > at and found.window_from <= max(at, cohort.opens_at):
        return found
    person = Person.objects.filter(pk=person_id).first()
    if person is None:
        return None
    store_decisions(person=person, at=at)
    return Decision.objects.filter(
        person_id=person_id, cohort=cohort, eligible=True, window_to__gt=at
    ).first()
