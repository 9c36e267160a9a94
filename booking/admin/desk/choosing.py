"""The next dose of a caller or walk-in, and the slots that a user may choose for them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from booking.admin.desk.forms import ClinicSearchForm
from booking.admin.desk.wording import (
    line_state,
    period_state,
    short_day,
    staff_message,
)
from booking.exceptions import LineWaits
from booking.finder import availability
from booking.finder.alternatives import alternatives
from booking.finder.search import Search, SearchResult, clinic_times, find
from booking.models import Clinic, Slot
from booking.models.clinics import HAS_SEAT
from booking.rules import Course, day_bounds, day_of
from booking.services.courses import what_next
from booking.services.staff_bookings import BookingRights
from database.clock import known_now, known_today
from eligibility.enums import Reason, Window
from eligibility.reasons import sentence
from eligibility.services.decisions import Answer
from staff.enums import AT_A_CLINIC
from staff.models import User
from staff.scoping import rows_for
from staff.services import staff_of
from waiting_room.services.people_before import LineOfPerson
from web.times import moment

# The page on which a slot is chosen, by the id of the slot; empty where it can't be chosen.
AddressOf = Callable[[int], str]

_NO_LINE = LineOfPerson(before=None, is_joinable=False, has_ticket=False)

_QUERY_FIELDS = ["region", "district", "name", "clinic", "day"]


@dataclass(frozen=True)
class Choice:
    """The next dose with its vaccines and days (None: any), or the refusal as a sentence."""

    dose: int = 1
    vaccines: frozenset[int] | None = None
    days: tuple[date, date] | None = None
    refusal: str = ""
    # Leftover seats of today only, because people wait in the line.
    only_today: bool = False


def next_choice(course: Course, booking_rights: BookingRights, *, at_counter: bool) -> Choice:
    """The choice for a person: finish a series, or begin one by a right to book."""
    if 1 in course.doses:
        return _second(course)
    if not booking_rights.rights:
        return Choice(refusal=booking_rights.why_not())
    # Rights by which nobody in the line is passed over.
    free = [right for right in booking_rights.rights if right.before is None]
    if free:
        return Choice(vaccines=replace(booking_rights, rights=free).vaccines())
    if at_counter:
        return Choice(vaccines=booking_rights.vaccines(), only_today=True)
    waiting = min(right.before or 0 for right in booking_rights.rights)
    return Choice(refusal=staff_message(LineWaits(waiting=waiting)))


def _second(course: Course) -> Choice:
    next_dose = what_next(course)
    if next_dose.refusal:
        return Choice(refusal=staff_message(next_dose.refusal))
    if next_dose.days and next_dose.days[1] < known_today():
        day = short_day(next_dose.days[1])
        return Choice(refusal=_("The second dose was possible until %(day)s.") % {"day": day})
    return Choice(dose=next_dose.dose, vaccines=next_dose.vaccines, days=next_dose.days)


def is_born_outside(answer: Answer) -> bool:
    """Whether the cohort is for other birth dates, which no review can change."""
    return not answer.eligible and answer.rule == Reason.NOT_BORN


def periods_of(booking_rights: BookingRights) -> list[dict[str, Any]]:
    """Context of each cohort for the person's birth date: window, reasons, state of the line."""
    near = [answer for answer in booking_rights.answers if not is_born_outside(answer)]
    return [
        _period(answer, booking_rights.at, booking_rights.lines.get(answer.cohort.pk, _NO_LINE))
        for answer in near
    ]


def _period(answer: Answer, at: datetime, line: LineOfPerson) -> dict[str, Any]:
    state = answer.window(at)
    waits = line.before is not None or state == Window.SOON
    return {
        "cohort": answer.cohort,
        "is_open": answer.eligible and state == Window.OPEN,
        "state": period_state(state) if answer.eligible else _("not for them"),
        "from": answer.window_from,
        "to": answer.window_to,
        "reasons": [sentence(code, values) for code, values in answer.reasons],
        "line": line_state(line.before, has_ticket=line.has_ticket),
        "may_join": answer.eligible
        and waits
        and state != Window.CLOSED
        and line.is_joinable
        and not line.has_ticket,
    }


def own_clinic_of(user: User) -> Clinic | None:
    """The clinic of this user, if its role works at a clinic."""
    return user.clinic if user.role in AT_A_CLINIC else None


@dataclass(frozen=True)
class SlotChoices:
    """Context of the slots to choose from: days, and the clinics with slots on one of them."""

    form: ClinicSearchForm | None = None
    clinic: availability.ClinicFacts | None = None
    # Day, free seats, address, and whether its slots are shown.
    days: list[tuple[date, int, str, bool]] = field(default_factory=list)
    clinics: list[dict[str, Any]] = field(default_factory=list)
    searched: bool = False
    back: str = ""  # from one clinic to all


