"""Files of each kind: what is stored, and a file that adds, changes, leaves and breaks a row."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time, timedelta

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from booking.models import OpeningHours, OutsideDose
from bulk import services, working
from bulk.exports import write_export
from bulk.kinds import KINDS
from bulk.models import Upload
from staff.enums import Role
from staff.models import User
from tests.clock import clock
from tests.factories import (
    ClinicFactory,
    CohortFactory,
    PersonFactory,
    SlotFactory,
    StaffFactory,
    VaccineFactory,
)


@dataclass(frozen=True)
class Scene:
    """Two stored records, and a file: one changed, one as it is, one new, one that is refused."""

    kind: str
    header: str
    changed: str
    same: str
    new: str
    wrong: str
    problem: str  # of the wrong row
    # Changes the changed record as another user would.
    touch: Callable[[], object]

    def file(self, *rows: str) -> str:
        return "\n".join([self.header, *(rows or (self.changed, self.same, self.new))]) + "\n"


def clinics() -> Scene:
    first, second = ClinicFactory(), ClinicFactory()
    row = "{},{},서울특별시,강남구,{},0212345678,,".format
    return Scene(
        "clinics",
        "code,name,region,district,address,phone,latitude,longitude",
        row(first.code, "새이름의원", first.address),
        row(second.code, second.name, second.address),
        row("NEW1", "=새의원", "서울특별시 강남구 1"),
        row("NEW2", "의원", "주소").replace("강남구", "없는구"),
        "no region and district",
        lambda: type(first).objects.filter(pk=first.pk).update(name="남의 손"),
    )


def slots() -> Scene:
    first = SlotFactory(capacity=3)
    later = first.starts_at + timedelta(hours=1)
    second = SlotFactory(clinic=first.clinic, vaccine=first.vaccine, starts_at=later)

    def row(starts_at, capacity: int, clinic: str = first.clinic.code) -> str:
        at = timezone.localtime(starts_at)
        return f"{clinic},{first.vaccine.code},{at:%Y-%m-%dT%H:%M},{capacity}"

    return Scene(
        "slots",
        "clinic,vaccine,starts_at,capacity",
        row(first.starts_at, 7),
        row(later, second.capacity),
        row(later + timedelta(hours=1), 4),
        row(later, 4, clinic="none"),
        "column clinic: there is none",
        lambda: type(first).objects.filter(pk=first.pk).update(capacity=9),
    )


def hours() -> Scene:
    clinic, vaccine = ClinicFactory(), VaccineFactory()
    first, _second = (
        OpeningHours.objects.create(
            clinic=clinic,
            vaccine=vaccine,
            weekday=weekday,
            opens=time(9),
            closes=time(18),
            lunch_from=time(12),
            lunch_to=time(13),
            minutes=30,
            capacity=5,
        )
        for weekday in (0, 1)
    )
    row = f"{clinic.code},{{}},{vaccine.code},{{}},18:00,12:00,13:00,30,5".format
    return Scene(
        "hours",
        "clinic,weekday,vaccine,opens,closes,lunch_from,lunch_to,minutes,capacity",
        row("mon", "10:00"),
        row("화", "09:00"),
        row("wed", "09:00"),
        row("thu", "12:30"),
        "Lunch has a beginning and an end",
        lambda: OpeningHours.objects.filter(pk=first.pk).update(opens=time(8)),
    )


def cohorts() -> Scene:
    start = clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=3)
    end = start + timedelta(days=7)
    times = {"opens_at": start, "closes_at": end}
    first, second = CohortFactory(**times), CohortFactory(**times)
    window = f"{timezone.localtime(start):%Y-%m-%dT%H:%M},{timezone.localtime(end):%Y-%m-%dT%H:%M}"
    row = f"{{}},{{}},Cohort,1962-01-01,1966-12-31,{window},draw,{{}}".format
    return Scene(
        "cohorts",
        "code,name_ko,name_en,birth_from,birth_to,opens_at,closes_at,order,groups",
        row(first.code, first.name_ko, "nurse; doctor").replace("Cohort,", f"{first.name_en},"),
        row(second.code, second.name_ko, "").replace("Cohort,", f"{second.name_en},"),
        row("new-one", "새 대상", ""),
        row("new-two", "새 대상", "").replace("1966", "1961"),
        "column birth_to",
        lambda: type(first).objects.filter(pk=first.pk).update(groups=["teacher"]),
    )


def doses() -> Scene:
    vaccine = VaccineFactory(double=True)
    people = PersonFactory.create_batch(3)
    first, _second = (
        OutsideDose.objects.create(
            person=person, vaccine=vaccine, dose=1, given_on=date(2021, 7, 1), by="staff:1"
        )
        for person in people[:2]
    )
    keys = [person.roster_key for person in people]
    row = f"{{}},1,{vaccine.code},{{}},{{}}".format
    return Scene(
        "doses",
        "person_id,dose,vaccine,given_on,place",
        row(keys[0], "2021-07-02", "부산"),
        row(keys[1], "2021-07-01", ""),
        row(keys[2], "2021-07-03", "-병원"),
        row("nobody", "2021-07-03", ""),
        "nobody on the roster has this key",
        lambda: OutsideDose.objects.filter(pk=first.pk).update(place="남의 손"),
    )


SCENES: list[Callable[[], Scene]] = [clinics, slots, hours, cohorts, doses]


def send(kind: str, content: str | bytes, user: User | None = None) -> Upload:
    """An upload as the worker has compared it."""
    content = content.encode() if isinstance(content, str) else content
    upload = services.start(
        kind=KINDS[kind],
        file=SimpleUploadedFile("자료.csv", content),
        user=user or StaffFactory(role=Role.AUTHORITY),
    )
    working.compare(upload.pk)
    upload.refresh_from_db()
    return upload


def applied(upload: Upload, *, skip_refused: bool = False) -> Upload:
    agree(upload, skip_refused=skip_refused)
    working.apply(upload.pk)
    upload.refresh_from_db()
    return upload


def agree(upload: Upload, *, skip_refused: bool = False) -> None:
    services.apply(
        upload=upload, shown=upload.fingerprint, skip_refused=skip_refused, user=upload.user
    )


def taken_back(upload: Upload) -> Upload:
    services.undo(upload=upload, user=upload.user)
    working.undo(upload.pk)
    upload.refresh_from_db()
    return upload


def exported(kind: str, user: User | None = None) -> str:
    file, _keys = write_export(KINDS[kind](by="command:test", user=user))
    return file.read().decode("utf-8-sig")
