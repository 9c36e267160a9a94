"""On the day sheet and at the desk: who may be booked twice, under two phone numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import QuerySet

from booking.enums import ReservationStatus
from booking.models import Reservation
from eligibility.doubles import likely_doubles
from eligibility.models import Person

_COUNTS = [
    ReservationStatus.CONFIRMED,
    ReservationStatus.ARRIVED,
    ReservationStatus.VACCINATED,
]


@dataclass
class Doubles:
    """Bookings of people with the same name and birth date as the one looked at."""

    seen: list[Reservation] = field(default_factory=list)
    # Booked where this user may not look: that it is so, and nothing else.
    elsewhere: bool = False
    people: set[int] = field(default_factory=set)


def doubles_of(people: Sequence[Person], visible: QuerySet[Reservation]) -> dict[int, Doubles]:
    """By the id of a person; `visible` are the reservations this user may see."""
    others = likely_doubles(people)
    everybody = set().union(*others.values())
    if not everybody:
        return {}
    booked = list(
        Reservation.objects.filter(person__in=everybody, status__in=_COUNTS).order_by(
            "slot__starts_at", "pk"
        )
    )
    seen = {
        row.pk: row
        for row in visible.filter(pk__in=[row.pk for row in booked]).select_related("slot__clinic")
    }
    doubles: dict[int, Doubles] = {}
    for person, those in others.items():
        for row in booked:
            if row.person_id in those:
                mine = doubles.setdefault(person, Doubles())
                mine.people.add(row.person_id)
                if row.pk in seen:
                    mine.seen.append(seen[row.pk])
                else:
                    mine.elsewhere = True
    return doubles
