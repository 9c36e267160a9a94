"""Where the people of closed hours go: a plan by pure functions, no queries.

Each gets the free time nearest to their own, of the same vaccine and within the interval to their
other dose: at the same clinic first, then at the clinics near it. Earlier appointments choose
first.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from booking.rules import Course, Interval, day_of

# A new time is at least so far ahead, and an earlier one than before still further: people must
# learn of it.
NOTICE = timedelta(hours=2)
NOTICE_OF_EARLIER = timedelta(hours=24)
CHOICES = 2  # besides the time that a person was moved to

Days = tuple[date, date]


@dataclass(frozen=True)
class Appointment:
    """A confirmed appointment that has to move, or may."""

    reservation_id: int
    person_id: int
    dose: int
    slot_id: int
    clinic_id: int
    vaccine_id: int
    starts_at: datetime
    # On a visit to a care home: cancelled with its first dose, but never moved.
    home_id: int | None = None


@dataclass(frozen=True)
class FreeSlot:
    """A slot with `left` free seats."""

    slot_id: int
    clinic_id: int
    vaccine_id: int
    starts_at: datetime
    left: int


@dataclass(frozen=True)
class Patient:
    """A person with appointments in the closed hours.

    `course` holds their other doses, given and booked; `second` is an appointment for the second
    dose outside the closed hours, which may move along with the first.
    """

    affected: Sequence[Appointment]
    course: Course
    second: Appointment | None = None


@dataclass(frozen=True)
class Step:
    """What becomes of one appointment; `to` is None if it is cancelled."""

    appointment: Appointment
    to: FreeSlot | None
    goes_along: bool = False


@dataclass(frozen=True)
class Reach:
    """Which slots come into question: the clinics, nearest first, and the times."""

    clinics: Sequence[int]
    now: datetime
    days: int  # later than before, at most
    answer: timedelta = timedelta(0)  # how long people may answer; they need NOTICE after that

    def allows(self, starts_at: datetime, before: datetime) -> bool:
        earliest = self.now + self.answer + NOTICE
        if starts_at < before:
            earliest = max(earliest, self.now + NOTICE_OF_EARLIER)
        return starts_at >= earliest and starts_at <= before + timedelta(days=self.days)


class FreeSeats:
    """Free seats by clinic and vaccine, in order of time; counted down as they are taken."""

    def __init__(self, slots: Iterable[FreeSlot]) -> None:
        self._left: dict[int, int] = {}
        self._on: dict[int, date] = {}  # the day of each, asked thousands of times
        self._slots: dict[tuple[int, int], list[FreeSlot]] = {}
        for slot in sorted(slots, key=lambda slot: (slot.starts_at, slot.slot_id)):
            self._left[slot.slot_id] = slot.left
            self._on[slot.slot_id] = day_of(slot.starts_at)
            self._slots.setdefault((slot.clinic_id, slot.vaccine_id), []).append(slot)

    def nearest(
        self,
        appointment: Appointment,
        clinics: Sequence[int],
        reach: Reach,
        days: Days | None,
        but: Collection[tuple[int, date]] = (),
    ) -> FreeSlot | None:
        """The free slot nearest in time at the first of the clinics that has one.

        None on the days and clinics in `but`.
        """
        for clinic_id in clinics:
            slots = self._slots.get((clinic_id, appointment.vaccine_id), [])
            for slot in _outwards(slots, appointment.starts_at):
                on = self._on[slot.slot_id]
                suits = days is None or days[0] <= on <= days[1]
                if (
                    suits
                    and (clinic_id, on) not in but
                    and reach.allows(slot.starts_at, appointment.starts_at)
                ):
                    return slot
        return None

    def take(self, slot: FreeSlot) -> None:
        self._left[slot.slot_id] -= 1
        if not self._left[slot.slot_id]:
            self._slots[slot.clinic_id, slot.vaccine_id].remove(slot)


def _outwards(slots: Sequence[FreeSlot], at: datetime) -> Iterator[FreeSlot]:
    """The slots by their distance in time from `at`; of two equally near, the later."""
    after = bisect_left(slots, at, key=lambda slot: slot.starts_at)
    before = after - 1
    while before >= 0 or after < len(slots):
        earlier = at - slots[before].starts_at if before >= 0 else timedelta.max
        later = slots[after].starts_at - at if after < len(slots) else timedelta.max
        if later <= earlier:
            yield slots[after]
            after += 1
        else:
            yield slots[before]
            before -= 1


@dataclass
class Plan:
    """The steps for all people of a closure."""

    steps: list[Step] = field(default_factory=list)
    # Further slots to choose from, by reservation.
    choices: dict[int, list[FreeSlot]] = field(default_factory=dict)

    @property
    def slot_ids(self) -> set[int]:
        """The slots in which this plan takes seats."""
        moved = {step.to.slot_id for step in self.steps if step.to}
        return moved | {slot.slot_id for slots in self.choices.values() for slot in slots}

    @property
    def moved(self) -> list[Step]:
        return [step for step in self.steps if step.to is not None]

    @property
    def cancelled(self) -> list[Step]:
        return [step for step in self.steps if step.to is None]

    @property
    def without_time(self) -> int:
        """The number of people left without an appointment."""
        return len({step.appointment.person_id for step in self.cancelled})


def plan_moves(
    patients: Iterable[Patient],
    seats: FreeSeats,
    *,
    reach: Reach,
    intervals: Mapping[int, Interval],
) -> Plan:
    """Move each person to the nearest free time, cancel where there is none."""
    plan = Plan()
    for patient in sorted(patients, key=_turn):
        plan.steps += _moved(patient, seats, reach, intervals)
    return plan


def plan_choices(
    plan: Plan,
    patients: Iterable[Patient],
    seats: FreeSeats,
    *,
    reach: Reach,
    intervals: Mapping[int, Interval],
) -> None:
    """Add up to CHOICES more slots for each moved person, on other days or at other clinics.

    After everybody has a time: no choice of one person costs another their only one. Doses that
    move together have no choices: each would have to fit the other.
    """
    steps = {step.appointment.reservation_id: step for step in plan.steps}
    for patient in sorted(patients, key=_turn):
        step = steps[patient.affected[0].reservation_id]
        if step.to is None or len(patient.affected) > 1 or _moves_along(patient, steps):
            continue
        days = patient.course.days(step.appointment.dose, intervals[step.appointment.vaccine_id])
        chosen = [step.to]
        while len(chosen) <= CHOICES:
            but = {(slot.clinic_id, day_of(slot.starts_at)) for slot in chosen}
            slot = seats.nearest(step.appointment, reach.clinics, reach, days, but)
            if slot is None:
                break
            seats.take(slot)
            chosen.append(slot)
        if chosen[1:]:
            plan.choices[step.appointment.reservation_id] = chosen[1:]


def _moves_along(patient: Patient, steps: Mapping[int, Step]) -> bool:
    return patient.second is not None and patient.second.reservation_id in steps


def plan_cancellations(patients: Iterable[Patient]) -> Plan:
    """Cancel everything; with a first dose the second too."""
    plan = Plan()
    for patient in sorted(patients, key=_turn):
        plan.steps += [Step(appointment, None) for appointment in patient.affected]
        if patient.second and patient.affected[0].dose == 1:
            plan.steps.append(Step(patient.second, None, goes_along=True))
    return plan


def _turn(patient: Patient) -> tuple[datetime, int]:
    first = patient.affected[0]
    return first.starts_at, first.reservation_id


def _moved(
    patient: Patient, seats: FreeSeats, reach: Reach, intervals: Mapping[int, Interval]
) -> list[Step]:
    """The steps of one person, whose doses depend on each other."""
    appointments = {appointment.dose: appointment for appointment in patient.affected}
    first, later = appointments.pop(1, None), sorted(appointments.values(), key=lambda a: a.dose)
    steps: list[Step] = []
    course = patient.course
    if first is not None:
        steps = _move_first(patient, first, seats, reach, intervals)
        if steps[0].to is None:
            # A second dose is no use without its first.
            return [*steps, *(Step(appointment, None) for appointment in later)]
        course = course.with_day(1, first.vaccine_id, day_of(steps[0].to.starts_at))
    for appointment in later:
        days = course.days(appointment.dose, intervals[appointment.vaccine_id])
        slot = seats.nearest(appointment, reach.clinics, reach, days)
        if slot is not None:
            seats.take(slot)
        steps.append(Step(appointment, slot))
    return steps


def _move_first(
    patient: Patient,
    first: Appointment,
    seats: FreeSeats,
    reach: Reach,
    intervals: Mapping[int, Interval],
) -> list[Step]:
    """Move a first dose; where no free time fits the second one, that moves along."""
    interval = intervals[first.vaccine_id]
    slot = seats.nearest(first, reach.clinics, reach, patient.course.days(1, interval))
    if slot is not None:
        seats.take(slot)
        return [Step(first, slot)]
    second = patient.second
    if second is not None and second.home_id:
        return [Step(first, None), Step(second, None, goes_along=True)]
    if second is not None:
        slot = seats.nearest(first, reach.clinics, reach, None)
        if slot is not None:
            days = interval.days_for_second(day_of(slot.starts_at))
            clinics = [second.clinic_id, *reach.clinics]
            following = seats.nearest(second, clinics, reach, days)
            if following is not None:
                seats.take(slot)
                seats.take(following)
                return [Step(first, slot), Step(second, following, goes_along=True)]
        return [Step(first, None), Step(second, None, goes_along=True)]
    return [Step(first, None)]
