"""The pages of the cancellation list and of an offer."""

import uuid
from datetime import timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from booking.areas import Area, areas_in, clinic_key
from booking.enums import ON_THE_LIST, OfferStatus, facilities_in_words
from booking.exceptions import OfferOver, OnTheListAlready, Refused
from booking.finder import availability
from booking.forms import ListEntryForm, weekdays_in_words
from booking.models import ListEntry, Offer
from booking.services import confirmations, courses, holds, offers, wishes
from booking.services.list_ranks import ranks_on_list
from booking.services.wishes import Wished
from booking.views import headlines
from booking.views.common import identified
from booking.views.ends import line_known, where_it_ended
from booking.views.holds import SOON_SECONDS, refusal_page
from booking.views.places import district_choices
from database.clock import known_now, known_today
from eligibility.models import Person
from eligibility.sessions import session_of, signed_in
from messaging.enums import Channel
from staff.actors import CITIZEN
from standing.facts import PersonFacts
from standing.states import State
from waiting_room import health
from waiting_room.decorators import booking_page, not_inside
from waiting_room.models import Admission
from web.language import keeps_typed_in_any_language, typed
from web.posted import form_data
from web.times import hour_of

DAYS_OFFERED = 14  # default length of the period


@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed_in_any_language
@booking_page(identified)
def cancellation_list(request: HttpRequest, person_id: int) -> HttpResponse:
    """The person's entries, or the form to join the list."""
    entries = list(
        ListEntry.objects.filter(person=person_id, status__in=ON_THE_LIST).order_by("dose")
    )
    session = session_of(request)
    if any(not session.may_see(entry.joined_at) for entry in entries):
        # Made before the person's consent: a proxy may neither see nor end the entry.
        return refusal_page(request, OnTheListAlready())
    if entries:
        ranks = ranks_on_list(entry.pk for entry in entries)
        shown = [_shown(entry, ranks.get(entry.pk)) for entry in entries]
        context = {
            "entries": shown,
            "needs": _needs(wishes.wishes_of(person_id, session.sees_from)),
        }
        return render(request, "booking/on_the_list.html", context)
    admission = courses.admission_for(person_id)
    if admission is None:
        return not_inside(request)
    dose = courses.next_dose_of(person_id)
    try:
        offers.check_entry(person_id=person_id, dose=dose)
    except Refused as refusal:
        return refusal_page(request, refusal)
    wished = wishes.wishes_of(person_id, session.sees_from)
    form = _entry_form(request, person_id, admission, dose, wished)
    refusal_shown: Refused | None = None
    if request.method == "POST" and form.is_valid():
        try:
            offers.join_list(
                person_id=person_id,
                admission_id=admission.pk,
                dose=dose,
                preferences=form.preferences(),
            )
        except Refused as reason:
            refusal_shown = reason
        else:
            return redirect("cancellation_list")
    status = 409 if refusal_shown else 422 if form.errors else 200
    context = {
        "form": form,
        "typed_form": "entry",
        "refusal": refusal_shown,
        "dose": dose,
        "needs": _needs(wished),
    }
    return render(request, "booking/join_list.html", context, status=status)


def _needs(wished: Wished | None) -> list[str]:
    return facilities_in_words(wished.needs) if wished else []


def _entry_form(
    request: HttpRequest, person_id: int, admission: Admission, dose: int, wished: Wished | None
) -> ListEntryForm:
    places = _places(request, person_id, wished)
    names = ("date_from", "date_to", "part", "vaccine", "leftover")
    directory = availability.directory()
    return ListEntryForm(
        form_data(request),
        places=places,
        dose=dose,
        vaccines=directory.vaccine_ids(admission.room.cohort.vaccines),
        initial={
            "places": _chosen_first(request, places, wished),
            "weekday": [str(day) for day in sorted(wished.weekdays)] if wished else [],
            "part": wished.part if wished else "",
            "vaccine": directory.vaccine_code(wished.vaccine_id) if wished else "",
            "date_from": known_today(),
            "date_to": known_today() + timedelta(days=DAYS_OFFERED),
            **typed(request, *names, lists=("places", "weekday")),
        },
    )


def _chosen_first(
    request: HttpRequest, places: list[tuple[str, str]], wished: Wished | None
) -> list[str]:
    """The clinic or district whose page led here, else the districts of the wishes."""
    led_here = "clinic" in request.GET or "district" in request.GET
    if wished and not led_here:
        return list(wished.places)
    return [places[0][0]] if places else []


