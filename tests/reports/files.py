"""A small campaign with something for each export, and files of it."""

import csv
import io
from dataclasses import dataclass
from datetime import date, time, timedelta

from booking.models import Clinic, ListEntry, OutsideDose, Reservation
from eligibility.models import Person, Review
from events.models import Complaint
from messaging.models import Message
from reports.definitions import EXPORTS
from reports.enums import Encoding
from reports.selection import Form, select
from reports.writing import Written, write_csv
from staff.enums import Act, Role
from staff.models import Access, User
from tests.clock import clock
from tests.factories import (
    ClinicFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    StaffFactory,
    put_into,
)
from vaccination.models import DoseGiven


@dataclass
class District:
    """One reservation that was vaccinated, and a row of everything else, of one district."""

    clinic: Clinic
    reservation: Reservation
    person: Person


def scene_in(region: str, district: str, name: str) -> District:
    clinic = ClinicFactory(region=region, district=district)
    person = PersonFactory(region=region, district=district, name=name)
    reservation = ReservationFactory(slot=SlotFactory(clinic=clinic), person=person)
    put_into(reservation, "vaccinated")
    slot = reservation.slot
    DoseGiven.objects.create(
        reservation=reservation, clinic=clinic, vaccine=slot.vaccine, dose_number=1,
        vaccinator="staff:1", by="staff:1",
    )  # fmt: skip
    OutsideDose.objects.create(
        person=person, dose=2, vaccine=slot.vaccine, given_on=clock.now().date(), by="staff:1"
    )
    today = clock.now().date()
    ListEntry.objects.create(
        person=person, dose=2, places=[f"c:{clinic.pk}"], date_from=today,
        date_to=today + timedelta(days=9), time_from=time(0), time_to=time(23), by="staff:1",
    )  # fmt: skip
    cohort = reservation.admission.room.cohort
    Review.objects.create(person=person, cohort=cohort, reason="birth", doubted="not_born")
    Complaint.objects.create(
        person_id=person.pk, reason="wait", region=region, district=district, by="staff:1"
    )
    Message.objects.create(key=f"x:{person.pk}", kind="called", channel="sms", to="x", text="y")
    return District(clinic, reservation, person)


def two_districts() -> tuple[District, District]:
    ours = scene_in("서울특별시", "강남구", "우리편")
    theirs = scene_in("부산광역시", "해운대구", "남의편")
    user = StaffFactory()
    Access.objects.create(user=user, act=Act.LIST, what="x.y", people=[1, 2])
    Access.objects.create(user=user, act=Act.LOG_IN, what="/admin/")
    return ours, theirs


def staff_at(role: Role, where: District) -> User:
    places = {
        Role.CLINIC: {"clinic": where.clinic},
        Role.MANAGER: {"clinic": where.clinic},
        Role.LOCAL: {"region": where.clinic.region, "district": where.clinic.district},
    }
    return StaffFactory(role=role, **places.get(role, {}))


def taken(name: str, form: Form | None = None, **options) -> tuple[bytes, Written]:
    file = io.BytesIO()
    written = write_csv(file, select(EXPORTS[name], **options), form or Form())
    return file.getvalue(), written


def rows_of(content: bytes, encoding: str = "utf-8") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(encoding), newline="")))


def rows(name: str, form: Form | None = None, **options) -> list[dict[str, str]]:
    content, written = taken(name, form, **options)
    encoding = form.encoding if form else Encoding.MACHINE
    found = rows_of(content, encoding.value)
    assert written.rows == len(found)
    return found


def age_of(person: Person, on: date) -> int:
    born = person.birth_date
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))
