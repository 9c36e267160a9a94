"""Views that hold a slot, extend, release and confirm the hold."""

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

from booking.exceptions import (
    HeldLongEnough,
    HeldWithOthers,
    HoldChanged,
    HoldLapsed,
    NothingHeld,
    Refused,
    SlotFull,
    SlotOver,
)
from booking.finder import availability
from booking.finder.alternatives import alternatives
from booking.forms import ConfirmForm
from booking.models import Reservation, Slot
from booking.place_names import name_as_html
from booking.services import confirmations, courses, holds, reading, together
from booking.views.common import identified, reservations_in_session
from booking.views.ends import line_known, slot_lost_page, where_it_ended
from booking.views.finder import finder_page
from booking.views.purposes import first_dose_purpose, next_dose_purpose, second_beside
from database.clock import known_now
from eligibility.sessions import Claim, Session, claim_of, session_of, signed_in, to_identity
from messaging.enums import Channel
from standing.facts import PersonFacts
from standing.states import State
from waiting_room import health
from waiting_room.decorators import booking_page, find_admission, not_inside
from waiting_room.enums import Ending
from waiting_room.models import Admission
from waiting_room.services.entering import end_admission
from web import moulds
from web.language import keeps_typed_in_any_language, typed
from web.marking import marked
from web.moulds import Html, Text
from web.posted import posted_id
from web.templatetags.times import when
from web.times import hour_of

# How long after a hold lapsed its slot is offered again.
LAPSED_SHOWN = timedelta(hours=2)
# The values of a contact form that was not filled in.
EMPTY_CONTACT = {"channel": Channel.SMS, "email": ""}
# Below this the page says that the time is nearly over, as its script does (jari/booking-hold.js).
SOON_SECONDS = 120


def _may_hold(request: HttpRequest) -> dict[str, Any] | HttpResponse:
    """Guard: a person with an admission; gives the view `person_id` and `admission`."""
    if request.method != "POST":
        return redirect("confirm")  # GET by the language switch or a bookmark of a refusal page
    admission = find_admission(request, courses.admission_in_session)
    if admission is None:
        return not_inside(request, carried=("slot", "second"))
    return {"person_id": session_of(request).person_id, "admission": admission}


@require_http_methods(["GET", "HEAD", "POST"])
@booking_page(_may_hold)
def hold(request: HttpRequest, person_id: int, admission: Admission) -> HttpResponse:
    slot_id, second_id = posted_id(request, "slot"), posted_id(request, "second")
    if slot_id is None:
        # The posted form carries the search, which finder_page reads from GET.
        request.GET = request.POST
        purpose, home = next_dose_purpose(person_id, admission), admission.ticket.person
        return finder_page(request, purpose, home=home, refusal=Refused(_("Choose a time.")))
    try:
        holds.hold_best_slots(
            person_id=person_id,
            slot_id=slot_id,
            second_id=second_id,
            admission_id=admission.pk,
        )
    except (SlotFull, SlotOver) as refusal:
        # SlotFull names the slot of the two; SlotOver does not.
        missed = getattr(refusal, "slot_id", None) or slot_id
        if missed == slot_id:
            return slot_lost_page(
                request, next_dose_purpose(person_id, admission), person_id, missed, refusal
            )
        first = get_object_or_404(Slot.objects.select_related("vaccine"), pk=slot_id, home=None)
        return slot_lost_page(request, second_beside(first), person_id, missed, refusal)
    except HeldLongEnough as refusal:
        # The admission is used up: ending it lets the next person in.
        if admission.ended_at is None:
            end_admission(admission=admission, ending=Ending.LAPSED)
        return refusal_page(request, refusal)
    except Refused as refusal:
        return refusal_page(request, refusal)
    # Without a redirect, which saves a request: a reload holds the same again, which is idempotent.
    return _show_hold(request)


def refusal_page(request: HttpRequest, refusal: Refused, status: int = 409) -> HttpResponse:
    """A refusal with all ways to go on: holds, appointments, a lapsed slot and alternatives."""
    health.note_refusal(refusal if status == 409 else None)
    session = signed_in(request)
    if session is None:  # it ended while the page was made
        return to_identity(reverse("confirm"))
    live = Reservation.objects.live().filter(person=session.person_id)
    reservations = reading.visible_in(session, live.with_slot().order_by("dose"))
    now = known_now()
    context = {
        "refusal": refusal,
        "held": [reservation for reservation in reservations if reservation.is_holding(now)],
        "booked": [reservation for reservation in reservations if reservation.status != "held"],
        "offered": [],
        "again": None,
    }
    if context["booked"]:
        if isinstance(refusal, NothingHeld) and not context["held"]:
            context["refusal"] = _("You have booked already.")
    elif isinstance(refusal, HoldLapsed | NothingHeld):
        context |= _lapsed_hold(session)
        if context["offered"] or context["again"]:
            context["refusal"] = HoldLapsed()
    goes_on = bool(context["again"] or context["offered"])
    context |= where_it_ended(request, session, goes_on=goes_on)
    return render(request, "booking/refused.html", context, status=status)


