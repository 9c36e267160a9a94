"""The receipt of a reservation, its lookup, change, cancellation and calendar file."""

import logging
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from booking import history, hooks
from booking.calendar_file import calendar_file
from booking.enums import LIVE, ReservationStatus
from booking.exceptions import (
    AlreadyBooked,
    Refused,
    SlotClosed,
    SlotFull,
    SlotOver,
    TooLate,
)
from booking.forms import LookupForm
from booking.history import actor_for_person
from booking.limits import count_failure, look_up_is_slowed
from booking.models import Reservation
from booking.models.reservations import NUMBER_LETTERS
from booking.place_names import name_as_html
from booking.qr import qr_svg
from booking.services import changes, reading
from booking.services.closure_messages import closure_notice
from booking.views import headlines
from booking.views.common import looked_up, own_reservation, with_number
from database.clock import known_now
from eligibility.sessions import signed_in
from staff.actors import CITIZEN, is_staff
from standing.states import State
from standing.texts import TABLE
from waiting_room import health
from waiting_room.decorators import booking_page
from web import moulds
from web.calendars import calendar_response
from web.language import keeps_typed_in_any_language, typed
from web.marking import marked
from web.moulds import Html, Text
from web.posted import form_data
from web.proof_of_work import NO_WORK, work_for
from web.templatetags.times import when

log = logging.getLogger(__name__)

TO_COME = [ReservationStatus.HELD, ReservationStatus.CONFIRMED, ReservationStatus.ARRIVED]
EXPECTED = [ReservationStatus.CONFIRMED, ReservationStatus.ARRIVED]
SHOWN_AT_THE_DESK = [*EXPECTED, ReservationStatus.VACCINATED]
OVER = [
    ReservationStatus.CANCELLED,
    ReservationStatus.LAPSED,
    ReservationStatus.RELEASED,
    ReservationStatus.NOT_DONE,
    ReservationStatus.NO_SHOW,
]
# States of the receipt for refusals of undoing a cancellation.
WHY_NOT_UNDO: dict[type[Refused], str] = {
    AlreadyBooked: "replaced",
    SlotClosed: "closed",
    SlotFull: "gone",
    SlotOver: "late",
    TooLate: "late",
}
_ANY = "0" * NUMBER_LETTERS  # stands for a number in an address
# Badge colours of statuses in a list.
BADGES = {ReservationStatus.CONFIRMED: "success", ReservationStatus.HELD: "warning"}


@require_safe
@booking_page(own_reservation)
def reservation(
    request: HttpRequest, reservation: Reservation, reservations: list[Reservation]
) -> HttpResponse:
    return receipt(request, reservation, reservations)


def receipt(
    request: HttpRequest,
    reservation: Reservation,
    reservations: list[Reservation],
    *,
    refusal: Refused | None = None,
    asks_cancel: bool = False,
) -> HttpResponse:
    """The page of one reservation; status 409 with a refusal."""
    health.note_refusal(refusal)
    now = known_now()
    others = [
        other for other in reservations if other.pk != reservation.pk and other.status in LIVE
    ]
    current = reservation.status == ReservationStatus.CONFIRMED
    asks_cancel = asks_cancel and current
    may_change = current and now < reservation.changes_until
    second = next((other for other in others if other.dose == 2), None)
    replaced = any(other.dose == reservation.dose for other in others)
    context = {
        "shown": _shown(reservation),
        "others": [_shown(other) for other in others if other.status != ReservationStatus.HELD],
        "refusal": refusal,
        "closure": closure_notice(reservation),
        "headline": headlines.of_reservation(reservation, asks_cancel=asks_cancel),
        "asks_cancel": asks_cancel,
        "is_confirmed": current,
        "is_held": reservation.status == ReservationStatus.HELD,
        "is_expected": reservation.status in EXPECTED,
        "shows_steps": current and not asks_cancel,
        # In large letters for statuses in which it is shown at the clinic's desk.
        "shows_number": reservation.status in SHOWN_AT_THE_DESK and not asks_cancel,
        "goes_along": second if asks_cancel and reservation.dose == 1 else None,
        "may_change": may_change,
        "is_too_late": current and not may_change and not refusal,
        "undo": _undo(reservation, reservations, now),
        "wants_second": current
        and reservation.dose == 1
        and reservation.slot.vaccine.doses > 1
        # A home's second doses are booked as a list, with their visit.
        and reservation.slot.home_id is None
        and second is None,
        "second_missing": _second_missing(),
        "starts_again": reservation.status in OVER and not replaced,
        "links": _links(reservation),
        "qr": Html(qr_svg(reservation.number)),
        "history": _history_rows(reservation) if "history" in request.GET else None,
    }
    unusual = ("refusal", "closure", "goes_along", "history")
    if all(context[name] is None for name in unusual):
        return moulds.render(request, "booking/reservation.html", context)
    context["reservation"] = reservation
    return render(request, "booking/reservation.html", context, status=409 if refusal else 200)


def ordinary_receipt(
    request: HttpRequest, number: str, reservations: list[Reservation]
) -> HttpResponse | None:
    """The page of a confirmed appointment; None where more has to be read (own_reservation)."""
    reservation = with_number(number, reservations)
    if reservation is None or reservation.status != ReservationStatus.CONFIRMED:
        return None
    # What staff did may be a closure, which closure_notice looks up.
    return None if is_staff(reservation.by) else receipt(request, reservation, reservations)


def _links(reservation: Reservation) -> list[dict[str, Text]]:
    links = hooks.links_of(hooks.receipt_links, reservation)
    return [{"label": Text(link.label), "address": Text(link.address)} for link in links]


