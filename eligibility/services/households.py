"""Whom one proven phone speaks for: a household, not as many names as can be invented."""

from dataclasses import replace

from django.conf import settings
from django.db import connection
from django.db.models import Count

from eligibility.enums import Reason
from eligibility.models import Decision, Person
from eligibility.rules import Outcome


def lock_phone(phone_index: bytes | memoryview) -> None:
    """One after the other for all people of one phone, until the transaction ends."""
    number = int.from_bytes(bytes(phone_index)[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


def is_vouched_for(person: Person) -> bool:
    """Whether the roster or a certified provider knows that this person exists."""
    return person.roster_key is not None or person.certified_at is not None


def full_cohorts(person: Person) -> set[int]:
    """The cohorts that enough people of this phone may book already, this person aside.

    Only people for whom nobody vouches count, and only they are counted.
    """
    if is_vouched_for(person):
        return set()
    others = (
        Decision.objects.filter(
            person__phone_index=bytes(person.phone_index),
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
    """A yes of the rules that the phone's household has no room for."""
    reason = (Reason.HOUSEHOLD, {"count": str(settings.HOUSEHOLD_SIZE)})
    return replace(outcome, eligible=False, rule=Reason.HOUSEHOLD, reasons=(reason,))
