"""The sample campaign: the schedule of July 2021 moved to today, with invented people.

Everything with rules is written by the services, so that the sample obeys them; clinics, slots
and people are inserted in bulk.
"""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

from django.db import transaction
from django.utils import timezone

from booking.models import CareHome, Clinic, Reservation, Slot, Vaccine
from booking.services import changes, staff_bookings, visits
from booking.services.home_visits import plan_visit
from booking.services.visit_lists import book_list
from database.clock import database_now
from dataio.importing import check_constraints_at_once
from eligibility.enums import Order
from eligibility.models import Cohort, Person
from eligibility.services.cohorts import save_cohorts
from eligibility.services.decisions import store_decisions
from rehearsal.sample import clinics, people
from rehearsal.sample.people import Years
from staff.actors import actor_of
from staff.enums import Role
from staff.models import User
from vaccination.enums import IdentityCheck, LateReason, Site
from vaccination.exceptions import NobodyToRecall
from vaccination.models import Lot
from vaccination.services.doses import DoseDetails
from vaccination.services.lots import receive_lot, set_default_lot
from vaccination.services.recalls import start_recall
from waiting_room.models import Room
from waiting_room.services.joining import issue_ticket
from waiting_room.services.rooms import open_rooms
from waiting_room.services.ticking import tick_rooms

CLINICS = 300
# Printed on the terminal; load_sample refuses to run without JARI_SAMPLE.
PASSWORD = "jari-sample"  # noqa: S105
# Birth years and number of people by cohort, the open one first.
SPANS = {
    "55-59": Years(1962, 1966, 9000),
    "53-54": Years(1967, 1968, 4000),
    "50-52": Years(1969, 1971, 5000),
    "60-74": Years(1947, 1961, 2000),
}
WAITING = 150  # tickets in the room that opens soon


@dataclass(frozen=True)
class SampleSize:
    clinics: int
    slots: int
    people: int


@transaction.atomic
def load(*, seed: int = 20210712) -> SampleSize:
    """Fill an empty database in one transaction; a seed gives the same sample."""
    now = database_now()
    rng = random.Random(seed)  # noqa: S311
    check_constraints_at_once()
    save_cohorts(cohorts(now))
    open_rooms()
    clinic_rows = Clinic.objects.bulk_create(clinics.invented(CLINICS, rng=rng))
    vaccines = Vaccine.objects.bulk_create(clinics.VACCINES)
    days = clinics.open_days(timezone.localdate(now))
    slots = clinics.fill_slots(clinic_rows, vaccines, days, rng=rng)
    crowd = Person.objects.bulk_create(
        people.invented(list(SPANS.values()), rng=rng), batch_size=2000
    )
    staff(clinic_rows[0])
    add_visits(clinic_rows, crowd, now)
    join_waiting_room(crowd)
    tick_rooms()
    return SampleSize(clinics=len(clinic_rows), slots=slots, people=len(crowd))


def cohorts(now: datetime) -> list[dict[str, Any]]:
    """Cohorts: 55-59 open now, 53-54 in ten minutes, 50-52 tomorrow at 20:00, 60-74 closed."""
    today = timezone.localdate(now)
    zone = timezone.get_current_timezone()

    def evening(day: date) -> datetime:
        return datetime.combine(day, time(20), tzinfo=zone)

    soon = (now + timedelta(minutes=10)).replace(second=0, microsecond=0)
    windows = {
        "60-74": (evening(today - timedelta(days=30)), evening(today - timedelta(days=2))),
        "55-59": (evening(today - timedelta(days=1)), evening(today + timedelta(days=12))),
        "53-54": (soon, evening(today + timedelta(days=12))),
        "50-52": (evening(today + timedelta(days=1)), evening(today + timedelta(days=13))),
    }
    return [
        {
            "code": code,
            "name_ko": f"{code.replace('-', '~')}세 ({SPANS[code].first}~{SPANS[code].last}년생)",
            "name_en": f"Aged {code} (born {SPANS[code].first}–{SPANS[code].last})",
            "birth_from": date(SPANS[code].first, 1, 1),
            "birth_to": date(SPANS[code].last, 12, 31),
            "opens_at": opens_at,
            "closes_at": closes_at,
            "order": Order.DRAW,
        }
        for code, (opens_at, closes_at) in windows.items()
    ]


def staff(clinic: Clinic) -> None:
    """Create one account per role, all with the same password."""
    accounts: dict[str, dict[str, Any]] = {
        "clinic": {"role": Role.CLINIC, "clinic": clinic},
        "manager": {"role": Role.MANAGER, "clinic": clinic},
        "local": {"role": Role.LOCAL, "region": clinic.region, "district": clinic.district},
        "authority": {"role": Role.AUTHORITY},
        "operator": {"role": Role.OPERATOR},
        "auditor": {"role": Role.AUDITOR},
    }
    for name, facts in accounts.items():
        user = User(username=name, is_staff=True, **facts)
        user.set_password(PASSWORD)
        user.save()


