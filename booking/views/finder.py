"""The finder pages: for a first dose, a second dose, and a change of an appointment."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from booking.finder import availability
from booking.finder.availability import ClinicFacts
from booking.finder.hours import hours_of_clinic
from booking.finder.map import Place, left_by_region, map_of_districts, map_of_regions
from booking.finder.search import (
    Search,
    clinic_times,
    districts_with_times,
    find,
    nearest_open_clinics,
)
from booking.forms import SearchForm, conditions_of
from booking.models import Clinic, Reservation, Slot
from booking.rules import Course
from booking.services import courses, wishes
from booking.services.wishes import Wished
from booking.views import headlines
from booking.views.common import may_book, reservations_in_session, to_identity_and_back
from booking.views.ends import no_dose_left_page
from booking.views.purposes import (
    Purpose,
    after_first,
    next_dose,
    purpose_of,
    second_beside,
    vaccine_of,
)
from booking.views.search_tool import calendar_of, search_tool, with_form
from booking.views.stays import Stay
from dataio.districts import district_name
from dataio.region_tiles import short_name
from eligibility.models import Person
from eligibility.sessions import session_of
from waiting_room import health
from waiting_room.decorators import booking_page
from waiting_room.models import Admission
from web import moulds
from web.moulds import Html, Text

PART = "X-Jari-Part"  # what jari/finder.js asks for, and is answered with


@require_safe
@booking_page(may_book)
def booking(request: HttpRequest, admission: Admission, stay: Admission | None) -> HttpResponse:
    person_id, sees_from = admission.ticket.person_id, session_of(request).sees_from
    course, wished = wishes.with_course(person_id, sees_from)
    return page_of_next_dose(request, admission, stay, course, wished)


def page_of_next_dose(
    request: HttpRequest,
    admission: Admission,
    stay: Admission | None,
    course: Course,
    wished: Wished | None,
) -> HttpResponse:
    """The finder for who books under this admission; booking.fast_path shows it too."""
    if 1 in course.doses:
        return _to_second(request.GET.urlencode())
    purpose = replace(purpose_of(course, admission), stay=Stay.of(stay))
    return finder_page(request, purpose, home=admission.ticket.person, wished=wished)


@require_safe
@booking_page(may_book)
def clinic(
    request: HttpRequest, admission: Admission, stay: Admission | None, code: str
) -> HttpResponse:
    course = courses.course_of(admission.ticket.person_id)
    if 1 in course.doses:
        return _to_second(urlencode({"clinic": code}), request.GET.urlencode())
    purpose = replace(purpose_of(course, admission), stay=Stay.of(stay))
    return finder_page(request, purpose, code=code)


def _to_second(*query: str) -> HttpResponse:
    """With a first dose only slots within its interval are shown."""
    asked = "&".join(filter(None, query))
    return redirect(f"{reverse('second')}?{asked}" if asked else "second")


def _with_holds(request: HttpRequest) -> dict[str, Any] | HttpResponse:
    """Guard as `identified`, that also gives the view the person's holds (`held`)."""
    session, held = reservations_in_session(request, held=True)
    if session is None:
        return to_identity_and_back(request)
    return {"person_id": session.person_id, "held": held}


@require_safe
@booking_page(_with_holds)
def second(request: HttpRequest, person_id: int, held: list[Reservation]) -> HttpResponse:
    """Slots for the second dose: with a held first dose, or after one booked or given."""
    first = next((reservation for reservation in held if reservation.dose == 1), None)
    code = request.GET.get("clinic")
    if first:
        if first.slot.vaccine.doses < 2:
            return redirect("confirm")
        wished = wishes.wishes_of(person_id, session_of(request).sees_from)
        purpose = second_beside(first.slot)
        return finder_page(request, purpose, code=code, default=first.slot, wished=wished)
    course, wished = wishes.with_course(person_id, session_of(request).sees_from)
    if 1 not in course.doses:
        return redirect("booking")
    turn = next_dose(course)
    if turn.refusal:
        return no_dose_left_page(request, turn.refusal)
    purpose = after_first(vaccine_of(course.doses[1].vaccine_id), course.doses[1].on)
    booked = Reservation.objects.live().with_slot().filter(person=person_id, dose=1)
    confirmed = booked.first()
    if confirmed:
        back = reverse("reservation", args=[confirmed.number])
        purpose = replace(purpose, back=back)
        return finder_page(request, purpose, code=code, default=confirmed.slot, wished=wished)
    person = Person.objects.get(pk=person_id)
    return finder_page(request, purpose, code=code, home=person, wished=wished)


