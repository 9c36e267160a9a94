"""Booking a list of residents for a visit to their care home: looked at first, then all or none."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypedDict, cast

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django_stubs_ext import WithAnnotations

from booking.enums import ON_THE_LIST, EntryStatus, Origin, ReservationStatus, VisitStatus
from booking.exceptions import (
    ListChanged,
    NotEligibleNow,
    VaccineNotForYou,
    VisitCalledOff,
    VisitOver,
    WrongInterval,
    WrongVaccine,
)
from booking.models import HomeVisit, ListEntry, Reservation, Slot
from booking.residents import Line, ResidentState
from booking.rules import Course, day_of
from booking.services.courses import courses_of, interval_of
from booking.services.reading import vaccines_by_code
from booking.services.reservations import new_reservation
from booking.services.seats import (
    RowsChanged,
    lock_people,
    lock_slots,
    retried_transaction,
    take_seat,
)
from booking.services.staff_bookings import rights_without_line
from database.clock import database_now, known_now
from eligibility.indexes import name_birth_indexes
from eligibility.models import Person
from eligibility.services.decisions import Answer, decide_each

S = ResidentState


@dataclass
class Resident:
    """A line of the list, the person it names, and whether they can be booked for the visit."""

    line: Line
    state: ResidentState
    note: str = ""
    person: Person | None = None
    # Their appointment for this dose, where they have one: it stays.
    booked: Reservation | None = None
    # Whether the user may see more of that appointment than that it exists.
    shows_booked: bool = False


@dataclass
class _Facts:
    """What decides about people, by id; read in a fixed number of statements."""

    visit: HomeVisit
    now: datetime
    courses: Mapping[int, Course]
    answers: Mapping[int, list[Answer]]
    vaccines: Mapping[str, int]
    booked: Mapping[int, list[Reservation]] = field(default_factory=dict)
    # Ids of appointments that the user may see.
    visible: frozenset[int] = frozenset()

    def state_of(self, person_id: int) -> tuple[ResidentState, str, Reservation | None]:
        """The state of one person, its reason in words, and the appointment they have."""
        slot, dose = self.visit.slot, self.visit.dose
        rows = self.booked.get(person_id, [])
        own = next((row for row in rows if row.dose == dose), None)
        if own is not None:
            return _state_of_booked(own, slot), "", own
        if any(row.status == ReservationStatus.HELD for row in rows):
            return S.CHOOSING, "", None
        course, interval = self.courses[person_id], interval_of(slot.vaccine)
        if dose in course.doses:
            return S.GIVEN, _day(course.doses[dose].on), None
        if dose > 1 and dose - 1 not in course.doses:
            return S.NO_FIRST, "", None
        try:
            course.check(dose, day_of(slot.starts_at), interval)
        except WrongVaccine:
            return S.OTHER_VACCINE, "", None
        except WrongInterval:
            days = course.days(dose, interval)
            assert days  # or there would be no interval to break
            return S.INTERVAL, f"{_day(days[0])} – {_day(days[1])}", None
        if not course.doses:
            refusal = self._refusal_of(person_id)
            if refusal:
                return S.NOT_ELIGIBLE, refusal, None
        return S.FITS, "", None

    def _refusal_of(self, person_id: int) -> str:
        """Why a first dose may not be booked for this person now; "" if it may."""
        rights = rights_without_line(self.answers.get(person_id, []), self.vaccines, self.now)
        try:
            rights.right_for(self.visit.slot.vaccine_id, walk_in=True)
        except NotEligibleNow as refusal:
            return str(refusal)
        except VaccineNotForYou:
            return _("The period of this person is for other vaccines.")
        return ""


def _state_of_booked(row: Reservation, slot: Slot) -> ResidentState:
    if row.slot_id == slot.pk:
        return S.ON_VISIT
    if row.status == ReservationStatus.HELD:
        return S.CHOOSING
    return S.GIVEN if row.status == ReservationStatus.VACCINATED else S.BOOKED


def _day(day: date) -> str:
    return date_format(day, "Y-m-d")


class _Visible(TypedDict):
    is_visible: bool


def _facts_of(
    visit: HomeVisit,
    people: Sequence[Person],
    now: datetime,
    visible: QuerySet[Reservation] | None = None,
) -> _Facts:
    visible = Reservation.objects.none() if visible is None else visible
    ids = [person.pk for person in people]
    live = Reservation.objects.live().filter(person__in=ids).with_slot()
    rows = live.annotate(is_visible=Exists(visible.filter(pk=OuterRef("pk"))))
    booked: dict[int, list[Reservation]] = defaultdict(list)
    found, visible_ids = [], set()
    for row in rows.order_by("dose", "pk"):
        found.append(row)
        booked[row.person_id].append(row)
        if cast("WithAnnotations[Reservation, _Visible]", row).is_visible:
            visible_ids.add(row.pk)
    return _Facts(
        visit=visit,
        now=now,
        courses=courses_of(ids, found),
        answers=decide_each(people=people, at=now),
        vaccines=vaccines_by_code(),
        booked=booked,
        visible=frozenset(visible_ids),
    )


def look_at(
    *,
    visit: HomeVisit,
    lines: Sequence[Line],
    among: QuerySet[Person],
    visible: QuerySet[Reservation],
) -> list[Resident]:
    """What booking these lines for the visit would do now, line by line; writes nothing.

    `among` are the people that the user may look up; of those only people on the roster count.
    `visible` are the appointments that the user may see. Doses go to the lines in their order.
    """
    found = _find(lines, among.exclude(roster_key=None).filter(forgotten_at=None))
    people = {people[0].pk: people[0] for people in found.values() if len(people) == 1}
    facts = _facts_of(visit, list(people.values()), known_now(), visible)
    left, first_lines = visit.slot.visit_left, dict[int, int]()
    residents = []
    for line in lines:
        resident = _resident(line, found.get(line.number, []), facts, first_lines)
        if resident.state == S.FITS:
            left -= 1
            if left < 0:
                resident.state = S.NO_PLACE
        residents.append(resident)
    return residents


def _resident(
    line: Line, people: list[Person], facts: _Facts, first_lines: dict[int, int]
) -> Resident:
    if line.problem:
        return Resident(line, S.UNREADABLE, line.problem)
    if not people:
        return Resident(line, S.NOT_FOUND)
    if len(people) > 1:
        return Resident(line, S.AMBIGUOUS, _("Write the roster's key instead."))
    [person] = people
    first = first_lines.setdefault(person.pk, line.number)
    if first != line.number:
        return Resident(line, S.REPEATED, _("As line %(line)s.") % {"line": first}, person)
    state, note, booked = facts.state_of(person.pk)
    is_shown = booked is not None and booked.pk in facts.visible
    return Resident(line, state, note, person, booked, is_shown)


def _find(lines: Iterable[Line], people: QuerySet[Person]) -> dict[int, list[Person]]:
    """The people that each line names, by its number, in one statement."""
    keys = {line.key for line in lines if line.key}
    # One index for each key in effect, and two for an open century.
    indexes = {
        line.number: [bytes(i) for on in line.born for i in name_birth_indexes(line.name, on)]
        for line in lines
        if line.name
    }
    wanted = {index for found in indexes.values() for index in found}
    by_index: dict[bytes, list[Person]] = defaultdict(list)
    by_key: dict[str, Person] = {}
    named = Q(name_birth_index__in=wanted) | Q(roster_key__in=keys)
    for row in people.filter(named).order_by("pk"):
        by_index[bytes(row.name_birth_index)].append(row)
        by_key[row.roster_key or ""] = row
    found = {number: [row for i in own for row in by_index[i]] for number, own in indexes.items()}
    for line in lines:
        if line.key in by_key:
            found[line.number] = [by_key[line.key]]
    return found


def key_of(list_key: uuid.UUID, person_id: int) -> uuid.UUID:
    """The key of one person's reservation of a list: sent again, the list finds what it booked."""
    return uuid.uuid5(list_key, str(person_id))


