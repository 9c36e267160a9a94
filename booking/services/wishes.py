"""What would suit a person: stored while they wait, read with their course by the finder."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from booking.areas import Area
from booking.enums import ON_THE_LIST, facilities_in_order, facilities_in_words
from booking.models import ListEntry, Reservation, Vaccine, Wish
from booking.rules import Booked, Course, vaccines_named
from booking.services.courses import COURSE
from booking.services.needs import read
from database.clock import database_now
from eligibility.models import Decision
from eligibility.sessions import SESSION, Claim, Session
from staff.models import User
from waiting_room.models import Admission
from waiting_room.services.entering import admission_of_row


@dataclass(frozen=True)
class Wished:
    """The wishes of a person: `places` are keys of districts, weekdays count from Monday, 0."""

    places: tuple[str, ...]
    weekdays: frozenset[int] = frozenset()  # any, where empty
    part: str = ""
    vaccine_id: int | None = None
    changed_at: datetime | None = None
    needs: frozenset[str] = frozenset()  # codes of Facility

    @classmethod
    def of_row(cls, row: Iterable[Any]) -> "Wished":
        places, weekdays, part, vaccine_id, changed_at, needs = row
        codes = frozenset((needs or "").split())
        return cls(tuple(places), frozenset(weekdays), part, vaccine_id, changed_at, codes)

    @property
    def areas(self) -> list[Area]:
        return [Area.of(key) for key in self.places]


COLUMNS = ["places", "weekdays", "part", "vaccine_id", "changed_at", "needs"]
# Wishes of people who neither have an appointment to come nor wait for one, after the last change.
KEPT_FOR = timedelta(days=90)
# Beside the course, which the finder reads anyway: wishes cost it no statement.
_READ = ", ".join([*(f"wish.{name}" for name in COLUMNS), "course.*"])
_JOINED = f"""
LEFT JOIN booking_wish AS wish ON wish.person_id = %(person)s LEFT JOIN LATERAL {COURSE} ON true
"""
WITH_COURSE = f"SELECT {_READ} FROM (VALUES (1)) AS always {_JOINED}"  # noqa: S608  (constants)
# All that the first page of the finder asks, for booking.fast_path. A session that has ended has no
# admission.
INSIDE_WITH_COURSE = f"""
SELECT session.sees_from, inside.*
FROM {SESSION}, LATERAL booking_inside(session.person_id, %(zone)s) AS inside
"""  # noqa: S608  (constants)


def with_course(person_id: int, sees_from: datetime) -> tuple[Course, Wished | None]:
    """The course of this person (as courses.course_of) and their wishes, in one statement.

    Wishes stored before `sees_from` are hidden, as other rows are from a proxy.
    """
    with connection.cursor() as cursor:
        cursor.execute(WITH_COURSE, _values(person_id))
        return _course_and_wishes(cursor.fetchall(), sees_from)


def reading_inside(claim: Claim) -> tuple[str, dict[str, Any]]:
    """The statement for `read_inside`."""
    return INSIDE_WITH_COURSE, claim.values | _values(claim.person_id)


def read_inside(
    claim: Claim, rows: Sequence[Sequence[Any]]
) -> tuple[Session, Admission, Course, Wished | None] | None:
    """Of a person inside: session and admission, and what `with_course` reads; else None."""
    of_admission = len(rows[0]) - len(COLUMNS) - len(fields(Booked))
    sees_from, *row = rows[0][:of_admission]
    session, admission = claim.session(sees_from), admission_of_row(claim.person_id, *row)
    if session is None or admission is None:
        return None
    course, wished = _course_and_wishes([row[of_admission:] for row in rows], session.sees_from)
    return session, admission, course, wished


def _values(person_id: int) -> dict[str, Any]:
    return {"person": person_id, "zone": timezone.get_default_timezone_name()}


def _course_and_wishes(
    rows: Sequence[Sequence[Any]], sees_from: datetime
) -> tuple[Course, Wished | None]:
    of_wish = len(COLUMNS)
    course = Course.of(Booked(*row[of_wish:]) for row in rows if row[of_wish] is not None)
    *row, needs = rows[0][:of_wish]
    wished = Wished.of_row([*row, read(needs)]) if row[0] is not None else None
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
            "needs": " ".join(facilities_in_order(wished.needs)) or None,
            "changed_at": database_now(),
        },
    )


def forget_wishes(people: Iterable[int]) -> None:  # also of eligibility.hooks.also_forget
    Wish.objects.filter(person__in=list(people)).delete()


def forget_old_wishes(now: datetime) -> tuple[str, int]:  # of eligibility.hooks.also_purge
    """Delete wishes that served: of people with nothing booked to come or waited for."""
    booked = Reservation.objects.live().filter(slot__starts_at__gt=now)
    waiting = ListEntry.objects.filter(status__in=ON_THE_LIST)  # offers ask what they need
    old = Wish.objects.filter(changed_at__lt=now - KEPT_FOR)
    served = old.exclude(person__in=booked.values("person"))
    return "wishes", served.exclude(person__in=waiting.values("person")).delete()[0]


def signs_of_needs(rows: Sequence[Reservation], user: User) -> dict[int, str]:
    """What people of these rows need, for staff of the clinic of their appointment only.

    Of booking.hooks.row_signs. The rows come with `person__wish`, or it is read for each.
    """
    own = [row for row in rows if row.slot.clinic_id == user.clinic_id]
    wishes = {row.pk: getattr(row.person, "wish", None) for row in own}
    return {
        reservation_id: ", ".join(facilities_in_words(wish.needs.split()))
        for reservation_id, wish in wishes.items()
        if wish is not None and wish.needs
    }


def vaccines_to_choose(person_id: int) -> frozenset[int] | None:
    """The vaccines that the cohorts of this person name; None (any) where one names none."""
    named = Decision.objects.filter(person=person_id, eligible=True)
    lists = list(named.values_list("cohort__vaccines", flat=True))
    if not all(lists):
        return None
    by_code = dict(Vaccine.objects.values_list("code", "pk"))
    return vaccines_named([code for codes in lists for code in codes], by_code)
