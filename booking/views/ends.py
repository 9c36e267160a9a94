"""Pages on which something ended: refused, lost or run out. They say where the person stands."""

from dataclasses import replace
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from booking.enums import ReservationStatus
from booking.exceptions import Refused, SlotFull
from booking.finder import availability
from booking.finder.alternatives import alternatives
from booking.models import Reservation, Slot
from booking.services import reading
from booking.views.purposes import Purpose
from eligibility.sessions import Session, session_of, signed_in
from standing.facts import PersonFacts
from standing.hooks import facts_of, line_of, show, show_known
from standing.states import State
from waiting_room import health


def where_it_ended(request: HttpRequest, session: Session, *, goes_on: bool) -> dict[str, Any]:
    """Context of such a page: the whole standing with its one main action, or with `goes_on` one
    line of it, because the page itself has what to press next."""
    stands = show(request, facts_of(session.person_id, session.sees_from))
    if goes_on:
        return {"stands": None, "line": line_of(stands)}
    # The page of a hold answers with a refusal at its own address: its button must lead there.
    return {"stands": replace(stands, here=""), "line": None}


def line_known(request: HttpRequest, state: State, facts: PersonFacts) -> dict[str, str]:
    """The line of a page that knows the state by what it shows: it costs no statement."""
    return line_of(show_known(request, state, facts))


def no_dose_left_page(request: HttpRequest, refusal: Refused) -> HttpResponse:
    session = session_of(request)
    booked = Reservation.objects.live().exclude(status=ReservationStatus.HELD).with_slot()
    ended = where_it_ended(request, session, goes_on=False)
    # Inside with every dose given: the finder would only refuse again.
    if ended["stands"].state == State.INSIDE:
        ended["stands"] = replace(show_known(request, State.DONE, ended["stands"].facts), here="")
    context = {
        "refusal": refusal,
        "held": [],
        "booked": booked.filter(person=session.person_id).order_by("dose"),
        "offered": [],
        "again": None,
        **ended,
    }
    return render(request, "booking/refused.html", context, status=409)


def replacement_vaccines(slot: Slot, allowed: frozenset[int] | None) -> frozenset[int]:
    """The vaccine of a lost slot if it is allowed, else all allowed ones."""
    if allowed is None or slot.vaccine_id in allowed:
        return frozenset([slot.vaccine_id])
    return allowed


def slot_lost_page(
    request: HttpRequest, purpose: Purpose, person_id: int, slot_id: int, refusal: Exception
) -> HttpResponse:
    """The page after a lost race for a slot, with the nearest open slots."""
    health.note_refusal(refusal)
    slot = Slot.objects.select_related("clinic", "vaccine").filter(pk=slot_id, home=None).first()
    if slot is None:
        raise Http404
    clinics = availability.directory().clinics
    offered = [
        (time, clinics[time.clinic_id])
        for time in alternatives(
            clinic_id=slot.clinic_id,
            vaccines=replacement_vaccines(slot, purpose.vaccines),
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
        "held": reading.held_by(person_id),
        "booking_url": reverse("booking"),
        **_ended_for(request, person_id, goes_on=bool(offered)),
    }
    return render(request, "booking/lost.html", context, status=409)


def _ended_for(request: HttpRequest, person_id: int, *, goes_on: bool) -> dict[str, Any]:
    """Where this person stands, if the request is theirs: a number and its phone open less."""
    session = signed_in(request)
    if session is None or session.person_id != person_id:
        return {"stands": None, "line": None}
    return where_it_ended(request, session, goes_on=goes_on)