@retried_transaction
def book_list(
    *, visit_id: int, people: Iterable[int], key: uuid.UUID, by: str
) -> list[Reservation]:
    """Book these people for the visit, all or none, and queue a message to each with a phone.

    Repeating the key returns what it booked. Raises VisitCalledOff, VisitOver, or ListChanged if
    any of them can't be booked any more. Their period must be open, as for every booking; no line
    is passed, because the doses come with the team.
    """
    wanted = sorted(set(people))
    visit, _slots, now = locked_visit(visit_id, wanted)
    # After the locks: a list that is sent twice waits for the first, and returns its reservations.
    keys = [key_of(key, person_id) for person_id in wanted]
    done = list(Reservation.objects.filter(key__in=keys).with_slot().order_by("pk"))
    if done:
        return done
    check_open(visit, now)
    found = Person.objects.filter(pk__in=wanted, roster_key__isnull=False, forgotten_at=None)
    facts = _facts_of(visit, list(found), now)
    has_phone = {person.pk: bool(person.phone) for person in found}
    if not wanted or len(facts.courses) < len(wanted):
        raise ListChanged
    if any(facts.state_of(person)[0] != S.FITS for person in wanted):
        raise ListChanged
    if visit.slot.visit_left < len(wanted):
        raise ListChanged
    # Also when it has begun: residents are added while the team is there.
    take_seat(visit.slot, now=now, begun=True, seats=len(wanted), of_visit=True)
    booked = Reservation.objects.bulk_create(
        new_reservation(
            person_id=person_id,
            slot=visit.slot,
            dose=visit.dose,
            status=ReservationStatus.CONFIRMED,
            key=own_key,
            origin=Origin.STAFF,
            by=by,
            confirmed_at=now,
            now=now,
            language="ko",
        )
        for person_id, own_key in zip(wanted, keys, strict=True)
    )
    ListEntry.objects.filter(person__in=wanted, dose=visit.dose, status__in=ON_THE_LIST).update(
        status=EntryStatus.FULFILLED, ended_at=now
    )
    _queue_messages([row.pk for row in booked if has_phone[row.person_id]], now)
    return booked


