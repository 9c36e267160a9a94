"""Afterwards: the receipt, looking it up, changing and cancelling."""

import logging
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from booking import history, services
from booking.calendar_file import calendar_file
from booking.enums import LIVE, ReservationStatus
from booking.exceptions import AlreadyBooked, Refused, SlotClosed, SlotFull, SlotOver, TooLate
from booking.forms import LookupForm
from booking.history import to_the_person
from booking.limits import count_failure, look_up_is_slowed
from booking.models import Reservation
from booking.qr import qr_svg
from booking.views import headlines
from booking.views.common import in_sight, keeps_typed, own_reservation, seen
from booking.views.finder import Purpose, lost, show
from database.clock import known_now
from eligibility.brakes import NO_WORK, work_for
from eligibility.sessions import signed_in
from staff.actors import CITIZEN
from waiting_room.decorators import booking_page
from web.language import keeps_typed_in_any_language, typed
from web.posted import posted_id

log = logging.getLogger(__name__)

TO_COME = [ReservationStatus.HELD, ReservationStatus.CONFIRMED, ReservationStatus.ARRIVED]
SHOWN_AT_THE_DESK = [
    ReservationStatus.CONFIRMED,
    ReservationStatus.ARRIVED,
    ReservationStatus.VACCINATED,
]
OVER = [
    ReservationStatus.CANCELLED,
    ReservationStatus.LAPSED,
    ReservationStatus.RELEASED,
    ReservationStatus.NO_SHOW,
]
# What the receipt says where a cancellation can't be taken back.
WHY_NOT_UNDO: dict[type[Refused], str] = {
    AlreadyBooked: "replaced",
    SlotClosed: "closed",
    SlotFull: "gone",
    SlotOver: "late",
    TooLate: "late",
}


# The colour of a status in a list.
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
    now = known_now()
    others = [row for row in reservations if row.pk != reservation.pk and row.status in LIVE]
    current = reservation.status == ReservationStatus.CONFIRMED
    second = next((one for one in others if one.dose == 2), None)
    replaced = any(one.dose == reservation.dose for one in others)
    context = {
        "reservation": reservation,
        "others": [one for one in others if one.status != ReservationStatus.HELD],
        "refusal": refusal,
        "headline": headlines.of_reservation(reservation, asks_cancel=asks_cancel and current),
        "asks_cancel": asks_cancel and current,
        # Large only where it is shown at a desk.
        "shows_number": reservation.status in SHOWN_AT_THE_DESK and not (asks_cancel and current),
        "goes_along": second if reservation.dose == 1 else None,
        "may_change": current and now < reservation.changes_until,
        "undo": _undo(reservation, reservations, now),
        "wants_second": current
        and reservation.dose == 1
        and reservation.slot.vaccine.doses > 1
        and second is None,
        "starts_again": reservation.status in OVER and not replaced,
        "qr": qr_svg(reservation.number),
        "history": _history_rows(reservation) if "history" in request.GET else None,
    }
    return render(request, "booking/reservation.html", context, status=409 if refusal else 200)


def _undo(reservation: Reservation, reservations: list[Reservation], now: datetime) -> str:
    """Whether a cancellation can be taken back: "open", or why not; empty if there is none."""
    if reservation.status != ReservationStatus.CANCELLED:
        return ""
    refusal = services.why_not_undo(reservation, reservations, by=CITIZEN, now=now)
    return WHY_NOT_UNDO.get(type(refusal), "never") if refusal else "open"


def _history_rows(reservation: Reservation) -> list[dict[str, Any]]:
    """What happened to it, in order, and who did it."""
    return [
        {"at": event.at, "what": event.what, "detail": event.detail, "by": to_the_person(event.by)}
        for event in history.history_of(reservation)
    ]


def _is_too_late(reservation: Reservation) -> bool:
    current = reservation.status == ReservationStatus.CONFIRMED
    return current and known_now() >= reservation.changes_until


@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed
@booking_page(own_reservation)
def cancel(
    request: HttpRequest, reservation: Reservation, reservations: list[Reservation]
) -> HttpResponse:
    if request.method != "POST":
        if _is_too_late(reservation):
            return receipt(request, reservation, reservations, refusal=TooLate())
        return receipt(request, reservation, reservations, asks_cancel=True)
    try:
        services.cancel_reservation(reservation=reservation, by=CITIZEN)
    except Refused as refusal:
        return receipt(request, reservation, reservations, refusal=refusal)
    return redirect("reservation", number=reservation.number)


