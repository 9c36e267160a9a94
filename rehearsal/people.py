"""Who comes to a rehearsal: people of the sample's roster, more of them where it has too few."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

from database.clock import database_now
from eligibility.enums import Source
from eligibility.models import Cohort, Person
from rehearsal.sample import people as invented_people
from rehearsal.sample.people import Years
from rehearsal.scenario import OPEN, Scenario, ScenarioError

BATCH = 2000


def cohorts_of(plan: Scenario, code: str | None) -> list[Cohort]:
    """The cohorts of a scenario, which must be open; `code` takes the place of all of them.

    Raises ScenarioError.
    """
    now = database_now()
    is_open = list(
        Cohort.objects.filter(opens_at__lte=now, closes_at__gt=now).order_by("opens_at", "pk")
    )
    found = []
    for wanted in [code] if code else [cohort.code for cohort in plan.cohorts]:
        match = [cohort for cohort in is_open if wanted in (OPEN, cohort.code)]
        if not match:
            others = ", ".join(cohort.code for cohort in is_open) or "none"
            name = "No cohort" if wanted == OPEN else f"No cohort {wanted}"
            raise ScenarioError(f"{name} is open now; open are: {others}.")
        found.append(match[0])
    return found


def crowd(plan: Scenario, cohorts: Sequence[Cohort], rng: random.Random) -> list[dict[str, Any]]:
    """The citizens in the order in which they come, with identity, moment and behaviours."""
    moments = plan.moments(rng)
    behaviours = [_behaviours(plan, rng) for _ in moments]
    wrong = sum("wrong_cohort" in each for each in behaviours)
    strangers = _people_outside(cohorts, wrong)
    own = [
        _people_of(cohort, count) for cohort, count in _counts(plan, cohorts, len(moments) - wrong)
    ]
    residents = [
        (person, cohort) for cohort, group in zip(cohorts, own, strict=True) for person in group
    ]
    rng.shuffle(residents)
    citizens = []
    for at, does in zip(moments, behaviours, strict=True):
        person, cohort = (
            (next(strangers), cohorts[0]) if "wrong_cohort" in does else residents.pop()
        )
        citizens.append(
            {
                "id": person.pk,
                "cohort": cohort.code,
                "name": person.name,
                "birth_date": person.birth_date.isoformat(),
                "phone": person.phone,
                "at": round(at, 3),
                "behaviours": does,
            }
        )
    return citizens


def _behaviours(plan: Scenario, rng: random.Random) -> list[str]:
    """What one citizen does; who is of another cohort gets no further than the line's door."""
    does = [name for name, share in sorted(plan.behaviours.items()) if rng.random() < share]
    return ["wrong_cohort"] if "wrong_cohort" in does else does


def _counts(
    plan: Scenario, cohorts: Sequence[Cohort], citizens: int
) -> Iterator[tuple[Cohort, int]]:
    """How many come of each cohort; the last one gets what rounding left."""
    shares = [cohort.share for cohort in plan.cohorts]
    left = citizens
    for index, cohort in enumerate(cohorts):
        is_last = index == len(cohorts) - 1
        count = left if is_last else min(round(citizens * shares[index]), left)
        left -= count
        yield cohort, count


def _people_of(cohort: Cohort, count: int) -> list[Person]:
    """People in `cohort` without ticket or reservation; invents those who are missing."""
    found: list[Person] = []
    # The newest first, so that the printed sample log-ins stay unused.
    candidates = Person.objects.filter(
        source=Source.ROSTER, tickets=None, reservations=None
    ).order_by("-pk")
    for person in candidates.iterator(chunk_size=BATCH):
        if len(found) >= count:
            break
        # Birth dates are encrypted: the database can't compare them.
        if cohort.birth_from <= person.birth_date <= cohort.birth_to:
            found.append(person)
    return found + _invent(cohort, count - len(found))


def _invent(cohort: Cohort, count: int) -> list[Person]:
    """Add invented people of this cohort's years to the roster, as load_sample does."""
    if count <= 0:
        return []
    newest = Person.objects.filter(roster_key__startswith="S").order_by("-roster_key").first()
    first = int(newest.roster_key[1:]) + 1 if newest and newest.roster_key else 1
    years = Years(cohort.birth_from.year, cohort.birth_to.year, count)
    rng = random.Random(first)  # noqa: S311
    return Person.objects.bulk_create(
        invented_people.invented([years], rng=rng, first=first), batch_size=BATCH
    )


def _people_outside(cohorts: Sequence[Cohort], count: int) -> Iterator[Person]:
    """People who are in none of these cohorts; raises ScenarioError if there are too few."""
    found: list[Person] = []
    candidates = Person.objects.filter(
        source=Source.ROSTER, tickets=None, reservations=None
    ).order_by("-pk")
    for person in candidates.iterator(chunk_size=BATCH):
        if len(found) >= count:
            break
        if not any(c.birth_from <= person.birth_date <= c.birth_to for c in cohorts):
            found.append(person)
    if len(found) < count:
        raise ScenarioError(
            f"behaviours.wrong_cohort needs {count} people of other cohorts; there are "
            f"{len(found)} without a ticket."
        )
    return iter(found)