def add_visits(clinic_rows: list[Clinic], crowd: list[Person], now: datetime) -> None:
    """Visits at the sample staff's clinic around today, in every status."""
    clinic = clinic_rows[0]
    by = actor_of(User.objects.get(username=Role.CLINIC))
    today = timezone.localdate(now)
    lots = stock_lots(clinic, [clinics.last_working_day(today), today], today=today, by=by)
    # Past visits belong to the closed cohort and future ones to the open one: each must have been
    # booked while its window was open.
    older = reversed(crowd[-SPANS["60-74"].people :])
    closed = Cohort.objects.get(code="60-74").closes_at - timedelta(hours=1)
    for day in [clinics.last_working_day(today), today]:
        _booked_by_telephone(clinic, day, older, last=closed, by=by, now=now)
    younger = reversed(crowd[: SPANS["55-59"].people])
    opened = Cohort.objects.get(code="55-59").opens_at + timedelta(minutes=5)
    for day in [today + timedelta(days=1), today + timedelta(days=2)]:
        _booked_by_telephone(clinic, day, younger, last=opened, by=by, now=now)
    add_home_visit(clinic, younger, now, by=by)
    practise_recall(clinic, lots, by=by)


def add_home_visit(clinic: Clinic, crowd: Iterator[Person], now: datetime, *, by: str) -> None:
    """A care home near the sample staff's clinic, with a visit in three days and its list."""
    home = CareHome.objects.create(
        name="새봄요양원",
        region=clinic.region,
        district=clinic.district,
        address=f"{clinic.region} {clinic.district} 은행나무길 12",
        phone="02-000-9999",
        contact="김담당",
        clinic=clinic,
    )
    day = timezone.localdate(now) + timedelta(days=3)
    begins, ends = (timezone.make_aware(datetime.combine(day, time(hour))) for hour in (10, 12))
    vaccine = Vaccine.objects.filter(slots__clinic=clinic).order_by("-doses", "pk").first()
    assert vaccine  # the clinic has slots
    visit = plan_visit(
        home=home, vaccine=vaccine, dose=1, starts_at=begins, ends_at=ends, places=12, by=by
    )
    residents = [person.pk for person in islice(crowd, 9)]
    book_list(visit_id=visit.pk, people=residents, key=uuid.uuid4(), by=by)


def stock_lots(clinic: Clinic, days: list[date], *, today: date, by: str) -> list[Lot]:
    """A lot of each vaccine at the sample staff's clinic, the lot of the day on these days."""
    lots = [
        receive_lot(
            clinic=clinic,
            vaccine=vaccine,
            number=f"S{vaccine.pk}-2107",
            expires_on=today + timedelta(days=60),
            doses=120,
            by=by,
        )
        for vaccine in Vaccine.objects.filter(slots__clinic=clinic).distinct().order_by("pk")
    ]
    for lot in lots:
        for day in set(days):
            set_default_lot(lot=lot, on=day, by=by)
    return lots


def practise_recall(clinic: Clinic, lots: list[Lot], *, by: str) -> None:
    """A practice recall of the first lot that anybody got: it writes no message."""
    for lot in lots:
        try:
            start_recall(
                vaccine=lot.vaccine,
                number=lot.number,
                clinic=clinic,
                practice=True,
                text_ko="연습입니다. 하실 일은 없습니다.",
                text_en="This is a practice. You need not do anything.",
                by=by,
            )
        except NobodyToRecall:
            continue
        return


def _booked_by_telephone(
    clinic: Clinic, day: date, callers: Iterator[Person], *, last: datetime, by: str, now: datetime
) -> None:
    """Ten appointments booked by staff on the day before, but not after `last`."""
    for slot, caller in zip(_slots_of_day(clinic, day)[:10], callers, strict=False):
        booked_at = min(last, slot.starts_at - timedelta(days=1))
        [reservation] = staff_bookings.book_for(person=caller, slot=slot, by=by, now=booked_at)
        _set_outcome(reservation, caller.pk % 5, by=by, now=now)


def _slots_of_day(clinic: Clinic, day: date) -> list[Slot]:
    return list(clinic.slots.filter(starts_at__date=day).order_by("starts_at"))


def _set_outcome(reservation: Reservation, outcome: int, *, by: str, now: datetime) -> None:
    """Set the status of a visit; `outcome` is 0 to 4, so that each is a fifth.

    Of past visits two fifths are vaccinated, one did not come, one has arrived and one is not
    marked; of future ones a fifth is cancelled.
    """
    if reservation.slot.starts_at > now:
        if outcome == 0:
            changes.cancel_reservation(reservation=reservation, by=by)
    elif outcome in (1, 2):
        visits.mark_arrived(reservation=reservation, by=by)
        details = DoseDetails(
            site=Site.LEFT_ARM, identity=IdentityCheck.CARD, late_reason=LateReason.PAPER
        )
        visits.mark_vaccinated(reservation=reservation, by=by, details=details)
    elif outcome == 3:
        visits.mark_no_show(reservation=reservation, by=by)
    elif outcome == 4:
        visits.mark_arrived(reservation=reservation, by=by)


def join_waiting_room(crowd: list[Person]) -> None:
    """Issue tickets in the room of 53-54 before it opens, for its draw."""
    room = Room.objects.select_related("cohort").get(cohort__code="53-54")
    first = SPANS["55-59"].people
    last = first + SPANS["53-54"].people
    for person in crowd[last - WAITING : last]:
        # Joining needs a stored decision, as signing in makes it.
        store_decisions(person=person)
        issue_ticket(room=room, person_id=person.pk)


def citizens() -> list[tuple[Cohort, Person]]:
    """One person per cohort to sign in as: the first of its span, by roster key."""
    chosen, number = [], 1
    for code, span in SPANS.items():
        person = Person.objects.filter(roster_key=f"S{number:06d}").first()
        cohort = Cohort.objects.filter(code=code).first()
        if person and cohort:
            chosen.append((cohort, person))
        number += span.people
    return chosen
