"""Small makers of rows, each valid as it stands; give what matters to the test."""

import itertools
from datetime import date, timedelta

from django.utils import timezone

from eligibility.enums import Source
from eligibility.indexes import indexes_of
from eligibility.models import Cohort, Person

_number = itertools.count(1)


class Factory:
    """`XFactory(...)` saves and returns a row; `XFactory.create_batch(n, ...)` a list of them."""

    def __new__(cls, **values):
        return cls.make(**values)

    @classmethod
    def make(cls, **values):
        raise NotImplementedError

    @classmethod
    def create_batch(cls, count: int, **values) -> list:
        return [cls.make(**values) for _ in range(count)]


class CohortFactory(Factory):
    """Open since an hour, for the 55 to 59 year old of 2021; traits: soon, closed."""

    @classmethod
    def make(cls, *, soon: bool = False, closed: bool = False, **values) -> Cohort:
        number = next(_number)
        now = timezone.now()
        shift = timedelta(days=1) if soon else timedelta(days=-30) if closed else timedelta(0)
        values = {
            "code": f"cohort-{number}",
            "name_ko": f"대상 {number}",
            "name_en": f"Cohort {number}",
            "birth_from": date(1962, 1, 1),
            "birth_to": date(1966, 12, 31),
            "opens_at": now - timedelta(hours=1) + shift,
            "closes_at": now + timedelta(days=7) + shift,
            **values,
        }
        return Cohort.objects.create(**values)


class PersonFactory(Factory):
    """On the roster, born in 1964; trait: declared (only the person's word is known)."""

    @classmethod
    def make(cls, *, declared: bool = False, **values) -> Person:
        number = next(_number)
        values = {
            "name": f"김시험{number}",
            "birth_date": date(1964, 5, 12),
            "phone": f"+8210000{number:05}",
            "region": "서울특별시",
            "district": "강남구",
            "source": Source.DECLARED if declared else Source.ROSTER,
            "roster_key": None if declared else f"R{number:08}",
            **values,
        }
        indexes = indexes_of(values["name"], values["birth_date"], values["phone"])
        return Person.objects.create(**{**indexes, **values})
