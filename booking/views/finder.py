"""Finding a time: for a first booking, for a second dose, and for a change."""

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from booking import services
from booking.enums import ReservationStatus
from booking.exceptions import Refused, SlotFull
from booking.finder import availability
from booking.finder.availability import ClinicFacts
from booking.finder.search import (
    Search,
    SearchResult,
    alternatives,
    clinic_times,
    districts_with_times,
    elsewhere,
    find,
)
from booking.forms import SearchForm
from booking.models import Clinic, Reservation, Slot, Vaccine
from booking.rules import Course, NextDose
from booking.views import headlines
from booking.views.common import known
from eligibility.models import Person
from waiting_room.decorators import admitted, booking_page
from waiting_room.models import Admission


@dataclass(frozen=True)
class Purpose:
    """What the times are looked for: where a choice is sent, and what it must suit."""

    title: str
    base: str  # the address of this finder
    action: str  # where a chosen time is posted
    hidden: dict[str, str] = field(default_factory=dict)
    field: str = "slot"
    lead: str = ""
    back: str = ""
    vaccines: frozenset[int] | None = None  # None: any
    days: tuple[date, date] | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        return self.base, self.action, self.field, self.vaccines, self.days

    def clinic_url(self, code: str, query: str) -> str:
        if self.base == reverse("booking"):
            address = reverse("clinic", args=[code])
            return f"{address}?{query}" if query else address
        return f"{self.base}?clinic={code}" + (f"&{query}" if query else "")


def to_book(admission: Admission | None = None) -> Purpose:
    """A first time, of the vaccines that the cohort of this admission names."""
    codes = admission.room.cohort.vaccines if admission else []
    return Purpose(
        title=_("Choose a clinic and a time"),
        base=reverse("booking"),
        action=reverse("hold"),
        vaccines=availability.directory().named(codes),
    )


@require_safe
@booking_page(admitted)
def booking(request: HttpRequest, admission: Admission) -> HttpResponse:
    home = admission.ticket.person
    course = services.course_of(home.pk)
    if 1 in course.doses:
        return _to_second(request.GET.urlencode())
    return show(request, _purpose(course, admission), home=home)


@require_safe
@booking_page(admitted)
def clinic(request: HttpRequest, admission: Admission, code: str) -> HttpResponse:
    course = services.course_of(admission.ticket.person_id)
    if 1 in course.doses:
        return _to_second(urlencode({"clinic": code}), request.GET.urlencode())
    return show(request, _purpose(course, admission), code=code)


def _to_second(*query: str) -> HttpResponse:
    """Whoever has a first dose is shown only times that fit it."""
    asked = "&".join(filter(None, query))
    return redirect(f"{reverse('second')}?{asked}" if asked else "second")


def to_choose(person_id: int, admission: Admission | None) -> Purpose:
    """Whatever this person may book next."""
    return _purpose(services.course_of(person_id), admission)


def _purpose(course: Course, admission: Admission | None) -> Purpose:
    """A first time, also after a first dose that was missed; or a second one."""
    first = to_book(admission)
    coming = _what_next(course, first.vaccines)
    if coming.refusal:
        return first
    if coming.dose == 2:
        return _second_dose(_vaccine(course.doses[1].vaccine_id), course.doses[1].on)
    return replace(first, vaccines=coming.vaccines, days=coming.days)


def _what_next(course: Course, admitted_for: frozenset[int] | None = None) -> NextDose:
    """As services.what_next, with the vaccines that the directory keeps: no statement."""
    begun = {booked.vaccine_id for booked in course.doses.values()}
    intervals = [services.interval_of(_vaccine(pk)) for pk in begun]
    return course.what_next(intervals, admitted_for)


@require_safe
@booking_page(known)
def second(request: HttpRequest, person_id: int) -> HttpResponse:
    """Times for the second dose: beside a held first one, or after one booked or given."""
    held = services.held_by(person_id)
    first = next((one for one in held if one.dose == 1), None)
    code = request.GET.get("clinic")
    if first:
        if first.slot.vaccine.doses < 2:
            return redirect("confirm")
        return show(request, beside(first.slot), code=code, default=first.slot)
    course = services.course_of(person_id)
    if 1 not in course.doses:
        return redirect("booking")
    coming = _what_next(course)
    if coming.refusal:
        return _nothing_more(request, person_id, coming.refusal)
    purpose = _second_dose(_vaccine(course.doses[1].vaccine_id), course.doses[1].on)
    booked = Reservation.objects.live().with_slot().filter(person=person_id, dose=1)
    confirmed = booked.first()
    if confirmed:
        back = reverse("reservation", args=[confirmed.number])
        return show(request, replace(purpose, back=back), code=code, default=confirmed.slot)
    home = Person.objects.get(pk=person_id)
    return show(request, purpose, code=code, home=home)


