"""People who may be stored twice under two phones: same name and birth date."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from eligibility.indexes import name_birth_indexes
from eligibility.models import Person


class _Known(NamedTuple):
    pk: int
    roster_key: str | None
    certified_at: datetime | None


def likely_doubles(people: Iterable[Person]) -> dict[int, set[int]]:
    """Person id → ids of people who may be the same; people without any are left out. One query.

    Two rows that both stand on the roster, or that a certified provider both confirmed, are two
    people.
    """
    # Forgotten people have the same empty name, and are nobody's double.
    people = [person for person in people if person.forgotten_at is None]
    indexes = {person.pk: name_birth_indexes(person.name, person.birth_date) for person in people}
    by_index: dict[bytes, list[_Known]] = {}
    every_index = {index for of_person in indexes.values() for index in of_person}
    others = Person.objects.filter(name_birth_index__in=every_index, forgotten_at=None)
    # Without making people of them: a day has hundreds, nearly all of whom are their own double.
    for index, *facts in others.values_list("name_birth_index", *_Known._fields):
        by_index.setdefault(bytes(index), []).append(_Known(*facts))
    doubles = {
        person.pk: {
            other.pk
            for index in indexes[person.pk]
            for other in by_index.get(index, [])
            if other.pk != person.pk and not _are_distinct(person, other)
        }
        for person in people
    }
    return {pk: others for pk, others in doubles.items() if others}


def _are_distinct(person: Person, other: _Known) -> bool:
    return bool(
        (person.roster_key and other.roster_key) or (person.certified_at and other.certified_at)
    )