@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed
@booking_page(own_reservation)
def undo(
    request: HttpRequest, reservation: Reservation, reservations: list[Reservation]
) -> HttpResponse:
    if request.method != "POST":
        return redirect("reservation", number=reservation.number)
    try:
        services.undo_cancel(reservation=reservation, by=CITIZEN)
    except Refused as refusal:
        reservation.refresh_from_db()
        return receipt(request, reservation, reservations, refusal=refusal)
    return redirect("reservation", number=reservation.number)


@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed
@booking_page(own_reservation)
def change(
    request: HttpRequest, reservation: Reservation, reservations: list[Reservation]
) -> HttpResponse:
    if reservation.status != ReservationStatus.CONFIRMED:
        return redirect("reservation", number=reservation.number)
    purpose = _to_change(reservation)
    if request.method != "POST":
        if _is_too_late(reservation):
            return receipt(request, reservation, reservations, refusal=TooLate())
        return show(request, purpose, code=request.GET.get("clinic"), default=reservation.slot)
    slot_id = posted_id(request, "slot")
    if slot_id is None:
        return show(
            request, purpose, default=reservation.slot, refusal=Refused(_("Choose a time."))
        )
    try:
        services.change_reservation(reservation=reservation, slot_id=slot_id, by=CITIZEN)
    except (SlotFull, SlotOver) as refusal:
        return lost(request, purpose, reservation.person_id, slot_id, refusal)
    except Refused as refusal:
        return receipt(request, reservation, reservations, refusal=refusal)
    return redirect("reservation", number=reservation.number)


def _to_change(reservation: Reservation) -> Purpose:
    """Any time of any vaccine, unless the other dose says which and when."""
    address = reverse("change", args=[reservation.number])
    others = list(
        Reservation.objects.live()
        .filter(person=reservation.person_id)
        .exclude(pk=reservation.pk)
        .exclude(status=ReservationStatus.HELD)
        .select_related("slot")
    )
    course = services.course_of(reservation.person_id, others)
    vaccine = services.interval_of(reservation.slot.vaccine)
    days = course.days(reservation.dose, vaccine)
    return Purpose(
        title=_("Choose another time"),
        base=address,
        action=address,
        back=reverse("reservation", args=[reservation.number]),
        lead=_("Your old time is kept until the new one is yours."),
        vaccines=_may_be(reservation, days is not None),
        days=days,
    )


def _may_be(reservation: Reservation, fixed: bool) -> frozenset[int] | None:
    """The vaccines it may be changed to: with another dose its own, else what was admitted."""
    own = frozenset([reservation.slot.vaccine_id])
    if fixed:
        return own
    admitted_for = services.vaccines_for(reservation)
    return None if admitted_for is None else admitted_for | own


@require_safe
@booking_page(own_reservation)
def calendar(
    request: HttpRequest, reservation: Reservation, reservations: list[Reservation]
) -> HttpResponse:
    response = HttpResponse(calendar_file(reservation), content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{reservation.number}.ics"'
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed_in_any_language
def lookup(request: HttpRequest) -> HttpResponse:
    """One's reservations: by identity, or one by its number and phone."""
    who = signed_in(request)
    mine = []
    if who:
        mine = list(
            Reservation.objects.with_slot()
            .filter(person=who.person_id)
            .exclude(status__in=[ReservationStatus.LAPSED, ReservationStatus.RELEASED])
            .order_by("-slot__starts_at")[:20]
        )
        mine = in_sight(request, mine)
        to_come = [one for one in mine if one.status in TO_COME]
        mine = to_come[::-1] + [one for one in mine if one.status not in TO_COME]
    number = request.GET.get("number", "")
    form = LookupForm(
        request.POST if request.method == "POST" else None,
        initial={"number": number, **typed(request, "number", "phone")},
    )
    status, work = 200, NO_WORK
    if request.method == "POST":
        status = 422
        if form.is_valid():
            if look_up_is_slowed(request, **form.cleaned_data):
                work = work_for(form.cleaned_data["phone"])
            elif services.find_by_number(**form.cleaned_data):
                response = redirect("reservation", number=form.cleaned_data["number"])
                seen.add(request, response, form.cleaned_data["number"])
                return response
            else:
                count_failure(request, form.cleaned_data["number"])
                form.add_error(None, _("There is no reservation with this number and this phone."))
    context = {
        "form": form,
        "typed_form": "lookup",
        "mine": [_listed(one) for one in mine],
        **work,
    }
    return render(request, "booking/lookup.html", context, status=status)


def _listed(reservation: Reservation) -> dict[str, Any]:
    """A reservation in the list of a person's own."""
    held = reservation.status == ReservationStatus.HELD
    return {
        "reservation": reservation,
        "status": headlines.OF_RESERVATION[ReservationStatus(reservation.status)]
        if held
        else reservation.get_status_display(),
        "badge": BADGES.get(ReservationStatus(reservation.status), "gray"),
    }