def _nothing_more(request: HttpRequest, person_id: int, refusal: Refused) -> HttpResponse:
    booked = Reservation.objects.live().exclude(status=ReservationStatus.HELD).with_slot()
    context = {
        "refusal": refusal,
        "held": [],
        "booked": booked.filter(person=person_id).order_by("dose"),
        "offered": [],
        "again": None,
        "nothing_more": True,
    }
    return render(request, "booking/refused.html", context, status=409)


def beside(first: Slot) -> Purpose:
    """A second time to be held together with this first one."""
    vaccine, on = first.vaccine, timezone.localtime(first.starts_at).date()
    return replace(
        _second_dose(vaccine, on),
        hidden={"slot": str(first.pk)},
        field="second",
        back=reverse("confirm"),
    )


def _vaccine(pk: int) -> Vaccine:
    return availability.directory().vaccines.get(pk) or Vaccine.objects.get(pk=pk)


def _second_dose(vaccine: Vaccine, first_on: date) -> Purpose:
    return Purpose(
        title=_("Choose the time of your second dose"),
        base=reverse("second"),
        action=reverse("hold"),
        lead=_when_second(vaccine, first_on),
        vaccines=frozenset([vaccine.pk]),
        days=services.interval_of(vaccine).days_for_second(first_on),
    )


def _when_second(vaccine: Vaccine, on: date) -> str:
    """Between which days, and which is best."""
    interval = services.interval_of(vaccine)
    earliest, latest = interval.days_for_second(on)
    best = interval.best_for_second(on)
    days = {"first": on, "earliest": earliest, "latest": latest, "best": best}
    return _(
        "Your first dose is on %(first)s. The second is possible from %(earliest)s to %(latest)s; "
        "%(best)s is best."
    ) % {name: date_format(day, _("D j M")) for name, day in days.items()}


def show(
    request: HttpRequest,
    purpose: Purpose,
    *,
    code: str | None = None,
    home: Person | None = None,
    default: Slot | None = None,
    refusal: Exception | None = None,
) -> HttpResponse:
    """One page of the finder: regions, districts, clinics with times, or one clinic."""
    # Most people ask for nothing yet; then the form is needed only where it is shown anew.
    form = SearchForm(request.GET, vaccines=purpose.vaccines) if request.GET else None
    if form:
        search = form.search(vaccines=purpose.vaccines, days=purpose.days)
    else:
        search = Search(vaccines=purpose.vaccines, days=purpose.days)
    wrong = bool(form and form.errors)
    context: dict[str, Any] = {
        "form": form,
        "purpose": purpose,
        "refusal": refusal,
        "conditions": form.conditions(search) if form else [],
        "clinic": None,
        "code": None,
    }
    status = 409 if refusal else 422 if wrong else 200
    if code:
        return _one_clinic(request, code, search, context, status)
    if "choose" in request.GET or search.region or search.district:
        pass
    elif search.is_named():
        search = _from_here(search, home, default)
    elif default:
        return _one_clinic(request, default.clinic.code, search, context, status)
    elif home:
        search = _at_home(search, home)
    if not (search.district or search.is_named()):
        return _choose_district(request, search, context, status)
    search = _with_region(search)
    found = find(search)
    context |= {"found": found, "search": found.search}
    if not found.days:
        return _sold_out(request, search, context, status)
    return _with_parts(request, "times", context, status)


def _with_form(context: dict[str, Any]) -> dict[str, Any]:
    form = context["form"] or SearchForm({}, vaccines=context["purpose"].vaccines)
    return context | {"form": form}


def _with_parts(
    request: HttpRequest, page: str, context: dict[str, Any], status: int
) -> HttpResponse:
    """The page around its two big parts, which are the same for everybody who looks."""
    for part in ("days", "list"):
        context[part] = _part(f"booking/parts/{page}_{part}.html", context)
    return render(request, f"booking/{page}.html", context, status=status)


def _part(template: str, context: dict[str, Any]) -> str:
    found, purpose = context["found"], context["purpose"]
    wrong = context["form"] and context["form"].errors
    key = (template, get_language(), purpose.key)
    made = None if wrong else found.pages_made.get(key)
    if made is None:
        more = {"calendar": _calendar(found), "where": headlines.where(found.search)}
        made = render_to_string(template, _with_form(context) | more)
        if not wrong:
            found.pages_made[key] = made
    return made


