"""Limit of people per proven phone: a household, so that one phone can't invent many people."""

from dataclasses import replace

from django.conf import settings
from django.db import connection
from django.db.models import Count

from database.inserting import Statement
from eligibility.enums import Reason
from eligibility.indexes import phone_indexes
from eligibility.models import Decision, Person
from eligibility.rules import Outcome


def lock_phones(*phones: str) -> None:
    """Serialize transactions that concern these phones, until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute(*phone_lock(*phones))


def phone_lock(*phones: str) -> Statement:
    """The statement of `lock_phones`.

    Advisory locks, as the rows they protect may not exist yet. One for each index key, so that
    nodes whose keys are in another order, while they change, still wait for each other; sorted, so
    that no two transactions deadlock. Phones whose first 64 bits agree merely wait too.
    """
    indexes = {index for phone in phones for index in phone_indexes(phone)}
    numbers = sorted(int.from_bytes(index[:8], signed=True) for index in indexes)
    return "SELECT pg_advisory_xact_lock(number) FROM unnest(%s::bigint[]) AS number", [numbers]


def is_vouched_for(person: Person) -> bool:
    """Whether the roster or a certified provider confirms that this person exists."""
    return person.roster_key is not None or person.certified_at is not None


def full_cohorts(person: Person) -> set[int]:
    """Cohort ids for which HOUSEHOLD_SIZE other people of this phone are eligible already.

    The limit concerns, and counts, only people who are not vouched for.
    """
    if is_vouched_for(person):
        return set()
    others = (
        Decision.objects.filter(
            person__phone_index__in=phone_indexes(person.phone),
            person__roster_key=None,
            person__certified_at=None,
            eligible=True,
        )
        .exclude(person=person)
        .values("cohort_id")
        .annotate(people=Count("pk"))
        .filter(people__gte=settings.HOUSEHOLD_SIZE)
    )
    return set(others.values_list("cohort_id", flat=True))


def beyond_household(outcome: Outcome) -> Outcome:
    """The outcome turned into a no, since the phone's household limit is reached."""
    reason = (Reason.HOUSEHOLD, {"count": str(settings.HOUSEHOLD_SIZE)})
    return replace(outcome, eligible=False, rule=Reason.HOUSEHOLD, reasons=(reason,))