def _places(request: HttpRequest, person_id: int, wished: Wished | None) -> list[tuple[str, str]]:
    """Area keys and names to choose from: the linked clinic, the districts around it, and those
    of the person's wishes.

    Without a clinic the districts around the one searched, else around the person's home.
    """
    directory = availability.directory()
    choices = []
    clinic = directory.by_code.get(request.GET.get("clinic") or request.POST.get("clinic", ""))
    if clinic:
        choices.append((clinic_key(clinic.id), clinic.full_name))
    home = (request.GET.get("region", ""), request.GET.get("district", ""))
    if clinic:
        home = (clinic.region, clinic.district)
    # The query string may hold anything: a district without clinics falls back on the home.
    if home not in directory.by_district:
        row = Person.objects.filter(pk=person_id).values_list("region", "district")
        home = row.first() or home
    # Districts chosen in a form that is shown again stay among the choices.
    chosen = areas_in(request.POST.getlist("places")) + (wished.areas if wished else [])
    return choices + district_choices(home, chosen)


def _shown(entry: ListEntry, rank: int | None) -> dict[str, Any]:
    directory = availability.directory()
    names = (directory.area_name(Area.of(key)) for key in entry.places)
    places = [name for name in names if name]
    offer = entry.offers.filter(status=OfferStatus.OPEN).select_related("slot__clinic").first()
    return {
        "entry": entry,
        "places": places,
        "offer": offer,
        "weekdays": weekdays_in_words(entry.weekdays),
        "any_hour": entry.any_hour,
        "rank": rank,
        "ahead": rank - 1 if rank else 0,
    }


@require_http_methods(["GET", "HEAD", "POST"])
@booking_page(identified)
def leave(request: HttpRequest, person_id: int) -> HttpResponse:
    if request.method != "POST":
        return redirect("cancellation_list")
    entries = ListEntry.objects.filter(person=person_id, status__in=ON_THE_LIST)
    # All or none: a proxy must not end an entry from before the consent.
    if all(session_of(request).may_see(entry.joined_at) for entry in entries):
        offers.leave_list(person_id=person_id)
    return redirect("booking")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def offer(request: HttpRequest, token: uuid.UUID) -> HttpResponse:
    """Show an offer, or accept it; the secret address is enough, and works once.

    The message with it went to the person's phone only. After the answer the page shows the
    status alone: the reservation opens for its person, or by number and phone.
    """
    offer_row = _offer(token)
    if request.method != "POST" or offer_row.answered_at:
        return _show(request, offer_row)
    try:
        confirmed = confirmations.confirm_hold(
            person_id=offer_row.person_id,
            key=offer_row.reservation.key,
            contact=holds.ContactChoice(
                Channel(offer_row.reservation.channel), offer_row.reservation.email
            ),
        )
    except Refused:
        return _show(request, _offer(token), OfferOver())
    session = signed_in(request)
    # The secret address alone does not open the reservation.
    if session and session.person_id == offer_row.person_id:
        return redirect("reservation", number=confirmed[0].number)
    return redirect("offer", token=token)


def _offer(token: uuid.UUID) -> Offer:
    offer = offers.open_offer(token)
    if offer is None:
        raise Http404
    return offer


def _show(request: HttpRequest, offer: Offer, refusal: Refused | None = None) -> HttpResponse:
    health.note_refusal(refusal)
    now = known_now()
    reservation = offer.reservation
    is_open = offer.status == OfferStatus.OPEN and reservation.is_holding(now)
    seconds = int((offer.until - now).total_seconds())
    context = {
        "offer": offer,
        "reservation": reservation,
        "open": is_open,
        "taken": offer.status == OfferStatus.TAKEN,
        "refusal": refusal,
        "headline": headlines.of_offer(offer, is_open=is_open),
        "title": _("A place is kept for you") if is_open else _("This offer has ended"),
        "clock": {
            "until": hour_of(offer.until),
            "seconds_left": seconds,
            "is_soon": seconds < SOON_SECONDS,
            "soon": _("Less than two minutes left. Answer now."),
            "over": _("The time has run out; the place goes to the next person."),
            "after": reverse("cancellation_list"),
            "after_label": _("The cancellation list"),
        },
    }
    context |= _standing(request, offer, is_open=is_open)
    return render(request, "booking/offer.html", context, status=409 if refusal else 200)


def _standing(request: HttpRequest, offer: Offer, *, is_open: bool) -> dict[str, Any]:
    """Where its person stands; once it has ended the secret address alone does not tell."""
    if is_open:
        facts = PersonFacts(known_now(), offer=str(offer.token), offer_until=offer.until)
        return {"stands": None, "line": line_known(request, State.OFFER, facts)}
    session = signed_in(request)
    if session is None or session.person_id != offer.person_id:
        return {"stands": None, "line": None}
    return where_it_ended(request, session, goes_on=False)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def decline(request: HttpRequest, token: uuid.UUID) -> HttpResponse:
    _offer(token)
    if request.method == "POST":
        try:
            offers.decline_offer(token=token, by=CITIZEN)
        except Refused as refusal:
            offer_row = _offer(token)
            # Accepted meanwhile, as in another tab: its page says so.
            if offer_row.status != OfferStatus.TAKEN:
                return _show(request, offer_row, refusal)
    return redirect("offer", token=token)