def _lapsed_hold(session: Session) -> dict[str, Any]:
    """Context of a hold that lapsed lately: its slot if still open, and the nearest others."""
    last = (
        Reservation.objects.filter(person=session.person_id, status__in=["held", "lapsed"], dose=1)
        .with_slot()
        .order_by("-held_until")
        .first()
    )
    now = known_now()
    if last is None or last.held_until is None or not session.may_see(last.created_at):
        return {}
    if last.slot.starts_at <= now or last.held_until < now - LAPSED_SHOWN:
        return {}
    clinics = availability.directory().clinics
    open_slot = last.slot if last.slot.left > 0 or last.status == "held" else None
    offered = alternatives(
        clinic_id=last.slot.clinic_id,
        vaccines=frozenset([last.slot.vaccine_id]),
        starts_at=last.slot.starts_at,
    )
    return {
        "again": open_slot,
        "offered": [(time, clinics[time.clinic_id]) for time in offered],
        "purpose": first_dose_purpose(),
    }


def _may_confirm(request: HttpRequest) -> dict[str, Any] | HttpResponse:
    """Guard: a sign-in cookie; the statement of the page asks whether the session still holds."""
    claim = claim_of(request)
    return {"claim": claim} if claim else _to_identity(request)


def _to_identity(request: HttpRequest) -> HttpResponse:
    """For a person who is not signed in: the posted contact is kept with the hold."""
    if request.method == "POST":
        keep_unsent(request)
    return to_identity(reverse("confirm"))


@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed_in_any_language
@booking_page(_may_confirm)
def confirm(request: HttpRequest, claim: Claim) -> HttpResponse:
    if request.method != "POST":
        return _show_hold(request)
    form = ConfirmForm(request.POST)
    valid = form.is_valid()
    key = form.cleaned_data.get("key")
    if not key:
        return refusal_page(request, NothingHeld())
    if not valid:
        holds.keep_typed(key=key, contact=form.typed_contact())
        return _show_hold(request, form)
    return _confirm_posted(request, claim, key, form)


def keep_unsent(request: HttpRequest) -> None:
    """Store the posted contact with its hold when the form itself can't be accepted.

    For example after all cookies are gone: the form's secret key identifies the hold.
    """
    form = ConfirmForm(request.POST)
    form.is_valid()
    if key := form.cleaned_data.get("key"):
        holds.keep_typed(key=key, contact=form.typed_contact())


def _confirm_posted(
    request: HttpRequest, claim: Claim, key: uuid.UUID, form: ConfirmForm
) -> HttpResponse:
    try:
        session, confirmed = confirmations.confirm_in_session(
            claim=claim,
            key=key,
            contact=form.contact(),
            party=form.cleaned_data.get("alone"),
        )
    except (HoldChanged, HeldWithOthers) as refusal:
        return _show_hold(request, refusal=refusal)
    except Refused as refusal:
        return refusal_page(request, refusal)
    if session is None:
        return _to_identity(request)
    return redirect("reservation", number=confirmed[0].number)


def _show_hold(
    request: HttpRequest, form: ConfirmForm | None = None, refusal: Refused | None = None
) -> HttpResponse:
    session, held = reservations_in_session(request, held=True)
    if session is None:
        return _to_identity(request)
    if not held:
        return refusal_page(request, refusal or NothingHeld(), status=409 if refusal else 200)
    if not all(reservation.is_holding(known_now()) for reservation in held):
        return refusal_page(request, HoldLapsed())
    return _hold_page(request, held, form, refusal)


def ordinary_hold_page(request: HttpRequest, held: list[Reservation]) -> HttpResponse | None:
    """The page of what was just held; None where it has to be told otherwise (_show_hold)."""
    now = known_now()
    if not held or not all(reservation.is_holding(now) for reservation in held):
        return None
    return _hold_page(request, held)


