"""Whom closing hours would affect, and where each person would go: read, nothing changed."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet
from django.db.models.functions import JSONArray

from booking.closing import (
    NOTICE,
    Appointment,
    FreeSeats,
    FreeSlot,
    Patient,
    Plan,
    Reach,
    plan_cancellations,
    plan_choices,
    plan_moves,
)
from booking.enums import LIVE, TAKING, ClosureMode, ReservationStatus, VisitStatus
from booking.finder.availability import directory
from booking.finder.distance import distance_km
from booking.models import Clinic, HomeVisit, OutsideDose, Reservation, Slot
from booking.models.clinics import HAS_SEAT
from booking.rules import Booked, Course, Interval, day_of
from booking.services.courses import interval_of

MOST_CLINICS = 40  # near ones, so that a plan in a large city stays small
# Those whose appointment can't be moved: they came, or were marked as not come.
_FIXED = [
    status
    for status in TAKING
    if status not in (ReservationStatus.HELD, ReservationStatus.CONFIRMED)
]
# Those that count as a dose of their person's course.
_DOSES = [status for status in LIVE if status != ReservationStatus.HELD]
# The columns of an Appointment.
_COLUMNS = (
    "pk",
    "person_id",
    "dose",
    "slot_id",
    "slot__clinic_id",
    "slot__vaccine_id",
    "slot__starts_at",
    "slot__home_id",
)

# Read with the appointments: [dose, vaccine, day] of each dose that the person got elsewhere.
_ELSEWHERE = ArraySubquery(
    OutsideDose.objects.filter(person=OuterRef("person"))
    .order_by("dose")
    .values(columns=JSONArray("dose", "vaccine", "given_on"))
)


@dataclass(frozen=True)
class Hours:
    """The hours to close: slots that start from `starts_at` on and before `ends_at`."""

    clinic: Clinic
    starts_at: datetime
    ends_at: datetime
    vaccine_id: int | None = None  # None: all

    def slots(self) -> QuerySet[Slot]:
        """What is closed: a visit to a care home is moved or called off on its own page."""
        return self.with_visits().filter(home=None)

    def with_visits(self) -> QuerySet[Slot]:
        slots = Slot.objects.filter(
            clinic=self.clinic, starts_at__gte=self.starts_at, starts_at__lt=self.ends_at
        )
        return slots if self.vaccine_id is None else slots.filter(vaccine=self.vaccine_id)


@dataclass(frozen=True)
class Wish:
    """What to do with the people, and how far away in place and time they may be moved."""

    mode: ClosureMode
    km: int = 0  # 0: only within the clinic
    days: int = 14
    answer: timedelta = timedelta(0)  # how long people may choose among other times


@dataclass(frozen=True)
class Situation:
    """The closed hours as they are at an instant."""

    hours: Hours
    wish: Wish
    closing: frozenset[int]  # ids of the slots
    open_seats: int  # free ones in these slots
    patients: list[Patient]
    staying: int  # people who came already, or were marked as not come
    holding: int  # people who are choosing one of these times at this moment
    free: list[FreeSlot]
    clinics: list[int]
    intervals: dict[int, Interval]  # of the vaccines in these slots
    now: datetime
    visits: list[HomeVisit] = field(default_factory=list)  # which stay as they are

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to close: no free seat, no appointment and no hold."""
        return not (self.open_seats or self.patients or self.holding)

    @property
    def person_ids(self) -> list[int]:
        return [patient.affected[0].person_id for patient in self.patients]

    @cached_property
    def plan(self) -> Plan:
        if self.wish.mode == ClosureMode.CANCEL:
            return plan_cancellations(self.patients)
        seats = FreeSeats(self.free)
        reach = Reach(self.clinics, self.now, self.wish.days, self.wish.answer)
        plan = plan_moves(self.patients, seats, reach=reach, intervals=self.intervals)
        if self.wish.mode == ClosureMode.OFFER:
            plan_choices(plan, self.patients, seats, reach=reach, intervals=self.intervals)
        return plan


def read(
    hours: Hours, wish: Wish, *, now: datetime, among: Collection[int] | None = None
) -> Situation:
    """The situation now; people move only to the slots `among` these, if given."""
    all_slots = hours.with_visits().select_related("vaccine", "home", "visit")
    slots = [slot for slot in all_slots if slot.home_id is None]
    visits = [slot.visit for slot in all_slots if slot.home_id and hasattr(slot, "visit")]
    closing = frozenset(slot.pk for slot in slots)
    patients, states = _patients(closing)
    clinics = near(hours.clinic, wish.km)
    free = [] if wish.mode == ClosureMode.CANCEL else _free(patients, clinics, wish, now, among)
    return Situation(
        hours=hours,
        wish=wish,
        closing=closing,
        open_seats=sum(max(slot.left, 0) for slot in slots),
        patients=patients,
        staying=sum(states[status] for status in _FIXED),
        holding=states[ReservationStatus.HELD],
        free=[slot for slot in free if slot.slot_id not in closing],
        clinics=clinics,
        intervals={slot.vaccine_id: interval_of(slot.vaccine) for slot in slots},
        now=now,
        visits=[visit for visit in visits if visit.status == VisitStatus.PLANNED],
    )


