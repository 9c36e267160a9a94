"""What would suit a person: stored while they wait, read with their course by the finder."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from booking.areas import Area
from booking.models import Vaccine, Wish
from booking.rules import Booked, Course, vaccines_named
from booking.services.courses import COURSE
from database.clock import database_now
from eligibility.hooks import HeldData
from eligibility.models import Decision


@dataclass(frozen=True)
class Wished:
    """The wishes of a person: `places` are keys of districts, weekdays count from Monday, 0."""

    places: tuple[str, ...]
    weekdays: frozenset[int] = frozenset()  # any, where empty
    part: str = ""
    vaccine_id: int | None = None
    changed_at: datetime | None = None

    @classmethod
    def of_row(cls, row: Iterable[Any]) -> "Wished":
        places, weekdays, part, vaccine_id, changed_at = row
        return cls(tuple(places), frozenset(weekdays), part, vaccine_id, changed_at)

    @property
    def areas(self) -> list[Area]:
        return [Area.of(key) for key in self.places]


COLUMNS = ["places", "weekdays", "part", "vaccine_id", "changed_at"]
# Beside the course, which the finder reads anyway: wishes cost it no statement.
WITH_COURSE = f"""
SELECT wish.places, wish.weekdays, wish.part, wish.vaccine_id, wish.changed_at, course.*
FROM (VALUES (1)) AS always
LEFT JOIN booking_wish AS wish ON wish.person_id = %(person)s
LEFT JOIN ({COURSE}) AS course ON true
"""  # noqa: S608  (constants)


def with_course(person_id: int, sees_from: datetime) -> tuple[Course, Wished | None]:
    """The course of this person (as courses.course_of) and their wishes, in one statement.

    Wishes stored before `sees_from` are hidden, as other rows are from a proxy.
    """
    values: dict[str, Any] = {"person": person_id, "zone": timezone.get_default_timezone_name()}
    with connection.cursor() as cursor:
        cursor.execute(WITH_COURSE, values)
        rows = cursor.fetchall()
    course = Course.of(Booked(*row[5:]) for row in rows if row[5] is not None)
    wished = Wished.of_row(rows[0][:5]) if rows[0][0] is not None else None
    return course, _seen(wished, sees_from)


def wishes_of(person_id: int, sees_from: datetime) -> Wished | None:
    row = Wish.objects.filter(person=person_id).values_list(*COLUMNS).first()
    return _seen(Wished.of_row(row), sees_from) if row else None


def _seen(wished: Wished | None, sees_from: datetime) -> Wished | None:
    hidden = wished and wished.changed_at and wished.changed_at < sees_from
    return None if hidden else wished


def keep_wishes(*, person_id: int, wished: Wished) -> None:
    """Store these wishes in place of the person's former ones."""
    Wish.objects.update_or_create(
        person_id=person_id,
        defaults={
            "places": list(wished.places),
            "weekdays": sorted(wished.weekdays),
            "part": wished.part,
            "vaccine_id": wished.vaccine_id,
            "changed_at": database_now(),
        },
    )


def forget_wishes(people: Iterable[int]) -> None:  # also of eligibility.hooks.also_forget
    Wish.objects.filter(person__in=list(people)).delete()


def vaccines_to_choose(person_id: int) -> frozenset[int] | None:
    """The vaccines that the cohorts of this person name; None (any) where one names none."""
    named = Decision.objects.filter(person=person_id, eligible=True)
    lists = list(named.values_list("cohort__vaccines", flat=True))
    if not all(lists):
        return None
    by_code = dict(Vaccine.objects.values_list("code", "pk"))
    return vaccines_named([code for codes in lists for code in codes], by_code)


def held_data(person_id: int) -> list[HeldData]:  # of eligibility.hooks.held_data
    wish = Wish.objects.filter(person=person_id).first()
    if wish is None:
        return []
    areas = [Area.of(key) for key in wish.places]
    places = ", ".join(f"{area.region} {area.district}" for area in areas)
    return [HeldData(_("What would suit me"), [places])]