def slots_for(request: HttpRequest, address: AddressOf, choice: Choice) -> SlotChoices:
    """Slots of the user's own clinic; for the local government of the clinics of its region."""
    on = _day_in(request.GET.get("day", ""))
    search = Search(vaccines=choice.vaccines, days=choice.days, on=on)
    counter = own_clinic_of(staff_of(request))
    if counter:
        leftover = _leftover_slots(counter, choice)
        clinic = availability.directory().by_code.get(counter.code)
        result = clinic_times(clinic, search) if clinic and not choice.only_today else None
        return _times(request, address, result, on, leftover, clinic=clinic, searched=True)
    form = ClinicSearchForm(request.GET, user=staff_of(request))
    clinic, form_search = _clinic_in(request), form.search()
    if clinic:
        result = clinic_times(clinic, search)
        back = f"?{_query(request, clinic='')}"
        return _times(
            request, address, result, on, [], form=form, clinic=clinic, searched=True, back=back
        )
    if form_search is None:
        return SlotChoices(form=form)
    narrowed = replace(form_search, vaccines=search.vaccines, days=search.days, on=on)
    return _times(request, address, find(narrowed), on, [], form=form, searched=True)


def _clinic_in(request: HttpRequest) -> availability.ClinicFacts | None:
    """The clinic in the query string, if this user may see it."""
    code = request.GET.get("clinic", "")
    visible = rows_for(staff_of(request), Clinic.objects.all(), clinic_path="")
    # Postgres refuses NUL in text.
    is_visible = code and "\0" not in code and visible.filter(code=code).exists()
    return availability.directory().by_code.get(code) if is_visible else None


def _times(
    request: HttpRequest,
    address: AddressOf,
    result: SearchResult | None,
    on: date | None,
    leftover: list[Slot],
    **more: Any,
) -> SlotChoices:
    days, today = dict(result.days) if result else {}, known_today()
    if leftover:
        days[today] = sum(slot.left for slot in leftover)
    shown = on or min(days, default=None)
    # Of today all leftover slots, also begun ones, which the finder leaves out.
    if leftover and shown == today:
        clinics = [{"name": leftover[0].clinic.name, "times": _of_slots(address, leftover)}]
    else:
        clinics = list(_of_clinics(request, address, result, shown)) if result else []
    return SlotChoices(
        days=[
            (day, left, f"?{_query(request, day=day.isoformat())}", day == shown)
            for day, left in sorted(days.items())
        ],
        clinics=clinics,
        **more,
    )


def _leftover_slots(clinic: Clinic, choice: Choice) -> list[Slot]:
    """Free slots of today for a walk-in, also those that have begun."""
    today = known_today()
    if not clinic.active or (choice.days and not choice.days[0] <= today <= choice.days[1]):
        return []
    start, end = day_bounds(today)
    slots = clinic.slots.filter(HAS_SEAT, starts_at__gte=start, starts_at__lt=end)
    if choice.vaccines is not None:
        slots = slots.filter(vaccine__in=choice.vaccines)
    return list(slots.select_related("clinic", "vaccine").order_by("starts_at", "pk"))


def _of_slots(address: AddressOf, slots: Iterable[Slot]) -> list[dict[str, Any]]:
    return [
        _entry(address, slot.pk, slot.starts_at, slot.vaccine.name, slot.left) for slot in slots
    ]


def _of_clinics(
    request: HttpRequest, address: AddressOf, result: SearchResult, on: date | None
) -> Iterator[dict[str, Any]]:
    vaccines = availability.directory().vaccines
    if on is None:
        return
    for open_clinic in result.clinics if result.on == on else []:
        times = [
            _entry(address, time.id, time.starts_at, vaccines[time.vaccine_id].name, time.left)
            for time in open_clinic.times
        ]
        more = f"?{_query(request, clinic=open_clinic.clinic.code, day=on.isoformat())}"
        yield {
            "name": open_clinic.clinic.name,
            "times": times,
            "more": more if open_clinic.more else "",
        }


def _entry(
    address: AddressOf, slot_id: int, at: datetime, vaccine: str, left: int
) -> dict[str, Any]:
    return {
        "at": at,
        "vaccine": vaccine,
        "left": left,
        "begun": at <= known_now(),
        "address": address(slot_id),
    }


def slots_like(
    user: User, slot: Slot, *, address: AddressOf, days: tuple[date, date] | None = None
) -> list[tuple[str, str]]:
    """(label, address) of the nearest open slots of this vaccine at the user's clinics."""
    clinics = availability.directory().clinics
    near = alternatives(
        clinic_id=slot.clinic_id,
        vaccines=frozenset([slot.vaccine_id]),
        starts_at=slot.starts_at,
        days=days,
    )
    # The nearest slots may lie outside the user's scope.
    visible = rows_for(user, Clinic.objects.all(), clinic_path="")
    own = set(
        visible.filter(pk__in=[open_slot.clinic_id for open_slot in near]).values_list(
            "pk", flat=True
        )
    )
    return [
        (
            f"{moment(open_slot.starts_at)} · {clinics[open_slot.clinic_id].name}",
            address(open_slot.id),
        )
        for open_slot in near
        if open_slot.clinic_id in own and address(open_slot.id)
    ]


def desk_address(name: str, token: str) -> str:
    return reverse(f"admin:booking_reservation_{name}", args=[token])


def book_address(token: str, slot_id: int) -> str:
    return f"{desk_address('book', token)}?{urlencode({'slot': slot_id})}"


def clinic_day_query(slot: Slot) -> str:
    """The query string that shows this slot's clinic and day."""
    return urlencode({"clinic": slot.clinic.code, "day": day_of(slot.starts_at).isoformat()})


def _query(request: HttpRequest, **changes: str) -> str:
    query = {name: request.GET.get(name, "") for name in _QUERY_FIELDS} | changes
    return urlencode({name: value for name, value in query.items() if value})


def _day_in(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None
