"""The promises checked after a rehearsal, each as a number of violations."""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, TypedDict

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django_stubs_ext import WithAnnotations

from booking.enums import TAKING, ReservationStatus
from booking.models import Reservation, Slot
from waiting_room.models import Admission, Room, Ticket


class Taking(TypedDict):
    taking: int  # reservations that take a seat


@dataclass
class Findings:
    """Violations by promise, and one line of text for each."""

    places_lost: int = 0
    places_moved_back: int = 0
    admissions_over_cap: int = 0
    slots_over_capacity: int = 0
    receipts_without_reservation: int = 0
    cases: list[str] = field(default_factory=list)

    @property
    def all_kept(self) -> bool:
        return not (
            self.places_lost
            or self.places_moved_back
            or self.admissions_over_cap
            or self.slots_over_capacity
            or self.receipts_without_reservation
        )


def examine(*, citizens: list[dict[str, Any]], since: datetime) -> Findings:
    """Compare the citizens' records with the database, and check the database itself."""
    findings = Findings()
    _check_places(citizens, findings)
    _check_receipts(citizens, findings)
    for room in Room.objects.select_related("cohort"):
        over = admissions_over_cap(room=room, since=since)
        if over:
            findings.admissions_over_cap += over
            findings.cases.append(f"{room.cohort.code}: {over} admissions over the cap")
    for slot in slots_over_capacity():
        findings.slots_over_capacity += 1
        findings.cases.append(f"slot {slot.pk}: {slot.taking} of {slot.capacity}")
    return findings


def _check_places(citizens: list[dict[str, Any]], findings: Findings) -> None:
    ticket_ids = [citizen["ticket"] for citizen in citizens if "ticket" in citizen]
    tickets = {
        str(ticket.pk): ticket
        for ticket in Ticket.objects.filter(pk__in=ticket_ids).select_related("room")
    }
    for citizen in citizens:
        name = f"citizen {citizen['person']}"
        if "ticket" not in citizen:
            continue
        ticket = tickets.get(citizen["ticket"])
        if ticket is None or ticket.person_id != citizen["person"] or "other_ticket" in citizen:
            findings.places_lost += 1
            findings.cases.append(f"{name}: ticket {citizen['ticket']} was lost")
            continue
        # In the order in which they were shown, then the stored one.
        places = [*citizen["places"], ticket.place] if ticket.place else citizen["places"]
        if any(later > earlier for earlier, later in pairwise(places)):
            findings.places_moved_back += 1
            findings.cases.append(f"{name}: place moved {places}")


def _check_receipts(citizens: list[dict[str, Any]], findings: Findings) -> None:
    numbers = {citizen["number"]: citizen["person"] for citizen in citizens if "number" in citizen}
    persons_by_number = dict(
        Reservation.objects.filter(
            number__in=list(numbers), status=ReservationStatus.CONFIRMED
        ).values_list("number", "person_id")
    )
    for number, person in numbers.items():
        if persons_by_number.get(number) != person:
            findings.receipts_without_reservation += 1
            findings.cases.append(f"citizen {person}: receipt {number} has no reservation")


def admissions_over_cap(*, room: Room, since: datetime) -> int:
    """The number of admissions that were entered while the room was full.

    Computed from the times of all admissions, independently of the counter that limits them.
    """
    admissions = Admission.objects.filter(room=room).filter(
        Q(ended_at__isnull=True) | Q(ended_at__gte=since)
    )
    # The cap may have been changed during the rehearsal: the highest one counts.
    cap = max(
        [
            room.max_active,
            *room.events.filter(pgh_created_at__gte=since).values_list("max_active", flat=True),
        ]
    )
    changes = []
    for entered_at, ended_at in admissions.values_list("entered_at", "ended_at"):
        changes.append((entered_at, 1))
        if ended_at:
            changes.append((ended_at, -1))
    # A sweep over all entries and ends in order of time; at one instant ends (-1) sort first.
    inside = over = 0
    for _at, change in sorted(changes):
        inside += change
        if change > 0 and inside > cap:
            over += 1
    return over


def slots_over_capacity() -> "QuerySet[WithAnnotations[Slot, Taking]]":
    """Slots with more reservations than capacity, or with a wrong counter; counted from rows."""
    rows = (
        Reservation.objects.filter(slot=OuterRef("pk"), status__in=TAKING)
        .values("slot")
        .annotate(rows=Count("pk"))
        .values("rows")
    )
    return Slot.objects.annotate(taking=Coalesce(Subquery(rows), 0)).filter(
        # Without the margin: a rehearsal runs on a sample, which has none.
        Q(taking__gt=F("capacity")) | ~Q(taking=F("booked"))
    )