def near(clinic: Clinic, km: int) -> list[int]:
    """Ids of clinics that take bookings: this one, then those within `km`, the nearest first."""
    own = [clinic.pk] if clinic.active else []
    if not km:
        return own
    clinics = directory().clinics
    facts = clinics.get(clinic.pk)
    if facts is None or facts.coordinates is None:
        return own
    distances = [
        (distance_km(facts.coordinates, other.coordinates), other.id)
        for other in clinics.values()
        if other.id != clinic.pk and other.coordinates is not None
    ]
    inside = sorted(pair for pair in distances if pair[0] <= km)
    return [*own, *(pk for _km, pk in inside[:MOST_CLINICS])]


def _patients(closing: Collection[int]) -> tuple[list[Patient], Counter[str]]:
    """The people with a confirmed appointment in these slots; reservations there by status."""
    here = Reservation.objects.filter(slot__in=closing, status__in=TAKING)
    # By their people alone: "or in these slots" would read the whole table.
    rows = Reservation.objects.filter(person__in=here.values("person"), status__in=TAKING)
    affected: dict[int, list[Appointment]] = {}
    others: list[tuple[Appointment, str]] = []
    elsewhere: dict[int, list[Booked]] = {}
    states: Counter[str] = Counter()
    columns = rows.order_by("dose").values_list(*_COLUMNS, "status", _ELSEWHERE)
    for *values, status, outside_doses in columns:
        row = Appointment(*values)
        is_here = row.slot_id in closing
        states[status] += is_here
        elsewhere[row.person_id] = [
            Booked(dose, vaccine, date.fromisoformat(on), given=True)
            for dose, vaccine, on in outside_doses
        ]
        if is_here and status == ReservationStatus.CONFIRMED:
            affected.setdefault(row.person_id, []).append(row)
        else:
            others.append((row, status))
    courses, seconds = _other_doses(affected, others, elsewhere)
    patients = [
        Patient(appointments, Course.of(courses.get(person, [])), seconds.get(person))
        for person, appointments in affected.items()
    ]
    return patients, states


def _other_doses(
    affected: Collection[int],
    others: Iterable[tuple[Appointment, str]],
    elsewhere: Mapping[int, list[Booked]],
) -> tuple[dict[int, list[Booked]], dict[int, Appointment]]:
    """By affected person: doses given and booked that stay, and a movable second dose.

    `others` are the reservations that do not leave, with their status, and `elsewhere` the doses
    given elsewhere.
    """
    doses = {person: list(elsewhere[person]) for person in affected}
    seconds: dict[int, Appointment] = {}
    for row, status in others:
        if row.person_id not in affected or status not in _DOSES:
            continue
        given = status == ReservationStatus.VACCINATED
        dose = Booked(row.dose, row.vaccine_id, day_of(row.starts_at), given)
        doses[row.person_id].append(dose)
        if row.dose == 2 and status == ReservationStatus.CONFIRMED:
            seconds[row.person_id] = row
    return doses, seconds


def _free(
    patients: list[Patient],
    clinics: list[int],
    wish: Wish,
    now: datetime,
    among: Collection[int] | None,
) -> list[FreeSlot]:
    """Free slots to which these people could move, and those for second doses that go along."""
    if not patients:
        return []
    affected = [row for patient in patients for row in patient.affected]
    reach = timedelta(days=wish.days)
    last = max(row.starts_at for row in affected) + reach
    wanted = Q(clinic__in=clinics, starts_at__lte=last)
    seconds = [patient.second for patient in patients if patient.second]
    if seconds:
        wanted |= Q(
            clinic__in={row.clinic_id for row in seconds},
            starts_at__lte=max(row.starts_at for row in seconds) + reach,
        )
    slots = Slot.objects.filter(
        wanted,
        HAS_SEAT,
        vaccine__in={row.vaccine_id for row in affected},
        clinic__active=True,
        starts_at__gte=now + NOTICE,
    )
    if among is not None:
        slots = slots.filter(pk__in=among)
    columns = slots.values_list(
        "pk", "clinic_id", "vaccine_id", "starts_at", "capacity", "margin", "booked"
    )
    return [FreeSlot(*row[:4], left=row[4] + row[5] - row[6]) for row in columns]
