"""Reports to the waiting rooms: for how many more people there are doses, how many booked."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.models import Count, Q

from booking.finder.availability import HORIZON, PUBLIC_SLOTS
from booking.models import SeatsLeft
from booking.models.clinics import seats_left
from database.clock import Now
from waiting_room.enums import Ending, RoomStatus
from waiting_room.models import JOINABLE_FROM, Admission, Room
from waiting_room.services.rooms import report_booking

# One pass over the open slots for all rooms together: the table is large, rooms are few.
LEFT = f"""
SELECT clinic.region, vaccine.code, vaccine.doses, sum({seats_left()})::int
FROM booking_slot AS slot
JOIN booking_vaccine AS vaccine ON vaccine.id = slot.vaccine_id
JOIN booking_clinic AS clinic ON clinic.id = slot.clinic_id AND clinic.active
WHERE {PUBLIC_SLOTS}
GROUP BY clinic.region, vaccine.code, vaccine.doses
"""  # noqa: S608


def report_to_lines() -> int:
    """Report to every open room; returns the number of rooms."""
    # From the beginning of gathering, before the window opens.
    rooms_by_opening = Room.objects.alias(since=JOINABLE_FROM)
    running = rooms_by_opening.filter(since__lte=Now(), cohort__closes_at__gt=Now())
    rooms: list[Room] = [*running.exclude(status=RoomStatus.CLOSED).select_related("cohort")]
    if not rooms:
        return 0
    rows = _left()
    _keep_by_region(rows)
    people_by_vaccine = left_by_vaccine(rows)
    booked = _booked(rooms)
    for room in rooms:
        # A cohort that names no vaccine may book any.
        codes = room.cohort.vaccines or people_by_vaccine.keys()
        report_booking(
            room=room,
            left=sum(people_by_vaccine.get(code, 0) for code in codes),
            booked=booked.get(room.pk, 0),
        )
    return len(rooms)


def _left() -> list[tuple[str, str, int, int]]:
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"horizon": HORIZON}
        cursor.execute(LEFT, values)
        rows: list[tuple[str, str, int, int]] = cursor.fetchall()
    return rows


def left_by_vaccine(rows: Iterable[tuple[str, str, int, int]] | None = None) -> dict[str, int]:
    """For how many more people each vaccine suffices, by code: free seats / doses of a series."""
    seats: Counter[str] = Counter()
    doses: dict[str, int] = {}
    for _region, code, of_series, left in _left() if rows is None else rows:
        seats[code] += left
        doses[code] = of_series
    return {code: count // doses[code] for code, count in seats.items()}


def _keep_by_region(rows: Iterable[tuple[str, str, int, int]]) -> None:
    """Store the seats of each region for the map of the finder (booking.finder.map)."""
    by_region: dict[str, dict[str, int]] = {}
    for region, code, _doses, left in rows:
        by_region.setdefault(region, {})[code] = left
    SeatsLeft.objects.bulk_create(
        [SeatsLeft(at=Now(), by_region=by_region)],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["at", "by_region"],
    )


def _booked(rooms: list[Room]) -> dict[int, int]:
    counted = Admission.objects.filter(room__in=rooms).values("room_id")
    rows = counted.annotate(booked=Count("ticket", filter=Q(ending=Ending.BOOKED), distinct=True))
    return {row["room_id"]: row["booked"] for row in rows}