def _at_home(search: Search, person: Person) -> Search:
    """Start in the person's own district, where one is known and has a clinic."""
    if (person.region, person.district) in availability.directory().by_district:
        return replace(search, region=person.region, district=person.district)
    return search


def _from_here(search: Search, home: Person | None, default: Slot | None) -> Search:
    """From one's own district, or that of the appointment: which 중구 is meant."""
    if default:
        here = default.clinic.region, default.clinic.district
    else:
        here = (home.region, home.district) if home else ("", "")
    return replace(search, region=here[0], district=here[1])


def _with_region(search: Search) -> Search:
    """`중구` alone names several; with a name of its own the region follows from the district."""
    if search.region or not search.district:
        return search
    districts = availability.directory().by_district
    regions = [region for region, district in districts if district == search.district]
    region = regions[0] if len(regions) == 1 else ""
    return replace(search, region=region)


def _choose_district(
    request: HttpRequest, search: Search, context: dict[str, Any], status: int
) -> HttpResponse:
    directory = availability.directory()
    context |= {"search": search, "regions": directory.regions(), "districts": []}
    if search.region in context["regions"]:
        context["districts"] = [
            (name, left, search.query(district=name)) for name, left in districts_with_times(search)
        ]
    return render(request, "booking/districts.html", _with_form(context), status=status)


def _one_clinic(
    request: HttpRequest, code: str, search: Search, context: dict[str, Any], status: int
) -> HttpResponse:
    place = availability.directory().by_code.get(code)
    if place is None:
        # Known, but not open for booking: a link from yesterday still leads on.
        if not code.isprintable():
            raise Http404  # no code has such letters, and Postgres refuses to look
        clinic = get_object_or_404(Clinic, code=code)
        return _no_times_at(request, clinic, search, context, status)
    found = clinic_times(place, search)
    context |= {"found": found, "search": search, "code": code}
    if not found.days:
        return _no_times_at(request, place, search, context, status)
    return _with_parts(request, "clinic", context | {"clinic": place}, status)


def _no_times_at(
    request: HttpRequest,
    clinic: ClinicFacts | Clinic,
    search: Search,
    context: dict[str, Any],
    status: int,
) -> HttpResponse:
    there = replace(search, region=clinic.region, district=clinic.district, name="", near="")
    return _sold_out(request, there, context | {"clinic": clinic, "search": there}, status)


def _sold_out(
    request: HttpRequest, search: Search, context: dict[str, Any], status: int
) -> HttpResponse:
    """Nothing is open that was asked for: say why, and where the nearest open times are."""
    context |= {
        "instead": elsewhere(search),
        "headline": headlines.sold_out(
            context["search"],
            context["clinic"],
            closed="found" not in context,
            looked=context["found"].looked if "found" in context else 0,
            narrowed=bool(context["conditions"]),
        ),
    }
    return render(request, "booking/sold_out.html", _with_form(context), status=status)


def _calendar(found: SearchResult) -> list[dict[str, Any]]:
    """The open days as weeks from Monday, for a table; empty days stay in their place."""
    if not found.days:
        return []
    left = dict(found.days)
    first, last = found.days[0][0], found.days[-1][0]
    day = date.fromordinal(first.toordinal() - first.weekday())
    weeks = []
    while day <= last:
        days = [date.fromordinal(day.toordinal() + number) for number in range(7)]
        weeks.append({"days": [(one, left.get(one, 0)) for one in days]})
        day = date.fromordinal(day.toordinal() + 7)
    return weeks


def like(slot: Slot, allowed: frozenset[int] | None) -> frozenset[int]:
    """The vaccine of a time that was lost, or what may be booked instead of it."""
    if allowed is None or slot.vaccine_id in allowed:
        return frozenset([slot.vaccine_id])
    return allowed


def lost(
    request: HttpRequest, purpose: Purpose, person_id: int, slot_id: int, refusal: Exception
) -> HttpResponse:
    """Somebody was faster: say so, and offer the nearest open times at once."""
    slot = Slot.objects.select_related("clinic", "vaccine").filter(pk=slot_id).first()
    if slot is None:
        raise Http404
    clinics = availability.directory().clinics
    offered = [
        (time, clinics[time.clinic_id])
        for time in alternatives(
            clinic_id=slot.clinic_id,
            vaccines=like(slot, purpose.vaccines),
            starts_at=slot.starts_at,
            days=purpose.days,
        )
    ]
    context = {
        "purpose": purpose,
        "refusal": refusal,
        "slot": slot,
        "taken": isinstance(refusal, SlotFull),
        "offered": offered,
        "held": services.held_by(person_id),
        "booking_url": reverse("booking"),
    }
    return render(request, "booking/lost.html", context, status=409)
