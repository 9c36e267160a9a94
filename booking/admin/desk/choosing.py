"""What somebody may book next, and the times that a user may choose for them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from booking.admin.desk.forms import PlaceForm
from booking.admin.desk.wording import moment, said, short_day
from booking.exceptions import LineWaits
from booking.finder import availability
from booking.finder.alternatives import alternatives
from booking.finder.search import Search, SearchResult, clinic_times, find
from booking.models import Clinic, Slot
from booking.models.clinics import HAS_SEAT
from booking.rules import Course, day_bounds, day_of
from booking.services import BookingRights, what_next
from database.clock import known_now, known_today
from eligibility.enums import Reason, Window
from eligibility.models import Person
from eligibility.reasons import sentence
from eligibility.services import Answer
from staff.enums import AT_A_CLINIC
from staff.models import User
from staff.scoping import rows_for
from staff.services import staff_of
from waiting_room.enums import RoomStatus
from waiting_room.models import JOINABLE_FROM, Room, Ticket
from waiting_room.services import waiting_before

_IN_THE_ADDRESS = ["region", "district", "name", "clinic", "day"]


@dataclass(frozen=True)
class Choice:
    """What staff may choose for somebody: the dose that comes next, or why there is none."""

    dose: int = 1
    vaccines: frozenset[int] | None = None
    days: tuple[date, date] | None = None
    refusal: str = ""
    # Only what is left over today: others wait in the line for all else.
    only_today: bool = False


def next_of(course: Course, booking_rights: BookingRights, *, at_counter: bool) -> Choice:
    """What somebody may book next: finish a series, or begin one by a right of their own."""
    if 1 in course.doses:
        return _second(course)
    if not booking_rights.rights:
        return Choice(refusal=booking_rights.why_not())
    free = [right for right in booking_rights.rights if right.before is None]
    if free:
        return Choice(vaccines=replace(booking_rights, rights=free).vaccines())
    if at_counter:
        return Choice(vaccines=booking_rights.vaccines(), only_today=True)
    waiting = min(right.before or 0 for right in booking_rights.rights)
    return Choice(refusal=said(LineWaits(waiting=waiting)))


def _second(course: Course) -> Choice:
    coming = what_next(course)
    if coming.refusal:
        return Choice(refusal=said(coming.refusal))
    if coming.days and coming.days[1] < known_today():
        day = short_day(coming.days[1])
        return Choice(refusal=_("The second dose was possible until %(day)s.") % {"day": day})
    return Choice(dose=coming.dose, vaccines=coming.vaccines, days=coming.days)


def is_far(answer: Answer) -> bool:
    """Born at another time: what would have to change can't."""
    return not answer.eligible and answer.rule == Reason.NOT_BORN


def periods_of(person: Person, booking_rights: BookingRights) -> list[dict[str, Any]]:
    """Each period that is this person's or nearly so: why, when, and how its line stands."""
    near = [answer for answer in booking_rights.answers if not is_far(answer)]
    cohorts = [answer.cohort.pk for answer in near]
    before = waiting_before(person_id=person.pk, cohorts=cohorts)
    rooms = Room.objects.alias(since=JOINABLE_FROM).filter(
        cohort__in=cohorts, since__lte=booking_rights.at
    )
    open_rooms = set(rooms.exclude(status=RoomStatus.CLOSED).values_list("cohort", flat=True))
    tickets = Ticket.objects.filter(person=person, left_at=None, room__cohort__in=cohorts)
    inside = set(tickets.values_list("room__cohort", flat=True))
    return [_period(answer, booking_rights.at, before, open_rooms, inside) for answer in near]


def _period(
    answer: Answer, at: datetime, before: dict[int, int], open_rooms: set[int], inside: set[int]
) -> dict[str, Any]:
    pk, state = answer.cohort.pk, answer.window(at)
    waits = pk in before or state == Window.SOON
    return {
        "cohort": answer.cohort,
        "eligible": answer.eligible,
        "state": state,
        "from": answer.window_from,
        "to": answer.window_to,
        "reasons": [sentence(code, values) for code, values in answer.reasons],
        "before": before.get(pk),
        "in_line": pk in inside,
        "may_join": answer.eligible
        and waits
        and state != Window.CLOSED
        and pk in open_rooms
        and pk not in inside,
    }


def counter_of(user: User) -> Clinic | None:
    """The clinic at whose counter this user stands."""
    return user.clinic if user.role in AT_A_CLINIC else None


@dataclass(frozen=True)
class Times:
    """What can be chosen from: days, and on one of them clinics with their times."""

    form: PlaceForm | None = None
    place: availability.ClinicFacts | None = None
    days: list[tuple[date, int, str]] = field(default_factory=list)
    on: date | None = None
    clinics: list[dict[str, Any]] = field(default_factory=list)
    asked: bool = False
    back: str = ""  # from one clinic to all