# The worker writes the texts (notices.render_confirmed). People without a phone are on the printed
# list of the visit, so that no letters are made for them.
CONFIRMED = """
INSERT INTO messaging_message
    (key, kind, channel, person_id, status, tries, problem, created_at)
SELECT 'confirmed:' || number, 'confirmed', 'sms', person_id, 'unwritten', 0, '', %(now)s
FROM booking_reservation WHERE id = ANY(%(ids)s)
ON CONFLICT (key) DO NOTHING
"""


def _queue_messages(ids: list[int], now: datetime) -> None:
    if ids:
        with connection.cursor() as cursor:
            cursor.execute(CONFIRMED, {"ids": ids, "now": now})


def locked_visit(
    visit_id: int, people: Iterable[int], further: Iterable[int] = ()
) -> tuple[HomeVisit, dict[int, Slot], datetime]:
    """The visit, its locked slot and `further` ones, and the clock; raises RowsChanged.

    The people are locked first. The slot's lock serialises everything that changes the visit.
    """
    lock_people(people)
    slot_id = HomeVisit.objects.values_list("slot_id", flat=True).get(pk=visit_id)
    slots = lock_slots([slot_id, *further])
    visit = HomeVisit.objects.select_related("slot__home").get(pk=visit_id)
    if visit.slot_id != slot_id:
        raise RowsChanged  # moved while this waited for the lock
    home = visit.slot.home
    visit.slot = slots[slot_id]
    visit.slot.home = home
    return visit, slots, database_now()


def check_open(visit: HomeVisit, now: datetime) -> None:
    """Raise VisitCalledOff or VisitOver unless people can be booked for this visit."""
    if visit.status == VisitStatus.CALLED_OFF:
        raise VisitCalledOff
    if day_of(visit.slot.starts_at) < day_of(now):
        raise VisitOver