def _hold_page(
    request: HttpRequest,
    held: list[Reservation],
    form: ConfirmForm | None = None,
    refusal: Refused | None = None,
) -> HttpResponse:
    now = known_now()
    health.note_refusal(refusal)
    first = held[0]
    # The ordinary page is kept in parts; one with something typed or refused is rendered.
    apart = _apart_from(request, first) if first.party else None
    make = render if form or refusal or apart else moulds.render
    if form is None:
        initial = {"channel": first.channel, "email": first.email or ""}
        initial |= typed(request, "channel", "email")
        if initial != EMPTY_CONTACT:
            form, make = ConfirmForm(initial=initial), render
    has_second = any(reservation.dose == 2 for reservation in held)
    context = {
        "form": form,
        "key": Text(form["key"].value() if form and form.is_bound else first.key),
        "kept_as": Text(first.key),
        "questions": _questions(form) if form else _empty_questions(get_language()),
        "apart": apart,
        "typed_form": "confirm",
        "typed_at": reverse("confirm"),
        "held": [_shown(reservation, first) for reservation in held],
        "first": _shown(first, first),
        "refusal": refusal,
        "clock": clock_of(first, now),
        "line": line_known(request, State.HELD, PersonFacts(now)),
        "lacks_second": first.dose == 1 and first.slot.vaccine.doses > 1 and not has_second,
    }
    status = 409 if refusal else 422 if form and form.errors else 200
    return make(request, "booking/confirm.html", context, status=status)


def _apart_from(request: HttpRequest, hold: Reservation) -> dict[str, Any] | None:
    """Of a hold that others of its party hold too: the party, and where all are confirmed at once
    (of who booked for them, in a session of their own)."""
    if not together.others_hold(hold.party, [hold.person_id]):
        return None
    session = session_of(request)
    party = None if session.by_id else together.party_of(hold)
    address = reverse("together_confirm", args=[party.name]) if party else ""
    return {"party": hold.party, "all_url": address}


def _shown(hold: Reservation, first: Reservation) -> dict[str, Any]:
    """A hold as the page shows it beside the first of them."""
    slot = hold.slot
    return {
        "dose": hold.dose if slot.vaccine.doses > 1 else None,
        "when": Html(when(slot.starts_at)),
        "elsewhere": slot.clinic_id != first.slot.clinic_id,
        "clinic": Html(name_as_html(slot.clinic)),
        "address": Html(marked(slot.clinic.address)),
        "vaccine": Text(slot.vaccine.name),
    }


def clock_of(first: Reservation, now: datetime) -> dict[str, Any]:
    """Context of the countdown: expiry, seconds left, extensions and its announcements."""
    extensions_left = holds.MOST_EXTENSIONS - first.extensions
    soon = _("Less than two minutes left. Extend the time, or confirm.")
    if extensions_left <= 0:
        soon = _("Less than two minutes left. Confirm now: the time can’t be extended again.")
    assert first.held_until  # constraint hold_has_a_clock
    seconds = int((first.held_until - now).total_seconds())
    return {
        "extend_at": reverse("extend"),
        "until": Text(hour_of(first.held_until)),
        "seconds_left": Text(seconds),
        "is_soon": seconds < SOON_SECONDS,
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
def _empty_questions(_language: str) -> str:
    """The empty contact form, cached by language: nearly every hold shows it."""
    return _questions(ConfirmForm(initial=EMPTY_CONTACT))


def _may_extend(request: HttpRequest) -> dict[str, Any] | HttpResponse:
    if request.method != "POST":
        return redirect("confirm")
    return identified(request)


@require_http_methods(["GET", "HEAD", "POST"])
@booking_page(_may_extend)
def extend(request: HttpRequest, person_id: int) -> HttpResponse:
    form = ConfirmForm(request.POST)
    form.is_valid()
    key = form.cleaned_data.get("key")
    try:
        if not key:
            raise NothingHeld
        holds.extend_hold(person_id=person_id, key=key, extension=posted_id(request, "extension"))
    except Refused as refusal:
        return _show_hold(request, refusal=refusal)
    holds.keep_typed(key=key, contact=form.typed_contact())
    return redirect("confirm")


def _may_release(request: HttpRequest) -> dict[str, Any] | HttpResponse:
    session = signed_in(request)
    if session is None or request.method != "POST":
        return redirect("booking")
    return {"person_id": session.person_id}


@require_http_methods(["GET", "HEAD", "POST"])
@booking_page(_may_release)
def release(request: HttpRequest, person_id: int) -> HttpResponse:
    holds.release_hold(person_id=person_id)
    return redirect("booking")