def times_for(request: HttpRequest, token: str, coming: Choice) -> Times:
    """At the counter its own clinic's; for the local government those of its region."""
    on = _day_in(request.GET.get("day", ""))
    wanted = Search(vaccines=coming.vaccines, days=coming.days, on=on)
    counter = counter_of(staff_of(request))
    if counter:
        left_over = _left_over_today(counter, coming)
        place = availability.directory().by_code.get(counter.code)
        found = clinic_times(place, wanted) if place and not coming.only_today else None
        return _times(request, token, found, on, left_over, place=place, asked=True)
    form = PlaceForm(request.GET, user=staff_of(request))
    place, search = _clinic_in(request), form.search()
    if place:
        found = clinic_times(place, wanted)
        back = f"?{_query(request, clinic='')}"
        return _times(request, token, found, on, [], form=form, place=place, asked=True, back=back)
    if search is None:
        return Times(form=form)
    narrowed = replace(search, vaccines=wanted.vaccines, days=wanted.days, on=on)
    return _times(request, token, find(narrowed), on, [], form=form, asked=True)


def _clinic_in(request: HttpRequest) -> availability.ClinicFacts | None:
    """The clinic chosen, if it is one of this user's."""
    code = request.GET.get("clinic", "")
    seen = rows_for(staff_of(request), Clinic.objects.all(), clinic_path="")
    known = code and "\0" not in code and seen.filter(code=code).exists()
    return availability.directory().by_code.get(code) if known else None


def _times(
    request: HttpRequest,
    token: str,
    found: SearchResult | None,
    on: date | None,
    left_over: list[Slot],
    **more: Any,
) -> Times:
    days, today = dict(found.days) if found else {}, known_today()
    if left_over:
        days[today] = sum(slot.left for slot in left_over)
    shown = on or min(days, default=None)
    if left_over and shown == today:
        clinics = [{"name": left_over[0].clinic.name, "times": _of_slots(token, left_over)}]
    else:
        clinics = list(_of_clinics(request, token, found, shown)) if found else []
    return Times(
        days=[
            (day, left, f"?{_query(request, day=day.isoformat())}")
            for day, left in sorted(days.items())
        ],
        on=shown,
        clinics=clinics,
        **more,
    )


def _left_over_today(clinic: Clinic, coming: Choice) -> list[Slot]:
    """What somebody who stands here may still take today, begun or not."""
    today = known_today()
    if not clinic.active or (coming.days and not coming.days[0] <= today <= coming.days[1]):
        return []
    start, end = day_bounds(today)
    slots = clinic.slots.filter(HAS_SEAT, starts_at__gte=start, starts_at__lt=end)
    if coming.vaccines is not None:
        slots = slots.filter(vaccine__in=coming.vaccines)
    return list(slots.select_related("clinic", "vaccine").order_by("starts_at", "pk"))


def _of_slots(token: str, slots: Iterable[Slot]) -> list[dict[str, Any]]:
    return [_entry(token, slot.pk, slot.starts_at, slot.vaccine.name, slot.left) for slot in slots]


def _of_clinics(
    request: HttpRequest, token: str, found: SearchResult, on: date | None
) -> Iterator[dict[str, Any]]:
    vaccines = availability.directory().vaccines
    if on is None:
        return
    for one in found.clinics if found.on == on else []:
        times = [
            _entry(token, time.id, time.starts_at, vaccines[time.vaccine_id].name, time.left)
            for time in one.times
        ]
        more = f"?{_query(request, clinic=one.clinic.code, day=on.isoformat())}"
        yield {"name": one.clinic.name, "times": times, "more": more if one.more else ""}


def _entry(token: str, slot_id: int, at: datetime, vaccine: str, left: int) -> dict[str, Any]:
    return {
        "at": at,
        "vaccine": vaccine,
        "left": left,
        "begun": at <= known_now(),
        "address": book_address(token, slot_id),
    }


def times_like(
    user: User, slot: Slot, *, token: str, days: tuple[date, date] | None = None
) -> list[tuple[str, str]]:
    """The nearest open times like this one at clinics of this user: label and address."""
    known = availability.directory().clinics
    near = alternatives(
        clinic_id=slot.clinic_id,
        vaccines=frozenset([slot.vaccine_id]),
        starts_at=slot.starts_at,
        days=days,
    )
    seen = rows_for(user, Clinic.objects.all(), clinic_path="")
    own = set(seen.filter(pk__in=[one.clinic_id for one in near]).values_list("pk", flat=True))
    return [
        (f"{moment(one.starts_at)} · {known[one.clinic_id].name}", book_address(token, one.id))
        for one in near
        if one.clinic_id in own
    ]


def desk_address(name: str, token: str) -> str:
    return reverse(f"admin:booking_reservation_{name}", args=[token])


def book_address(token: str, slot_id: int) -> str:
    return f"{desk_address('book', token)}?{urlencode({'slot': slot_id})}"


def where(slot: Slot) -> str:
    """The choice that shows this time among its neighbours."""
    return urlencode({"clinic": slot.clinic.code, "day": day_of(slot.starts_at).isoformat()})


def _query(request: HttpRequest, **changes: str) -> str:
    kept = {name: request.GET.get(name, "") for name in _IN_THE_ADDRESS} | changes
    return urlencode({name: value for name, value in kept.items() if value})


def _day_in(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None
