"""Possible double bookings of one person under two phone numbers, for day sheet and desk."""

from collections import defaultdict
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
    """Bookings of other people with the same name and birth date."""

    visible: list[Reservation] = field(default_factory=list)
    # Whether there are bookings this user may not see; nothing else of them is shown.
    elsewhere: bool = False
    people: set[int] = field(default_factory=set)


def doubles_of(people: Sequence[Person], visible: QuerySet[Reservation]) -> dict[int, Doubles]:
    """Doubles by person id; `visible` are the reservations this user may see."""
    others = likely_doubles(people)
    everybody = set().union(*others.values())
    if not everybody:
        return {}
    # Not scoped: a booking at a clinic of another user is a double too.
    booked = list(
        Reservation.objects.filter(person__in=everybody, status__in=_COUNTS).order_by(
            "slot__starts_at", "pk"
        )
    )
    visible_rows = {
        row.pk: row
        for row in visible.filter(pk__in=[row.pk for row in booked]).select_related("slot__clinic")
    }
    alike = defaultdict(list)  # by the id of the other: those on the page with its details
    for person, other_ids in others.items():
        for other in other_ids:
            alike[other].append(person)
    doubles: dict[int, Doubles] = defaultdict(Doubles)
    for row in booked:
        for person in alike[row.person_id]:
            doubles[person].people.add(row.person_id)
            if row.pk in visible_rows:
                doubles[person].visible.append(visible_rows[row.pk])
            else:
                doubles[person].elsewhere = True
    return doubles
