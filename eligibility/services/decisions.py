import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import connection, transaction
from django.db.models import prefetch_related_objects

from database.clock import database_now, known_now
from eligibility.enums import ReviewStatus, Window
from eligibility.facts import cohorts_in_force, facts_of, rule_of
from eligibility.models import Cohort, Decision, Person, Review
from eligibility.rules import Outcome, decide_all
from eligibility.rules import decide as decide_by_rule
from eligibility.services.households import (
    beyond_household,
    full_cohorts,
    is_vouched_for,
    lock_phones,
)
from staff.actors import SYSTEM


@dataclass(frozen=True, slots=True)
class Answer:
    """A person's decision for one cohort as the pages show it: the stored one, or a new outcome."""

    cohort: Cohort
    eligible: bool
    rule: str
    reasons: list[Any]
    window_from: datetime
    window_to: datetime
    # The rules' result now, and the decision stored before; a stored yes prevails.
    outcome: Outcome
    stored: Decision | None = None
    provisional: bool = False

    def window(self, at: datetime) -> Window:
        if at < self.window_from:
            return Window.SOON
        return Window.OPEN if at < self.window_to else Window.CLOSED


def decide(*, person: Person, at: datetime | None = None) -> list[Answer]:
    """Answers for all cohorts, the best one first; writes nothing."""
    at = at or known_now()
    return _decide(person, cohorts_in_force(at), at)


def decide_each(*, people: Sequence[Person], at: datetime) -> dict[int, list[Answer]]:
    """The answers of `decide` for many people by id, in two statements for all who are vouched
    for; writes nothing."""
    prefetch_related_objects(people, "decisions")
    cohorts = cohorts_in_force(at)
    return {person.pk: _decide(person, cohorts, at) for person in people}


def _decide(
    person: Person,
    in_force: Iterable[Cohort],
    at: datetime,
    full: Callable[[Person], set[int]] = full_cohorts,
) -> list[Answer]:
    cohorts = {cohort.pk: cohort for cohort in in_force}
    outcomes = decide_all(facts_of(person), map(rule_of, cohorts.values()), at)
    decided = person.decisions.all() if person.pk else []
    stored = {decision.cohort_id: decision for decision in decided}
    outcomes = _within_household(person, outcomes, stored, full)
    answers = [
        _answer(cohorts[outcome.cohort_id], outcome, stored.get(outcome.cohort_id))
        for outcome in outcomes
    ]
    # Again, and stably: a stored yes may rank higher than today's outcome of the rules.
    answers.sort(key=lambda answer: not answer.eligible)
    return answers


