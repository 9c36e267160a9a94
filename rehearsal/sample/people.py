"""Invented people with Korean names; their phones 010-000x-xxxx are not assigned to anybody."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from dataio.districts import District, all_districts
from eligibility.enums import Source
from eligibility.indexes import identity_index, name_birth_index, phone_index
from eligibility.models import Person

_FAMILY = "김이박최정강조윤장임한오서신권황안송전홍"
# Per mille of the population, as in the census of family names.
_FAMILY_WEIGHTS = [215, 147, 84, 47, 43, 23, 21, 20, 19, 16, 15, 14, 14, 18, 14, 14, 14, 13, 11, 11]
_GIVEN_FIRST = "영정미경성은현순상명재종승혜진동수인광금태선윤희병용춘옥석기"
_GIVEN_LAST = "수희숙자호식철경미순영옥진애선훈일민환길근현배란주석태곤례남"


@dataclass(frozen=True)
class Years:
    """The number of people born in the years from `first` to `last`, inclusive."""

    first: int
    last: int
    people: int


def invented(spans: list[Years], *, rng: random.Random, first: int = 1) -> Iterator[Person]:
    """Unsaved people of the roster, span by span, numbered from `first`."""
    districts, number = all_districts(), first - 1
    weights = [_size(district) for district in districts]
    for span in spans:
        days = (date(span.last, 12, 31) - date(span.first, 1, 1)).days + 1
        for district in rng.choices(districts, weights, k=span.people):
            number += 1
            born = date(span.first, 1, 1) + timedelta(days=rng.randrange(days))
            yield _person(number, _name(rng), born, district)


def _size(place: District) -> int:
    """Weight of a district: counties (군) have fewer people than cities."""
    return 2 if place.district.endswith("군") else 8


def _name(rng: random.Random) -> str:
    family = rng.choices(_FAMILY, _FAMILY_WEIGHTS)[0]
    return family + rng.choice(_GIVEN_FIRST) + rng.choice(_GIVEN_LAST)


def phone_of(number: int) -> str:
    return f"+8210{number:08d}"


def _person(number: int, name: str, born: date, place: District) -> Person:
    phone = phone_of(number)
    return Person(
        roster_key=f"S{number:06d}",
        source=Source.ROSTER,
        name=name,
        birth_date=born,
        phone=phone,
        region=place.region,
        district=place.district,
        identity_index=identity_index(name, born, phone),
        name_birth_index=name_birth_index(name, born),
        phone_index=phone_index(phone),
    )
