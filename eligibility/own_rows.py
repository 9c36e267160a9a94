"""What the eligibility page asks of a person, as parts of a statement with their session."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model

from eligibility.models import Decision, Person, Review
from eligibility.sessions import Session

ModelT = TypeVar("ModelT", bound=Model)

_PERSON = Person._meta.concrete_fields
_REVIEW = ["id", "cohort_id", "status", "opened_at", "answer"]
# Of the person of `session`, in a statement in which `person` is their row.
COLUMNS = f"""
{", ".join(f"person.{field.column}" for field in _PERSON)},
(
    SELECT coalesce(json_agg(decision), '[]')::text FROM eligibility_decision AS decision
    WHERE decision.person_id = session.person_id
),
(
    SELECT coalesce(json_agg(review ORDER BY review.id DESC), '[]')::text FROM (
        SELECT {", ".join(_REVIEW)} FROM eligibility_review
        WHERE person_id = session.person_id
    ) AS review
)
"""  # noqa: S608  (names of columns)


def read(session: Session, row: Sequence[Any]) -> tuple[Person, list[Review]]:
    """The person of COLUMNS, with their decisions, and the reviews that the session may see."""
    values = [
        field.from_db_value(value, None, connection) if hasattr(field, "from_db_value") else value
        for field, value in zip(_PERSON, row, strict=False)
    ]
    person = Person.from_db(DEFAULT_DB_ALIAS, [field.attname for field in _PERSON], values)
    decisions, reviews = row[len(_PERSON) :]
    # As if prefetched.
    person._prefetched_objects_cache = {"decisions": _rows(Decision, decisions)}  # type: ignore[attr-defined]
    visible = [review for review in _rows(Review, reviews) if session.may_see(review.opened_at)]
    return person, visible


def _rows(model: type[ModelT], found: str) -> list[ModelT]:
    field = {field.attname: field for field in model._meta.concrete_fields}
    return [
        model(**{name: field[name].to_python(value) for name, value in row.items()})
        for row in json.loads(found)
    ]