def _within_household(
    person: Person,
    outcomes: list[Outcome],
    stored: dict[int, Decision],
    full_of: Callable[[Person], set[int]],
) -> list[Outcome]:
    """Outcomes with a new yes turned into a no where the phone's household limit is reached."""
    granted = {cohort_id for cohort_id, decision in stored.items() if decision.eligible}
    # Without a new yes the query is spared, which is the ordinary case.
    if not any(outcome.eligible and outcome.cohort_id not in granted for outcome in outcomes):
        return outcomes
    full = full_of(person) - granted
    return [
        beyond_household(outcome) if outcome.eligible and outcome.cohort_id in full else outcome
        for outcome in outcomes
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
    """Store every yes of an open or coming window, as the joining statement reads decisions.

    A stored yes stays; it is only changed to a longer window, or to the next day of a birth-digit
    calendar after the last one is over.
    """
    at = at or known_now()
    if is_vouched_for(person):
        return _store(person, at)
    # One at a time per phone: the household limit counts rows that others may be writing.
    with transaction.atomic(savepoint=False):
        lock_phones(person.phone)
        return _store(person, at)


def decide_at_once(
    person: Person, cohorts: Iterable[Cohort], at: datetime, *, is_alone: bool = False
) -> tuple[list[Answer], list[Decision]] | None:
    """Fast path of `store_decisions` for a person whose decisions were read: the answers, and the
    decisions to insert (INSERT). Who `is_alone` at their phone has no household.

    None where more has to be stored than that: a longer window, or the yes of a person whose
    household counts.
    """
    answers = _decide(person, cohorts, at, _none_is_full if is_alone else full_cohorts)
    new, grown = _to_store(answers, at)
    if grown or (new and not is_alone and not is_vouched_for(person)):
        return None
    return answers, [_decision(person, answer.outcome, answer.cohort, at) for answer in new]


def _none_is_full(_person: Person) -> set[int]:
    return set()


def _to_store(answers: list[Answer], at: datetime) -> tuple[list[Answer], list[Answer]]:
    """The new ones among the answers, and those whose stored decision grew, which is unsaved."""
    grants = [
        answer
        for answer in answers
        if answer.outcome.eligible and answer.outcome.window(at) != Window.CLOSED
    ]
    new = [answer for answer in grants if not answer.stored]
    grown = [
        answer for answer in grants if answer.stored and _improve(answer.stored, answer.outcome, at)
    ]
    return new, grown


def _store(person: Person, at: datetime) -> list[Answer]:
    answers = decide(person=person, at=at)
    new, changed = _to_store(answers, at)
    fresh = [_decision(person, answer.outcome, answer.cohort, at) for answer in new]
    if fresh:
        # Two devices may sign in at once and both insert the same decisions.
        Decision.objects.bulk_create(fresh, ignore_conflicts=True)
    for answer in changed:
        assert answer.stored
        answer.stored.save()
        _grant_open_reviews(answer.cohort, [person.pk], at)
    return decide(person=person, at=at) if fresh or changed else answers


# Left out is what was decided by a cohort that has changed since it was read, or has a change that
# is due: the caller's cohorts may be older than the moment.
INSERT = """
INSERT INTO eligibility_decision (
    person_id, cohort_id, eligible, rule, reasons, window_from, window_to, provisional, decided_at
)
SELECT %(person)s, cohort.id, true, new.rule, new.reasons, new.window_from, new.window_to, false,
    %(at)s
FROM jsonb_to_recordset(%(decisions)s::jsonb) AS new (
    cohort bigint, version text, rule text, reasons jsonb, window_from timestamptz,
    window_to timestamptz
)
JOIN eligibility_cohort AS cohort ON cohort.id = new.cohort AND cohort.xmin::text = new.version
WHERE NOT EXISTS (
    SELECT FROM eligibility_cohortchange AS change
    WHERE change.cohort_id = cohort.id AND change.takes_effect_at <= jari_now()
        AND change.applied_at IS NULL AND change.withdrawn_at IS NULL
)
ON CONFLICT DO NOTHING RETURNING id
"""


def inserting(person: Person, decisions: list[Decision], at: datetime) -> dict[str, Any]:
    """The parameters of INSERT for the decisions of `decide_at_once`, each a yes."""
    rows = [
        {
            "cohort": decision.cohort_id,
            # A cohort with a change that no job has applied yet has none: it is not inserted.
            "version": getattr(decision.cohort, "version", None),
            "rule": decision.rule,
            "reasons": decision.reasons,
            "window_from": decision.window_from.isoformat(),
            "window_to": decision.window_to.isoformat(),
        }
        for decision in decisions
    ]
    return {"person": person.pk, "at": at, "decisions": json.dumps(rows)}


def _grant_open_reviews(cohort: Cohort, people: list[int], at: datetime) -> None:
    """Close open reviews of people for whom the rules now say yes without one."""
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
    """Merge a yes of the rules into the stored decision, unsaved; False if nothing changed."""
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


# Only rows whose window grows: a promised window never shrinks, and no row is rewritten unchanged.
WIDEN = """
UPDATE eligibility_decision
SET window_from = least(window_from, %(opens_at)s), window_to = greatest(window_to, %(closes_at)s)
WHERE cohort_id = %(cohort)s AND eligible
    AND (window_from > %(opens_at)s OR window_to < %(closes_at)s)
"""
WIDENED_AT_A_TIME = 1000


def widen_decisions(cohort: Cohort, changed: Collection[str]) -> int:
    """Extend the stored yes decisions of a cohort to its new window; returns how many changed.

    `changed` are the cohort's changed fields. If only opening or closing moved, one UPDATE does it.
    A birth-digit calendar or changed conditions are decided person by person, since birth dates
    are encrypted and SQL can't read them.
    """
    if not WINDOW_FIELDS.intersection(changed):
        return 0
    if cohort.digit_hours is not None or not set(changed) <= PLAIN_WINDOW_FIELDS:
        return _widen_per_person(cohort)
    with connection.cursor() as cursor:
        values = {"opens_at": cohort.opens_at, "closes_at": cohort.closes_at}
        cursor.execute(WIDEN, {"cohort": cohort.pk, **values})
        widened: int = cursor.rowcount
        return widened


PLAIN_WINDOW_FIELDS = {"opens_at", "closes_at"}
WINDOW_FIELDS = PLAIN_WINDOW_FIELDS | {"digit_hours"}


def _widen_per_person(cohort: Cohort) -> int:
    at, rule, widened = database_now(), rule_of(cohort), 0
    decisions = Decision.objects.filter(
        cohort=cohort, eligible=True, person__forgotten_at=None
    ).select_related("person")
    rows = decisions.order_by("pk").iterator(WIDENED_AT_A_TIME)
    while batch := list(islice(rows, WIDENED_AT_A_TIME)):
        better = []
        for decision in batch:
            outcome = decide_by_rule(facts_of(decision.person), rule, at)
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
    """The person's yes for a cohort, or None; decides and stores it if none is stored yet.

    One query in the ordinary case.
    """
    at = known_now()
    stored = Decision.objects.filter(person_id=person_id, cohort=cohort).first()
    if stored and not stored.eligible:
        return None
    if stored and stored.window_to > at and stored.window_from <= max(at, cohort.opens_at):
        return stored
    # Since the sign-in a cohort may have been added, its window changed, or a birth-digit day come.
    person = Person.objects.filter(pk=person_id).first()
    if person is None:
        return None
    store_decisions(person=person, at=at)
    return Decision.objects.filter(
        person_id=person_id, cohort=cohort, eligible=True, window_to__gt=at
    ).first()
