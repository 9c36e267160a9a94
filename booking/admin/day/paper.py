"""The day on paper: a row is read and written with what stands on it alone, as a page has 2,000."""

from collections.abc import Iterator
from typing import NamedTuple

from django.db.models import QuerySet
from django.utils import timezone

from booking.enums import ReservationStatus
from booking.models import Reservation, Vaccine

_COLUMNS = (
    "slot__starts_at",
    "person__name",
    "person__birth_date",
    "person__phone",
    "slot__vaccine_id",
    "dose",
    "status",
    "person_id",
)


class PaperRow(NamedTuple):
    time: str
    name: str
    born: str  # the year
    phone_end: str
    vaccine: str
    dose: int
    status: str
    person_id: int


def paper_rows(people: QuerySet[Reservation]) -> Iterator[PaperRow]:
    """Rows of these reservations, in their order."""
    vaccines = {vaccine.pk: vaccine.name for vaccine in Vaccine.objects.all()}
    statuses = {status.value: str(status.label) for status in ReservationStatus}
    times: dict[object, str] = {}  # a day has far fewer than people
    columns = people.select_related(None).values_list(*_COLUMNS)
    for starts_at, name, born, phone, vaccine, dose, status, person_id in columns:
        if starts_at not in times:
            times[starts_at] = f"{timezone.localtime(starts_at):%H:%M}"
        yield PaperRow(
            times[starts_at],
            name,
            str(born.year),
            phone[-4:],
            vaccines[vaccine],
            dose,
            statuses[status],
            person_id,
        )