def _second_missing() -> dict[str, Any]:
    texts = TABLE[State.SECOND_MISSING]
    return {"heading": texts.heading, "label": texts.action.label if texts.action else ""}


def _shown(reservation: Reservation) -> dict[str, Any]:
    """What the receipt shows of a reservation, with its addresses."""
    slot = reservation.slot
    return {
        "number": Text(reservation.shown_number),
        "dose": reservation.dose,
        "vaccine": {"doses": slot.vaccine.doses, "name": Text(slot.vaccine.name)},
        "when": Html(when(slot.starts_at)),
        "changes_until": Html(when(reservation.changes_until, "short")),
        "place": Html(name_as_html(slot.place)),
        "address": Html(marked(slot.place.address)),
        "at_home": slot.home_id is not None,
        "clinic": Html(name_as_html(slot.clinic)),
        "phone": Text(slot.clinic.phone),
        "url": _address("reservation", reservation.number),
        "cancel_url": _address("cancel", reservation.number),
        "undo_url": _address("undo", reservation.number),
        "change_url": _address("change", reservation.number),
        "calendar_url": _address("calendar", reservation.number),
        "share_url": _address("share", reservation.number),
    }


def _address(name: str, number: str) -> Text:
    return moulds.address(name, number, like=_ANY)


def _undo(reservation: Reservation, reservations: list[Reservation], now: datetime) -> str:
    """State of the undo button: "open", why not, or empty if it is not cancelled."""
    if reservation.status != ReservationStatus.CANCELLED:
        return ""
    refusal = changes.why_not_undo(reservation, reservations, by=CITIZEN, now=now)
    return WHY_NOT_UNDO.get(type(refusal), "never") if refusal else "open"


def _history_rows(reservation: Reservation) -> list[dict[str, Any]]:
    """The events of a reservation in order, with their actors."""
    return [
        {
            "at": event.at,
            "what": event.what,
            "detail": event.detail,
            "by": actor_for_person(event.by),
        }
        for event in history.history_of(reservation)
    ]


def is_too_late(reservation: Reservation) -> bool:
    current = reservation.status == ReservationStatus.CONFIRMED
    return current and known_now() >= reservation.changes_until


@require_http_methods(["GET", "HEAD", "POST"])
@booking_page(own_reservation)
def cancel(
    request: HttpRequest, reservation: Reservation, reservations: list[Reservation]
) -> HttpResponse:
    if request.method != "POST":
        if is_too_late(reservation):
            return receipt(request, reservation, reservations, refusal=TooLate())
        return receipt(request, reservation, reservations, asks_cancel=True)
    try:
        changes.cancel_reservation(reservation=reservation, by=CITIZEN)
    except Refused as refusal:
        return receipt(request, reservation, reservations, refusal=refusal)
    return redirect("reservation", number=reservation.number)


@require_http_methods(["GET", "HEAD", "POST"])
@booking_page(own_reservation)
def undo(
    request: HttpRequest, reservation: Reservation, reservations: list[Reservation]
) -> HttpResponse:
    if request.method != "POST":
        return redirect("reservation", number=reservation.number)
    try:
        changes.undo_cancel(reservation=reservation, by=CITIZEN)
    except Refused as refusal:
        reservation.refresh_from_db()
        return receipt(request, reservation, reservations, refusal=refusal)
    return redirect("reservation", number=reservation.number)


@require_safe
@booking_page(own_reservation)
def calendar(
    request: HttpRequest, reservation: Reservation, reservations: list[Reservation]
) -> HttpResponse:
    return calendar_response(calendar_file(reservation), reservation.number)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed_in_any_language
def lookup(request: HttpRequest) -> HttpResponse:
    """The signed-in person's reservations, and the form to find one by number and phone."""
    session = signed_in(request)
    reservations = []
    if session:
        reservations = list(
            Reservation.objects.with_slot()
            .filter(person=session.person_id)
            .exclude(status__in=[ReservationStatus.LAPSED, ReservationStatus.RELEASED])
            .order_by("-slot__starts_at")[:20]
        )
        reservations = reading.visible_in(session, reservations)
        # To come: the next one first; then the past, the last one first.
        to_come = [reservation for reservation in reservations if reservation.status in TO_COME]
        reservations = to_come[::-1] + [
            reservation for reservation in reservations if reservation.status not in TO_COME
        ]
    number = request.GET.get("number", "")
    form = LookupForm(
        form_data(request),
        initial={"number": number, **typed(request, "number", "phone")},
    )
    status, work = 200, NO_WORK
    if request.method == "POST":
        status = 422
        if form.is_valid():
            if look_up_is_slowed(request, **form.cleaned_data):
                work = work_for(form.cleaned_data["phone"])
            elif reading.find_by_number(**form.cleaned_data):
                response = redirect("reservation", number=form.cleaned_data["number"])
                # From now on this browser may open the reservation without identity.
                looked_up.add(request, response, form.cleaned_data["number"])
                return response
            else:
                count_failure(request, form.cleaned_data["number"])
                form.add_error(None, _("There is no reservation with this number and this phone."))
    context = {
        "form": form,
        "typed_form": "lookup",
        "mine": [_listed(reservation) for reservation in reservations],
        **work,
    }
    return render(request, "booking/lookup.html", context, status=status)


def _listed(reservation: Reservation) -> dict[str, Any]:
    """Context of one reservation in the list."""
    held = reservation.status == ReservationStatus.HELD
    return {
        "reservation": reservation,
        "status": headlines.OF_RESERVATION[ReservationStatus(reservation.status)]
        if held
        else reservation.get_status_display(),
        "badge": BADGES.get(ReservationStatus(reservation.status), "gray"),
    }
