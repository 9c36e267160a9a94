"""Hold, extend, give up, confirm."""

import uuid
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from booking import services
from booking.exceptions import (
    HeldLongEnough,
    HoldChanged,
    HoldLapsed,
    NothingHeld,
    Refused,
    SlotFull,
    SlotOver,
)
from booking.finder import availability
from booking.finder.search import alternatives
from booking.forms import ConfirmForm
from booking.models import Reservation, Slot
from booking.views.common import in_sight, keeps_typed, known
from booking.views.finder import beside, lost, show, to_book, to_choose
from database.clock import known_now
from eligibility.sessions import signed_in, to_identity
from messaging.enums import Channel
from waiting_room.decorators import booking_page, not_inside
from waiting_room.enums import Ending
from waiting_room.models import Admission
from waiting_room.services import end_admission
from web.language import keeps_typed_in_any_language, typed
from web.posted import posted_id

# Who comes back later than this has forgotten which time it was.
RECENT = timedelta(hours=2)
# What a form says in which nothing was typed.
UNTOUCHED = {"channel": Channel.SMS, "email": ""}


def _may_hold(request: HttpRequest) -> dict[str, Any] | HttpResponse:
    """A door for whoever has an admission to book under: `person_id` and `admission`."""
    if request.method != "POST":
        return redirect("confirm")  # a language switch or a bookmark after a refused hold
    who = signed_in(request)
    admission = services.admission_for(who.person_id) if who else None
    if who is None or admission is None:
        return not_inside(request)
    return {"person_id": who.person_id, "admission": admission}


@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed
@booking_page(_may_hold)
def hold(request: HttpRequest, person_id: int, admission: Admission) -> HttpResponse:
    slot_id, second_id = posted_id(request, "slot"), posted_id(request, "second")
    if slot_id is None:
        request.GET = request.POST
        purpose, home = to_choose(person_id, admission), admission.ticket.person
        return show(request, purpose, home=home, refusal=Refused(_("Choose a time.")))
    try:
        services.hold_best_slots(
            person_id=person_id,
            slot_id=slot_id,
            second_id=second_id,
            admission_id=admission.pk,
        )
    except (SlotFull, SlotOver) as refusal:
        missed = getattr(refusal, "slot_id", None) or slot_id
        if missed == slot_id:
            return lost(request, to_choose(person_id, admission), person_id, missed, refusal)
        first = get_object_or_404(Slot.objects.select_related("vaccine"), pk=slot_id)
        return lost(request, beside(first), person_id, missed, refusal)
    except HeldLongEnough as refusal:
        if admission.ended_at is None:
            end_admission(admission=admission, ending=Ending.LAPSED)
        return refusal_page(request, refusal)
    except Refused as refusal:
        return refusal_page(request, refusal)
    # At once, without a redirect: pressing reload holds the same again, which changes nothing.
    return _show_hold(request, person_id)


def refusal_page(request: HttpRequest, refusal: Refused, status: int = 409) -> HttpResponse:
    """What happened, and every way to go on that this person has."""
    who = signed_in(request)
    person_id = who.person_id if who else 0
    reservations = list(
        Reservation.objects.live().filter(person=person_id).with_slot().order_by("dose")
    )
    reservations = in_sight(request, reservations)
    now = known_now()
    context = {
        "refusal": refusal,
        "held": [one for one in reservations if one.is_holding(now)],
        "booked": [one for one in reservations if one.status != "held"],
        "offered": [],
        "again": None,
        "nothing_more": False,
    }
    if context["booked"]:
        if isinstance(refusal, NothingHeld) and not context["held"]:
            context["refusal"] = _("You have booked already.")
    elif isinstance(refusal, HoldLapsed | NothingHeld):
        context |= _what_ran_out(person_id)
        if context["offered"] or context["again"]:
            context["refusal"] = HoldLapsed()
    return render(request, "booking/refused.html", context, status=status)


def _what_ran_out(person_id: int) -> dict[str, Any]:
    """The time somebody lost to the clock: once more if it is still open, else the nearest."""
    last = (
        Reservation.objects.filter(person=person_id, status__in=["held", "lapsed"], dose=1)
        .with_slot()
        .order_by("-held_until")
        .first()
    )
    now = known_now()
    if last is None or last.held_until is None:
        return {}
    if last.slot.starts_at <= now or last.held_until < now - RECENT:
        return {}
    places = availability.directory().clinics
    again = last.slot if last.slot.left > 0 or last.status == "held" else None
    offered = alternatives(
        clinic_id=last.slot.clinic_id,
        vaccines=frozenset([last.slot.vaccine_id]),
        starts_at=last.slot.starts_at,
    )
    return {
        "again": again,
        "offered": [(time, places[time.clinic_id]) for time in offered],
        "purpose": to_book(),
    }


def _may_confirm(request: HttpRequest) -> dict[str, Any] | HttpResponse:
    """A door for whoever proved who they are; signed out, what was typed waits with the hold."""
    who = signed_in(request)
    if who is None:
        if request.method == "POST":
            keep_unsent(request)
        return to_identity(reverse("confirm"))
    return {"person_id": who.person_id}


