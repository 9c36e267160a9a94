"""What a finder page is for: which slots it shows, and where a chosen one is posted."""

from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from booking.finder import availability
from booking.finder.beside import Beside
from booking.models import Slot, Vaccine
from booking.rules import Course, NextDose
from booking.services import courses
from booking.views.stays import Stay
from database.clock import known_today
from waiting_room.models import Admission

# Of pages without parts in their address: each list asks for four of them.
_address = cache(reverse)


@dataclass(frozen=True)
class Purpose:
    """What a finder page is for: where a choice is posted, and which slots it may be."""

    title: str
    base: str  # the address of this finder
    action: str  # where a chosen slot is posted
    hidden: dict[str, str] = field(default_factory=dict)
    field: str = "slot"
    lead: str = ""
    back: str = ""
    beside: tuple[Beside, ...] = ()  # others, for whom there has to be room near in time
    other_way: tuple[str, str] | None = None  # label and address of another page to the same end
    vaccines: frozenset[int] | None = None  # None: any
    days: tuple[date, date] | None = None
    stay: Stay | None = None  # until when the person may book, where that is limited

    @property
    def key(self) -> tuple[Any, ...]:
        return self.base, self.action, self.field, self.vaccines, self.days, self.beside

    def clinic_url(self, code: str, query: str) -> str:
        # Only a first booking has an address per clinic (docs/http.md).
        if self.base == _address("booking"):
            address = reverse("clinic", args=[code])
            return f"{address}?{query}" if query else address
        return f"{self.base}?clinic={code}" + (f"&{query}" if query else "")


def first_dose_purpose(admission: Admission | None = None) -> Purpose:
    """To book a first dose, of the vaccines that the admission's cohort names."""
    codes = admission.room.cohort.vaccines if admission else []
    return Purpose(
        title=_("Choose a clinic and a time"),
        base=_address("booking"),
        action=_address("hold"),
        vaccines=availability.directory().vaccine_ids(codes),
    )


def next_dose_purpose(person_id: int, admission: Admission | None) -> Purpose:
    """To book this person's next dose."""
    return purpose_of(courses.course_of(person_id), admission)


def purpose_of(course: Course, admission: Admission | None) -> Purpose:
    """To book the next dose of this course; a first dose also after a missed one."""
    first = first_dose_purpose(admission)
    turn = next_dose(course, first.vaccines)
    if turn.refusal:
        return first
    if turn.dose == 2:
        return after_first(vaccine_of(course.doses[1].vaccine_id), course.doses[1].on)
    return replace(first, vaccines=turn.vaccines, days=turn.days)


def next_dose(course: Course, admitted_for: frozenset[int] | None = None) -> NextDose:
    """services.what_next with the vaccines of the cached directory: no SQL statement."""
    begun = {booked.vaccine_id for booked in course.doses.values()}
    intervals = [courses.interval_of(vaccine_of(pk)) for pk in begun]
    return course.what_next(intervals, admitted_for)


def second_beside(first: Slot) -> Purpose:
    """To hold a second slot together with this first one."""
    vaccine, on = first.vaccine, timezone.localtime(first.starts_at).date()
    return replace(
        after_first(vaccine, on),
        hidden={"slot": str(first.pk)},
        field="second",
        back=_address("confirm"),
    )


def vaccine_of(pk: int) -> Vaccine:
    return availability.directory().vaccines.get(pk) or Vaccine.objects.get(pk=pk)


def after_first(vaccine: Vaccine, first_on: date) -> Purpose:
    return Purpose(
        title=_("Choose the time of your second dose"),
        base=_address("second"),
        action=_address("hold"),
        lead=_second_dose_lead(vaccine, first_on),
        vaccines=frozenset([vaccine.pk]),
        days=courses.interval_of(vaccine).days_for_second(first_on),
    )


def _second_dose_lead(vaccine: Vaccine, on: date) -> str:
    """A sentence with the first, last and best day of the second dose."""
    interval = courses.interval_of(vaccine)
    earliest, latest = interval.days_for_second(on)
    best = interval.best_for_second(on)
    today = known_today()
    days = {
        "first": on,
        "earliest": max(earliest, today),
        "latest": latest,
        "best": max(best, today),
    }
    return _(
        "Your first dose is on %(first)s. The second is possible from %(earliest)s to %(latest)s; "
        "%(best)s is best."
    ) % {name: date_format(day, _("D j M")) for name, day in days.items()}
