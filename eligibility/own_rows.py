"""People with their decisions and reviews, as parts of statements of our own."""

import json
from collections.abc import Sequence
from typing import Any

from database.rows import ModelT, columns_of, model_of
from eligibility.models import Decision, Person, Review
from eligibility.sessions import Session

# Of a person with their decisions, in a statement in which `person` is their row.
PERSON = f"""
{columns_of(Person, "person")},
(
    SELECT coalesce(json_agg(decision), '[]')::text FROM eligibility_decision AS decision
    WHERE decision.person_id = person.id
)
"""  # noqa: S608  (names of columns)
# What the eligibility page asks: for the FROM of a statement with eligibility.sessions.SESSION, and
# what it selects then.
OWN_ROWS = "eligibility_own_rows(session.person_id) AS own"
COLUMNS = f"{columns_of(Person, '(own.person)')}, own.decisions, own.reviews"


def read(session: Session, row: Sequence[Any]) -> tuple[Person, list[Review]]:
    """The person of COLUMNS, and the reviews that the session may see."""
    *row, reviews = row
    visible = [review for review in _rows(Review, reviews) if session.may_see(review.opened_at)]
    return read_person(row), visible


def read_person(row: Sequence[Any]) -> Person:
    """The person of PERSON, with their decisions."""
    person = model_of(Person, row)
    # As if prefetched.
    person._prefetched_objects_cache = {"decisions": _rows(Decision, row[-1])}  # type: ignore[attr-defined]
    return person


def _rows(model: type[ModelT], found: str) -> list[ModelT]:
    field = {field.attname: field for field in model._meta.concrete_fields}
    return [
        model(**{name: field[name].to_python(value) for name, value in row.items()})
        for row in json.loads(found)
    ]
