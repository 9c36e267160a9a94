"""Small makers of rows, each valid as it stands; give what matters to the test."""

import itertools
from datetime import date, timedelta

import pgtrigger

from booking.enums import ReservationStatus
from booking.models import Clinic, Reservation, Slot, Vaccine
from booking.services.confirmations import confirm_hold
from eligibility.enums import Order, Source
from eligibility.indexes import indexes_of
from eligibility.models import Cohort, Decision, Person
from staff.enums import Role
from staff.models import User
from tests.clock import clock
from tests.holding import hold_slot
from tests.roles import as_owner
from waiting_room.models import Admission, Line, Room, Ticket
from waiting_room.services.entering import enter
from waiting_room.services.joining import issue_ticket
from waiting_room.services.rooms import open_room
from waiting_room.services.ticking import tick_room

_number = itertools.count(1)


_SYLLABLES = str.maketrans("0123456789", "영일이삼사오육칠팔구")  # no digits in names


class Factory:
    """`XFactory(...)` saves and returns a row; `XFactory.create_batch(n, ...)` a list of them."""

    def __new__(cls, **values):
        return cls.make(**values)

    @classmethod
    def make(cls, **values):
        raise NotImplementedError

    @classmethod
    def create_batch(cls, count: int, **values) -> list:
        return [cls.make(**values) for _ in range(count)]


class CohortFactory(Factory):
    """Open since an hour, for the 55 to 59 year old of 2021; traits: soon, closed."""

    @classmethod
    def make(cls, *, soon: bool = False, closed: bool = False, **values) -> Cohort:
        number = next(_number)
        now = clock.now()
        shift = timedelta(days=1) if soon else timedelta(days=-30) if closed else timedelta(0)
        values = {
            "code": f"cohort-{number}",
            "name_ko": f"대상 {number}",
            "name_en": f"Cohort {number}",
            "birth_from": date(1962, 1, 1),
            "birth_to": date(1966, 12, 31),
            "opens_at": now - timedelta(hours=1) + shift,
            "closes_at": now + timedelta(days=7) + shift,
            **values,
        }
        return Cohort.objects.create(**values)


class PersonFactory(Factory):
    """On the roster, born in 1964; trait: declared (only the person's word is known)."""

    @classmethod
    def make(cls, *, declared: bool = False, **values) -> Person:
        number = next(_number)
        values = {
            "name": "김시험" + str(number).translate(_SYLLABLES),
            "birth_date": date(1964, 5, 12),
            "phone": f"+8210000{number:05}",
            "region": "서울특별시",
            "district": "강남구",
            "source": Source.DECLARED if declared else Source.ROSTER,
            "roster_key": None if declared else f"R{number:08}",
            **values,
        }
        indexes = indexes_of(values["name"], values["birth_date"], values["phone"])
        return Person.objects.create(**{**indexes, **values})


class RoomFactory(Factory):
    """The room of a cohort that opened, first come first served; traits: drawn, gathering."""

    @classmethod
    def make(cls, *, drawn: bool = False, gathering: bool = False, **values) -> Room:
        cohort = values.pop("cohort", None) or CohortFactory(
            order=Order.DRAW if drawn else Order.FIFO,
            opens_at=clock.now() + timedelta(hours=1 if gathering else -1),
        )
        room = open_room(cohort=cohort, **values)
        tick_room(room.pk)  # closes the list
        if cohort.order == Order.DRAW:
            tick_room(room.pk)  # holds the draw
        return Room.objects.select_related("cohort", "line", "board").get(pk=room.pk)


class TicketFactory(Factory):
    """A person who may book and joined; traits: called, not yet called otherwise."""

    @classmethod
    def make(cls, *, room=None, person=None, called: bool = False) -> Ticket:
        room, person = room or RoomFactory(), person or PersonFactory()
        window = {"window_from": room.cohort.opens_at, "window_to": room.cohort.closes_at}
        Decision.objects.get_or_create(
            person=person,
            cohort=room.cohort,
            defaults={"eligible": True, "rule": "born", **window},
        )
        ticket = issue_ticket(room=room, person_id=person.pk)
        if called:
            Line.objects.filter(pk=room.pk, serving__lt=ticket.place).update(serving=ticket.place)
        return ticket


class AdmissionFactory(Factory):
    """A called person who entered; give ticket, room or person."""

    @classmethod
    def make(cls, *, ticket=None, **values) -> Admission:
        return enter(ticket=ticket or TicketFactory(called=True, **values))


class ClinicFactory(Factory):
    @classmethod
    def make(cls, **values) -> Clinic:
        number = next(_number)
        values = {
            "code": f"C{number:05}",
            "name": f"시험의원 {number}",
            "region": "서울특별시",
            "district": "강남구",
            "address": f"서울특별시 강남구 시험로 {number}",
            "phone": "0212345678",
            **values,
        }
        return Clinic.objects.create(**values)


class VaccineFactory(Factory):
    """One dose; trait: double (two doses, 21 to 42 days apart, best 28)."""

    @classmethod
    def make(cls, *, double: bool = False, **values) -> Vaccine:
        number = next(_number)
        doses = {"doses": 2, "min_days": 21, "best_days": 28, "max_days": 42} if double else {}
        names = {"code": f"v-{number}", "name_ko": f"백신 {number}", "name_en": f"Vaccine {number}"}
        return Vaccine.objects.create(**{**names, **doses, **values})


class SlotFactory(Factory):
    """Ten places in two days, at a full hour; trait: full (counted so, without rows behind it)."""

    @classmethod
    def make(cls, *, full: bool = False, double: bool = False, **values) -> Slot:
        hour = clock.now().replace(hour=10, minute=0, second=0, microsecond=0)
        capacity = values.get("capacity", 10)
        values = {
            "starts_at": hour + timedelta(days=2),
            "capacity": capacity,
            "booked": capacity if full else 0,
            **values,
        }
        values["clinic"] = values.get("clinic") or ClinicFactory()
        values["vaccine"] = values.get("vaccine") or VaccineFactory(double=double)
        return Slot.objects.create(**values)


class ReservationFactory(Factory):
    """Confirmed, through the services, by somebody who was called; trait: held."""

    @classmethod
    def make(cls, *, held: bool = False, person=None, slot=None, admission=None) -> Reservation:
        person, slot = person or PersonFactory(), slot or SlotFactory()
        admission = admission or AdmissionFactory(person=person)
        [reservation] = hold_slot(person_id=person.pk, slot_id=slot.pk, admission_id=admission.pk)
        if not held:
            [reservation] = confirm_hold(person_id=person.pk, key=reservation.key)
        reservation = Reservation.objects.with_slot().get(pk=reservation.pk)
        expected = ReservationStatus.HELD if held else ReservationStatus.CONFIRMED
        assert reservation.status == expected
        return reservation


def put_into(reservation: Reservation, status: str, **values) -> None:
    """Only the status, however it got there: past the trigger that guards the moves."""
    with as_owner(), pgtrigger.ignore("booking.Reservation:status_moves_lawfully"):
        Reservation.objects.filter(pk=reservation.pk).update(status=status, **values)


class StaffFactory(Factory):
    """Somebody with a log-in (password: `password`); clinic staff need a clinic, local a region."""

    @classmethod
    def make(cls, *, role: str = Role.AUTHORITY, superuser: bool = False, **values) -> User:
        number = next(_number)
        user = User(
            username=values.pop("username", f"staff-{number}"),
            role="" if superuser else role,
            is_staff=True,
            is_superuser=superuser,
            **values,
        )
        user.set_password("password")
        user.save()
        return user
