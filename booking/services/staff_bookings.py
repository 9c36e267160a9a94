"""Bookings made by staff for callers and walk-ins."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext as _

from booking.enums import Origin, ReservationStatus
from booking.exceptions import LineWaits, NotEligibleNow, SlotFull, VaccineNotForYou
from booking.models import Reservation, Slot
from booking.rules import Booked, Course, day_of, vaccines_named
from booking.services.courses import course_of, interval_of
from booking.services.notices import notify_confirmed
from booking.services.offers import fulfil_entries, offer_freed
from booking.services.reading import vaccines_by_code
from booking.services.reservations import new_reservation
from booking.services.seats import (
    RowsChanged,
    lapse_holds,
    lock_person,
    lock_slots,
    release,
    retried_transaction,
    take_seat,
)
from database.clock import database_now
from eligibility.enums import Reason, Window
from eligibility.models import Cohort, Person
from eligibility.reasons import sentence
from eligibility.services.decisions import Answer, decide, store_decisions
from waiting_room.models import Admission
from waiting_room.services.people_before import LineOfPerson, lines_for
from web.times import moment


@dataclass(frozen=True)
class BookingRight:
    """The right to book that a cohort with an open window gives a person."""

    cohort: Cohort
    vaccines: frozenset[int] | None  # None: any
    admission_id: int | None
    # People before them in the line; None if it is their turn or nobody waits.
    before: int | None

    def names(self, vaccine_id: int) -> bool:
        return self.vaccines is None or vaccine_id in self.vaccines


@dataclass(frozen=True)
class BookingRights:
    """All rights to book of a person at an instant, with the answers of all cohorts."""

    at: datetime
    answers: list[Answer] = field(default_factory=list)
    rights: list[BookingRight] = field(default_factory=list)
    # By cohort, of all but those for other birth dates.
    lines: dict[int, LineOfPerson] = field(default_factory=dict)

    def right_for(self, vaccine_id: int, *, walk_in: bool) -> BookingRight:
        """The right by which this vaccine may be booked now.

        Raises NotEligibleNow, VaccineNotForYou or LineWaits. A walk-in takes leftover seats of
        today; for all other seats the people in the line go first.
        """
        if not self.rights:
            raise NotEligibleNow(self.why_not())
        fitting = [right for right in self.rights if right.names(vaccine_id)]
        if not fitting:
            raise VaccineNotForYou
        for right in fitting:
            if walk_in or right.before is None:
                return right
        raise LineWaits(waiting=min(right.before for right in fitting if right.before is not None))

    def vaccines(self) -> frozenset[int] | None:
        """Ids of the vaccines of all rights together; None for any."""
        named: set[int] = set()
        for right in self.rights:
            if right.vaccines is None:
                return None
            named |= right.vaccines
        return frozenset(named)

    def why_not(self) -> str:
        """The reason nearest to a yes, as a sentence for staff, with the date of the window."""
        for answer in self.answers:
            if answer.eligible:
                return _window_sentence(answer, self.at)
        near = [answer for answer in self.answers if answer.rule != Reason.NOT_BORN]
        if not near:
            return _("No period is open to people born on this day.")
        return f"{near[0].cohort.name}: {' '.join(sentence(*reason) for reason in near[0].reasons)}"


def _window_sentence(answer: Answer, at: datetime) -> str:
    values = {
        "cohort": answer.cohort.name,
        "start": moment(answer.window_from),
        "end": moment(answer.window_to),
    }
    return {
        Window.SOON: _("%(cohort)s opens for this person on %(start)s."),
        Window.OPEN: _(
            "%(cohort)s: a review is open. Until it is decided, only the line leads in."
        ),
        Window.CLOSED: _("%(cohort)s was open for this person until %(end)s."),
    }[answer.window(at)] % values


def booking_rights_of(
    *, person: Person, now: datetime | None = None, keep: bool = False
) -> BookingRights:
    """The rights to book of this person; with `keep` the decisions are stored, as at sign-in."""
    now = now or database_now()
    answers = (store_decisions if keep else decide)(person=person, at=now)
    bookable = _bookable(answers, now)
    cohorts = [answer.cohort.pk for answer in bookable]
    inside = Admission.objects.filter(ticket__person=person, room__cohort__in=cohorts)
    admissions = dict(inside.order_by("pk").values_list("room__cohort", "pk"))
    near = [
        answer.cohort.pk for answer in answers if answer.eligible or answer.rule != Reason.NOT_BORN
    ]
    lines = lines_for(person_id=person.pk, cohorts=near, now=now)
    before = {cohort: line.before for cohort, line in lines.items()}
    by_code = vaccines_by_code()
    rights = [
        BookingRight(
            cohort=answer.cohort,
            vaccines=vaccines_named(answer.cohort.vaccines, by_code),
            admission_id=admissions.get(answer.cohort.pk),
            # An admission, even an ended one, means that the person was called.
            before=None if answer.cohort.pk in admissions else before.get(answer.cohort.pk),
        )
        for answer in bookable
    ]
    return BookingRights(now, answers, rights, lines)


def rights_without_line(
    answers: list[Answer], by_code: Mapping[str, int], now: datetime
) -> BookingRights:
    """The rights that these answers give where nobody waits in a line: at a visit to a care home,
    whose doses no line is for."""
    rights = [
        BookingRight(
            cohort=answer.cohort,
            vaccines=vaccines_named(answer.cohort.vaccines, by_code),
            admission_id=None,
            before=None,
        )
        for answer in _bookable(answers, now)
    ]
    return BookingRights(now, answers, rights)


def _bookable(answers: list[Answer], now: datetime) -> list[Answer]:
    """The answers by which the person may book now.

    Under review they may wait in the line, but not book before the decision.
    """
    return [
        answer
        for answer in answers
        if answer.eligible and answer.window(now) == Window.OPEN and not answer.provisional
    ]


@retried_transaction
def book_for(
    *,
    person: Person,
    slot: Slot,
    by: str,
    second: Slot | None = None,
    key: uuid.UUID | None = None,
    walk_in: bool = False,
    language: str = "ko",
    now: datetime | None = None,
) -> list[Reservation]:
    """Book the next dose for a person, with `second` also the second dose: both or none.

    A first dose needs a right to book (`BookingRights`); a series that has begun is finished with
    its own vaccine. A walk-in may take a slot that began today. Repeating the key returns what it
    booked. Raises NotEligibleNow, LineWaits, VaccineNotForYou, SlotFull (with the `slot_id` of
    the two that is full), SlotOver, SlotClosed, AlreadyBooked, NoDoseLeft, WrongVaccine or
    WrongInterval.
    """
    now, key = now or database_now(), key or uuid.uuid4()
    booking_rights = booking_rights_of(person=person, now=now, keep=True)
    lock_person(person.pk)
    done = Reservation.objects.filter(key=key, person=person).with_slot().order_by("dose")
    # After the lock: a repeated POST waits for the first one and returns its reservations.
    if done:
        return list(done)
    wanted = [slot.pk] if second is None else [slot.pk, second.pk]
    held, slots = _locked(person, wanted, now)
    plan, admission_id = _plan(person, [slots[pk] for pk in wanted], booking_rights, walk_in)
    # Holds the person made meanwhile, on a page of their own, are exchanged for the booking.
    for hold in held:
        release(hold, slots, status=ReservationStatus.RELEASED, by=by, now=now)
    for taken in plan.values():
        take_seat(taken, now=now, begun=walk_in and _is_today(taken, now))
    booked = Reservation.objects.bulk_create(
        new_reservation(
            person=person,
            slot=taken,
            dose=dose,
            status=ReservationStatus.CONFIRMED,
            key=key,
            origin=Origin.STAFF,
            admission_id=admission_id,
            by=by,
            confirmed_at=now,
            now=now,
            language=language,
        )
        for dose, taken in sorted(plan.items())
    )
    fulfil_entries(person_id=person.pk, doses=plan, now=now)
    for freed in {hold.slot_id for hold in held} - set(wanted):
        offer_freed(slots[freed], now=now)
    notify_confirmed(booked)
    return booked


def _locked(
    person: Person, wanted: list[int], now: datetime
) -> tuple[list[Reservation], dict[int, Slot]]:
    """The person's holds, with their slots and the wanted ones, all locked.

    Raises SlotFull for a slot that does not exist, and RowsChanged.
    """
    holds = Reservation.objects.filter(person=person, status=ReservationStatus.HELD)
    slots = lock_slots([*wanted, *holds.values_list("slot_id", flat=True)])
    for pk in wanted:
        if pk not in slots:
            raise SlotFull(slot_id=pk)
    if lapse_holds({pk: slots[pk] for pk in wanted}, now=now):
        for pk in wanted:
            offer_freed(slots[pk], now=now)
    held = list(holds.order_by("pk").locked())
    if any(hold.slot_id not in slots for hold in held):
        raise RowsChanged
    return held, slots


def _plan(
    person: Person, wanted: list[Slot], booking_rights: BookingRights, walk_in: bool
) -> tuple[dict[int, Slot], int | None]:
    """Slots by dose, and the id of the admission to book under; raises as `book_for`."""
    # A second dose is booked under the admission of the first.
    first = Reservation.objects.live().filter(person=person, dose=1).first()
    admission_id = first.admission_id if first else None
    course = course_of(person.pk)
    plan: dict[int, Slot] = {}
    for slot in wanted:
        vaccine, on = interval_of(slot.vaccine), day_of(slot.starts_at)
        dose = course.next_dose(vaccine)
        course.check(dose, on, vaccine)
        if dose == 1:
            today = walk_in and _is_today(slot, booking_rights.at)
            admission_id = booking_rights.right_for(slot.vaccine_id, walk_in=today).admission_id
        plan[dose] = slot
        course = Course(course.doses | {dose: Booked(dose, slot.vaccine_id, on)})
    return plan, admission_id


def _is_today(slot: Slot, now: datetime) -> bool:
    return day_of(slot.starts_at) == day_of(now)
