"""The promises checked after a rehearsal, each as a number of violations."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any, TypedDict

from django.core.management import call_command
from django.core.management.base import CommandError
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django_stubs_ext import WithAnnotations

from booking import verifying
from booking.enums import LIVE, TAKING, ReservationStatus
from booking.models import Reservation, Slot
from vaccination import verifying as vaccination
from waiting_room.enums import Act
from waiting_room.models import Admission, Room, Step, Ticket


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
    double_bookings: int = 0
    jumped: int = 0  # entered or joined without the right to
    invariants_broken: int = 0  # of the verifiers
    messages_twice: int | None = None  # None: no outbox of this machine to look into
    cases: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int | None]:
        """The violations by name, in the order of the report."""
        return {name: value for name, value in vars(self).items() if name != "cases"}

    @property
    def all_kept(self) -> bool:
        return not any(self.counts.values())


def examine(
    *,
    citizens: list[dict[str, Any]],
    since: datetime,
    outbox: Path | None = None,
    rooms: Iterable[str] = (),
) -> Findings:
    """Compare the citizens' records with the database, and check the database itself.

    `rooms` are the codes of the lines that the crowd joined; their admissions are compared with
    the calls. Messages are counted in `outbox`, where there is one.
    """
    findings = Findings()
    _check_places(citizens, findings)
    _check_receipts(citizens, findings)
    _check_jumps(citizens, list(rooms), since, findings)
    _check_people(citizens, findings)
    for room in Room.objects.select_related("cohort").order_by("pk"):
        over = admissions_over_cap(room=room, since=since)
        if over:
            findings.admissions_over_cap += over
            findings.cases.append(f"{room.cohort.code}: {over} admissions over the cap")
    for slot in slots_over_capacity():
        findings.slots_over_capacity += 1
        findings.cases.append(f"slot {slot.pk}: {slot.taking} of {slot.capacity}")
    if outbox is not None:
        twice = messages_twice(outbox, since)
        findings.messages_twice = sum(twice.values())
        # The kind alone: a key names a ticket or a reservation.
        kinds = Counter(key.partition("-")[0] for key in twice.elements())
        findings.cases += [
            f"{count} messages of kind {kind} again" for kind, count in kinds.items()
        ]
    return findings


def run_verifiers(findings: Findings, rooms: Iterable[str]) -> None:
    """Add what the verifiers of bookings, of doses and of these lines find."""
    for invariants in (verifying.INVARIANTS, vaccination.INVARIANTS):
        for result in verifying.verify(invariants=invariants):
            findings.invariants_broken += result.broken
            findings.cases += [f"{result.invariant.name}: {text}" for text in result.examples]
    for code in rooms:
        try:
            call_command("verify_line", code, stdout=StringIO())
        except CommandError as problem:
            findings.invariants_broken += 1
            findings.cases.append(str(problem))


def _check_jumps(
    citizens: list[dict[str, Any]], rooms: list[str], since: datetime, findings: Findings
) -> None:
    """What citizens got that was not theirs, and who entered before the call of their place."""
    for citizen in citizens:
        if "jumped" in citizen:
            findings.jumped += 1
            findings.cases.append(f"citizen {citizen['person']}: {citizen['jumped']}")
    refused = [citizen["person"] for citizen in citizens if citizen["outcome"] == "refused"]
    tickets = Ticket.objects.filter(person_id__in=refused, room__cohort__code__in=rooms)
    # Both times are the database's: what a page shows of the calls may be a second old.
    call = Step.objects.filter(
        room=OuterRef("room"),
        act=Act.CALL,
        first__lte=OuterRef("place"),
        last__gte=OuterRef("place"),
        at__lte=OuterRef("entered_at"),
    )
    early = Admission.objects.filter(
        ~Exists(call), room__cohort__code__in=rooms, entered_at__gte=since
    )
    counts = {"joined a line of another cohort": tickets, "entered before the call": early}
    for reason, rows in counts.items():
        count = rows.count()
        if count:
            findings.jumped += count
            findings.cases.append(f"{count} {reason}")


def _check_people(citizens: list[dict[str, Any]], findings: Findings) -> None:
    """Nobody of the crowd may have two live reservations for one dose."""
    people = [citizen["person"] for citizen in citizens]
    doubles = (
        Reservation.objects.filter(person_id__in=people, status__in=LIVE)
        .values("person_id", "dose")
        .annotate(rows=Count("pk"))
        .filter(rows__gt=1)
        .order_by("person_id", "dose")
    )
    for row in doubles:
        findings.double_bookings += 1
        findings.cases.append(f"citizen {row['person_id']}: dose {row['dose']} twice")


def messages_twice(outbox: Path, since: datetime) -> Counter[str]:
    """Messages of the outbox that were sent more than once, and how often too often.

    A file is named by when it was sent and by what it tells, as messaging.channels writes it.
    """
    sent: Counter[str] = Counter()
    for file in outbox.glob("*.json"):
        if file.stat().st_mtime >= since.timestamp():
            sent[file.stem.partition("-")[2]] += 1
    return Counter({key: count - 1 for key, count in sent.items() if count > 1})


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
    # A citizen who confirmed twice at once may have been told two numbers: both were promised.
    numbers = {
        citizen[key]: citizen["person"]
        for citizen in citizens
        for key in ("number", "other_number")
        if key in citizen
    }
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