@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed_in_any_language
@keeps_typed
@booking_page(_may_confirm)
def confirm(request: HttpRequest, person_id: int) -> HttpResponse:
    if request.method != "POST":
        return _show_hold(request, person_id)
    form = ConfirmForm(request.POST)
    valid = form.is_valid()
    key = form.cleaned_data.get("key")
    if not key:
        return refusal_page(request, NothingHeld())
    if not valid:
        services.keep_typed(key=key, wanted=form.typed())
        return _show_hold(request, person_id, form)
    return _confirmed(request, person_id, key, form)


def keep_unsent(request: HttpRequest) -> None:
    """Keep what was typed into a form that can't be taken, as when all cookies are gone."""
    form = ConfirmForm(request.POST)
    form.is_valid()
    if key := form.cleaned_data.get("key"):
        services.keep_typed(key=key, wanted=form.typed())


def _confirmed(
    request: HttpRequest, person_id: int, key: uuid.UUID, form: ConfirmForm
) -> HttpResponse:
    try:
        confirmed = services.confirm_hold(person_id=person_id, key=key, wanted=form.wanted())
    except HoldChanged as refusal:
        return _show_hold(request, person_id, refusal=refusal)
    except Refused as refusal:
        return refusal_page(request, refusal)
    return redirect("reservation", number=confirmed[0].number)


def _show_hold(
    request: HttpRequest,
    person_id: int,
    form: ConfirmForm | None = None,
    refusal: Refused | None = None,
) -> HttpResponse:
    held = in_sight(request, services.held_by(person_id))
    now = known_now()
    if not held:
        return refusal_page(request, refusal or NothingHeld(), status=409 if refusal else 200)
    if not all(one.is_holding(now) for one in held):
        return refusal_page(request, HoldLapsed())
    first = held[0]
    if form is None:
        kept = {"channel": first.channel, "email": first.email or ""}
        kept |= typed(request, "channel", "email")
        if kept != UNTOUCHED:
            form = ConfirmForm(initial=kept)
    context = {
        "form": form,
        "key": form["key"].value() if form and form.is_bound else first.key,
        "questions": _questions(form) if form else _untouched_questions(get_language()),
        "typed_form": "confirm",
        "typed_at": reverse("confirm"),
        "held": held,
        "first": first,
        "refusal": refusal,
        "clock": _clock(first, now),
        "wants_second": first.dose == 1 and first.slot.vaccine.doses > 1,
        "second": next((one for one in held if one.dose == 2), None),
    }
    status = 409 if refusal else 422 if form and form.errors else 200
    return render(request, "booking/confirm.html", context, status=status)


def _clock(first: Reservation, now: datetime) -> dict[str, Any]:
    """How long the held times are kept, and what is said towards the end."""
    extensions_left = services.MOST_EXTENSIONS - first.extensions
    soon = _("Less than two minutes left. Extend the time, or confirm.")
    if extensions_left <= 0:
        soon = _("Less than two minutes left. Confirm now: the time can’t be extended again.")
    assert first.held_until  # a hold has its time
    return {
        "until": first.held_until,
        "seconds_left": int((first.held_until - now).total_seconds()),
        "soon": soon,
        "over": _("The time has run out. Choose a time again."),
        "extension": first.extensions + 1,
        "extensions_left": extensions_left,
        "after": reverse("confirm"),
        "after_label": _("See whether it is still open"),
    }


def _questions(form: ConfirmForm) -> str:
    return render_to_string("booking/parts/confirm_questions.html", {"form": form})


@lru_cache
def _untouched_questions(_language: str) -> str:
    """As nearly everybody sees them: nothing typed yet, nothing wrong."""
    return _questions(ConfirmForm(initial=UNTOUCHED))


def _may_extend(request: HttpRequest) -> dict[str, Any] | HttpResponse:
    if request.method != "POST":
        return redirect("confirm")
    return known(request)


@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed
@booking_page(_may_extend)
def extend(request: HttpRequest, person_id: int) -> HttpResponse:
    form = ConfirmForm(request.POST)
    form.is_valid()
    key = form.cleaned_data.get("key")
    try:
        if not key:
            raise NothingHeld
        services.extend_hold(
            person_id=person_id, key=key, extension=posted_id(request, "extension")
        )
    except HoldChanged as refusal:
        return _show_hold(request, person_id, refusal=refusal)
    except Refused as refusal:
        if services.held_by(person_id):
            return _show_hold(request, person_id, refusal=refusal)
        return refusal_page(request, refusal)
    services.keep_typed(key=key, wanted=form.typed())
    return redirect("confirm")


def _may_release(request: HttpRequest) -> dict[str, Any] | HttpResponse:
    who = signed_in(request)
    if who is None or request.method != "POST":
        return redirect("booking")
    return {"person_id": who.person_id}


@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed
@booking_page(_may_release)
def release(request: HttpRequest, person_id: int) -> HttpResponse:
    services.release_hold(person_id=person_id)
    return redirect("booking")
