"""Who may be one person under two phones: same name and birth date, and nothing tells more."""

from collections.abc import Iterable

from eligibility.models import Person


def likely_doubles(people: Iterable[Person]) -> dict[int, set[int]]:
    """For each of these people, by id, the ids of others they may be; one query.

    Where the roster knows both, or a certified provider vouched for both, they are two people.
    """
    people = list(people)
    by_index: dict[bytes, list[Person]] = {}
    indexes = {bytes(person.name_birth_index) for person in people}
    others = Person.objects.filter(name_birth_index__in=indexes, forgotten_at=None)
    for other in others.only("pk", "name_birth_index", "roster_key", "certified_at"):
        by_index.setdefault(bytes(other.name_birth_index), []).append(other)
    doubles = {
        person.pk: {
            other.pk
            for other in by_index.get(bytes(person.name_birth_index), [])
            if other.pk != person.pk and not _known_as_two(person, other)
        }
        for person in people
    }
    return {pk: others for pk, others in doubles.items() if others}


def _known_as_two(one: Person, other: Person) -> bool:
    return bool((one.roster_key and other.roster_key) or (one.certified_at and other.certified_at))