def finder_page(
    request: HttpRequest,
    purpose: Purpose,
    *,
    code: str | None = None,
    home: Person | None = None,
    default: Slot | None = None,
    wished: Wished | None = None,
    refusal: Exception | None = None,
) -> HttpResponse:
    """A page of the finder: regions, districts, clinics with slots, or one clinic.

    `code` is the clinic asked for, `home` the person whose district is the default, `default`
    the slot whose clinic and district are. `wished` is what is shown first instead, at the clinic
    of `default` by its weekdays and hours. Status 409 with a refusal, 422 for invalid criteria.
    """
    health.note_refusal(refusal)
    form, search = _criteria(request, purpose, wished, default)
    invalid = bool(form and form.errors)
    context: dict[str, Any] = {
        "form": form,
        "purpose": purpose,
        "refusal": refusal,
        "conditions": conditions_of(search),
        "relaxed": False,
        "clinic": None,
        "code": None,
        # Where more time leads back to: the answer to a POST has no address of its own.
        "here": request.get_full_path() if request.method == "GET" else purpose.base,
    }
    status = 409 if refusal else 422 if invalid else 200
    if code:
        return _one_clinic(request, code, search, context, status)
    # Defaults, unless the visitor has chosen an area or asks to choose one.
    if "choose" in request.GET or search.region or search.district:
        pass
    elif search.is_named():
        search = _from_own_district(search, home, default)
    elif default:
        return _one_clinic(request, default.clinic.code, search, context, status)
    elif home:
        search = _in_home_district(search, home)
    if not (search.district or search.is_named()):
        return _choose_district(request, search, context, status)
    search = _with_known_region(search)
    result = find(search)
    if search.places and search.is_narrowed and not result.days:
        # Of the same spans, which are cached: no statement more.
        search = search.widened()
        result = find(search)
        context |= {"relaxed": bool(result.days), "conditions": conditions_of(search)}
    context |= {"found": result, "search": result.search}
    if not result.days:
        return _sold_out(request, search, context, status)
    return _with_parts(request, "times", context, status)


def _criteria(
    request: HttpRequest, purpose: Purpose, wished: Wished | None, default: Slot | None
) -> tuple[SearchForm | None, Search]:
    """The form of the criteria asked for, if there are any, and the search by them.

    Wishes are the criteria where there are no others; `mine` asks for their districts alone.
    """
    # Building the form is slow, and most requests have no criteria: the cached HTML suffices.
    form = SearchForm(request.GET, vaccines=purpose.vaccines) if request.GET else None
    fixed: dict[str, Any] = {
        "vaccines": purpose.vaccines,
        "days": purpose.days,
        "beside": purpose.beside,
    }
    search = form.search(**fixed) if form else Search(**fixed)
    if wished and default and not request.GET:
        search = replace(search, weekdays=wished.weekdays, part=wished.part)
    elif wished and ("mine" in request.GET or not request.GET):
        search = _in_wished_places(search, wished, narrow=not request.GET)
    return form, search


def _with_parts(
    request: HttpRequest, page: str, context: dict[str, Any], status: int
) -> HttpResponse:
    """Render a page around its two large parts, which are cached for all visitors."""
    for part in ("days", "list"):
        context[part] = Html(_rendered_part(f"booking/parts/{page}_{part}.html", context))
    if page == "times" and status == 200:
        names = ("purpose", "relaxed", "days", "list")
        context = {name: context[name] for name in names} | {
            "form": None,
            "refusal": None,
            "here": Text(context["here"]),
        }
        return _page(request, "booking/times.html", context, status, moulds.render)
    return _page(request, f"booking/{page}.html", context, status)


def _page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    status: int,
    made_by: Callable[..., HttpResponse] = render,
) -> HttpResponse:
    """A page of the finder, or its content alone for jari/finder.js, which asks by a header."""
    alone = request.headers.get(PART) == "content"
    layout = "fragment.html" if alone else "base.html"
    response = made_by(request, template, context | {"layout": layout}, status=status)
    patch_vary_headers(response, [PART])
    if alone:
        response[PART] = "content"
    return response


def _rendered_part(template: str, context: dict[str, Any]) -> str:
    result, purpose = context["found"], context["purpose"]
    invalid = context["form"] and context["form"].errors
    # Everything that the HTML depends on besides the search, by which the result is cached.
    readers = get_language(), purpose.key
    key = template, *readers
    html = None if invalid else result.rendered_parts.get(key)
    if html is None and availability.is_at_hand() and readers in result.being_rendered:
        html = result.former_parts.get(key)
    if html is None:
        result.being_rendered.add(readers)
        availability.needs_a_thread()
        extra = {
            "calendar": calendar_of(result),
            "where": headlines.list_heading(result.search),
        }
        if template == "booking/parts/times_days.html":
            extra["search_tool"] = search_tool(context)
        html = render_to_string(template, context | extra)
        if not invalid:
            result.rendered_parts[key] = html
    return html


