"""Invented people with Korean names; every phone is in 010-000x-xxxx, which nobody has."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from dataio.districts import District, all_districts
from eligibility.enums import Source
from eligibility.models import Person
from eligibility.services import identity_index, name_birth_index, phone_index

_FAMILY = "김이박최정강조윤장임한오서신권황안송전홍"
_FAMILY_WEIGHTS = [215, 147, 84, 47, 43, 23, 21, 20, 19, 16, 15, 14, 14, 18, 14, 14, 14, 13, 11, 11]
_GIVEN_FIRST = "영정미경성은현순상명재종승혜진동수인광금태선윤희병용춘옥석기"
_GIVEN_LAST = "수희숙자호식철경미순영옥진애선훈일민환길근현배란주석태곤례남"


@dataclass(frozen=True)
class Years:
    """How many people were born within two years, both included."""

    first: int
    last: int
    people: int


def invented(spans: list[Years], *, dice: random.Random) -> Iterator[Person]:
    """People of the roster, one span of birth years after the other; not saved."""
    places, number = all_districts(), 0
    weights = [_size(place) for place in places]
    for span in spans:
        days = (date(span.last, 12, 31) - date(span.first, 1, 1)).days + 1
        for place in dice.choices(places, weights, k=span.people):
            number += 1
            born = date(span.first, 1, 1) + timedelta(days=dice.randrange(days))
            yield _person(number, _name(dice), born, place)


def _size(place: District) -> int:
    """Cities and metropolitan districts have more people than counties."""
    return 2 if place.district.endswith("군") else 8


def _name(dice: random.Random) -> str:
    family = dice.choices(_FAMILY, _FAMILY_WEIGHTS)[0]
    return family + dice.choice(_GIVEN_FIRST) + dice.choice(_GIVEN_LAST)


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