def _in_wished_places(search: Search, wished: Wished, *, narrow: bool) -> Search:
    """Search in the districts of the wishes; with `narrow` also by their days, hours, vaccine."""
    area = wished.areas[0]
    # The first is where distances are measured from, when nothing is open in any of them.
    search = replace(search, places=wished.places, region=area.region, district=area.district)
    if not narrow:
        return search
    allowed = search.vaccines is None or wished.vaccine_id in search.vaccines
    return replace(
        search,
        weekdays=wished.weekdays,
        part=wished.part,
        vaccine=availability.directory().vaccine_code(wished.vaccine_id) if allowed else "",
        has=wished.needs,
    )


def _in_home_district(search: Search, person: Person) -> Search:
    """Search in the person's own district, if it is known and has clinics."""
    if (person.region, person.district) in availability.directory().by_district:
        return replace(search, region=person.region, district=person.district)
    return search


def _from_own_district(search: Search, home: Person | None, default: Slot | None) -> Search:
    """Distances from the appointment's or the person's district; it also resolves 중구."""
    if default:
        place = default.clinic.region, default.clinic.district
    else:
        place = (home.region, home.district) if home else ("", "")
    return replace(search, region=place[0], district=place[1])


def _with_known_region(search: Search) -> Search:
    """Add the region if the district's name is unique; `중구` exists in several regions."""
    if search.region or not search.district:
        return search
    districts = availability.directory().by_district
    regions = [region for region, district in districts if district == search.district]
    region = regions[0] if len(regions) == 1 else ""
    return replace(search, region=region)


def _on_tile(district: str) -> str:
    """Romanised names without "-gu", "-si" and "-gun", as maps have them."""
    return district.rpartition("-")[0] or district


def _choose_district(
    request: HttpRequest, search: Search, context: dict[str, Any], status: int
) -> HttpResponse:
    availability.needs_a_thread()
    regions = availability.directory().regions()
    in_region = search.region in regions
    context |= {"search": search, "in_region": in_region}
    if in_region:
        places = [
            Place(
                name,
                _on_tile(district_name(search.region, name)),
                search.query(district=name),
                left,
            )
            for name, left in districts_with_times(search)
        ]
        drawn = map_of_districts(search.region, places)
    else:
        left = left_by_region(search.vaccines)
        places = [
            Place(
                region,
                short_name(region),
                search.query(region=region, district=""),
                left.get(region, 0) if left else None,
            )
            for region in regions
        ]
        drawn = map_of_regions(places)
    context |= {"places": places, "map": drawn}
    return _page(request, "booking/districts.html", with_form(context), status)


def _one_clinic(
    request: HttpRequest, code: str, search: Search, context: dict[str, Any], status: int
) -> HttpResponse:
    clinic = availability.directory().by_code.get(code)
    if clinic is None:
        # Not in the directory: unknown, or closed since a link to it was shown.
        if not code.isprintable():
            raise Http404  # Postgres refuses NUL in text
        closed_clinic = get_object_or_404(Clinic, code=code)
        return _no_times_at(request, closed_clinic, search, context, status)
    result = clinic_times(clinic, search)
    if not result.days and search.is_narrowed and not request.GET:
        # Narrowed by wishes alone, which the reader did not type here.
        search = search.widened()
        result = clinic_times(clinic, search)
        context |= {"relaxed": bool(result.days), "conditions": conditions_of(search)}
    context |= {"found": result, "search": search, "code": code}
    context["hours"] = hours_of_clinic(clinic.id)
    if not result.days:
        return _no_times_at(request, clinic, search, context, status)
    return _with_parts(request, "clinic", context | {"clinic": clinic}, status)


def _no_times_at(
    request: HttpRequest,
    clinic: ClinicFacts | Clinic,
    search: Search,
    context: dict[str, Any],
    status: int,
) -> HttpResponse:
    in_district = replace(
        search, region=clinic.region, district=clinic.district, name="", near="", places=()
    )
    return _sold_out(
        request, in_district, context | {"clinic": clinic, "search": in_district}, status
    )


def _sold_out(
    request: HttpRequest, search: Search, context: dict[str, Any], status: int
) -> HttpResponse:
    """The page without a result: the reason, and the nearest clinics with open slots."""
    availability.needs_a_thread()
    context |= {
        "instead": nearest_open_clinics(search),
        "headline": headlines.sold_out(
            context["search"],
            context["clinic"],
            closed="found" not in context,
            clinics_searched=context["found"].clinics_searched if "found" in context else 0,
            narrowed=bool(context["conditions"]),
        ),
    }
    return _page(request, "booking/sold_out.html", with_form(context), status)
