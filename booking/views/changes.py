"""Moving an appointment to another time: alone, or both doses together."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from booking.enums import ReservationStatus
from booking.exceptions import (
    BookedForVisit,
    Refused,
    SecondNotOpen,
    SlotFull,
    SlotOver,
    TooLate,
)
from booking.models import Reservation
from booking.rules import day_of
from booking.services import both_doses, changes
from booking.services.changes import ChangeLimits, change_limits
from booking.views.common import own_reservation
from booking.views.ends import slot_lost_page
from booking.views.finder import finder_page
from booking.views.purposes import Purpose
from booking.views.reservations import is_too_late, receipt
from database.clock import known_today
from staff.actors import CITIZEN
from waiting_room.decorators import booking_page
from web.posted import posted_id
from web.times import moment


@require_http_methods(["GET", "HEAD", "POST"])
@booking_page(own_reservation)
def change(
    request: HttpRequest, reservation: Reservation, reservations: list[Reservation]
) -> HttpResponse:
    if reservation.status != ReservationStatus.CONFIRMED:
        return redirect("reservation", number=reservation.number)
    if reservation.slot.home_id:
        return receipt(request, reservation, reservations, refusal=BookedForVisit())
    if request.method != "POST" and is_too_late(reservation):
        return receipt(request, reservation, reservations, refusal=TooLate())
    purpose = _purpose(reservation, reservations)
    if request.method != "POST":
        return finder_page(
            request, purpose, code=request.GET.get("clinic"), default=reservation.slot
        )
    slot_id = posted_id(request, "slot")
    if slot_id is None:
        return finder_page(
            request, purpose, default=reservation.slot, refusal=Refused(_("Choose a time."))
        )
    try:
        changes.change_reservation(reservation=reservation, slot_id=slot_id, by=CITIZEN)
    except (SlotFull, SlotOver) as refusal:
        return slot_lost_page(request, purpose, reservation.person_id, slot_id, refusal)
    except Refused as refusal:
        return receipt(request, reservation, reservations, refusal=refusal)
    return redirect("reservation", number=reservation.number)


@require_http_methods(["GET", "HEAD", "POST"])
@booking_page(own_reservation)
def change_both(
    request: HttpRequest, reservation: Reservation, reservations: list[Reservation]
) -> HttpResponse:
    """Choose a time for the first dose, along with which the second one moves where it must."""
    both = both_doses.both_confirmed(reservations)
    if not both:
        return redirect("change", number=reservation.number)
    first = both[0]
    if is_too_late(first):
        return receipt(request, first, reservations, refusal=TooLate())
    purpose = _purpose_of_both(reservation, first)
    if request.method != "POST":
        return finder_page(request, purpose, code=request.GET.get("clinic"), default=first.slot)
    slot_id = posted_id(request, "slot")
    if slot_id is None:
        nothing = Refused(_("Choose a time."))
        return finder_page(request, purpose, default=first.slot, refusal=nothing)
    try:
        both_doses.change_both(person_id=first.person_id, slot_id=slot_id, by=CITIZEN)
    except (SlotFull, SlotOver) as refusal:
        return slot_lost_page(request, purpose, first.person_id, slot_id, refusal)
    except SecondNotOpen as refusal:
        request.GET = request.POST
        return finder_page(request, purpose, default=first.slot, refusal=refusal)
    except Refused as refusal:
        return receipt(request, reservation, reservations, refusal=refusal)
    return redirect("reservation", number=reservation.number)


def _purpose(reservation: Reservation, reservations: list[Reservation]) -> Purpose:
    """To move one appointment; another dose limits the vaccine and the days, and the page says how
    and what moves both."""
    address = reverse("change", args=[reservation.number])
    limits = change_limits(reservation)
    now_at = moment(reservation.slot.starts_at)
    lead = [_("Your appointment of %(when)s is kept until you have a new one.") % {"when": now_at}]
    if limits.days:
        lead.append(_reason(reservation, reservations, limits))
    both = both_doses.both_confirmed(reservations)
    apart = reservation in both and not is_too_late(both[0])
    return Purpose(
        title=_("Choose another time"),
        base=address,
        action=address,
        back=reverse("reservation", args=[reservation.number]),
        lead=" ".join(lead),
        other_way=(_("Move both doses together"), f"{address}both/") if apart else None,
        vaccines=limits.vaccines,
        days=limits.days,
    )


def _reason(reservation: Reservation, reservations: list[Reservation], limits: ChangeLimits) -> str:
    """Why only some days are possible."""
    assert limits.days
    earliest, latest = limits.days
    start, end = (date_format(day, _("D j M")) for day in (max(earliest, known_today()), latest))
    live = [ReservationStatus.CONFIRMED, ReservationStatus.ARRIVED, ReservationStatus.VACCINATED]
    others = [
        row for row in reservations if row.dose == 3 - reservation.dose and row.status in live
    ]
    if not others:
        text = _("A dose was given elsewhere: this one is possible from %(start)s to %(end)s.")
        return text % {"start": start, "end": end}
    text = _(
        "Your first dose is on %(other)s. The second is possible from %(start)s to %(end)s after "
        "it."
    )
    if reservation.dose == 1:
        text = _(
            "Your second dose is on %(other)s. While it stays there, the first is possible from "
            "%(start)s to %(end)s."
        )
    other = date_format(day_of(others[0].slot.starts_at), _("D j M"))
    return text % {"other": other, "start": start, "end": end}


def _purpose_of_both(reservation: Reservation, first: Reservation) -> Purpose:
    address = reverse("change_both", args=[reservation.number])
    alone = reverse("change", args=[reservation.number])
    return Purpose(
        title=_("Choose another time for both doses"),
        base=address,
        action=address,
        back=reverse("reservation", args=[reservation.number]),
        lead=_(
            "Choose the time of the first dose. The second one stays where it fits, or goes along "
            "to the best open time at the same clinic. Both old times are kept until the new ones "
            "are yours."
        ),
        other_way=(_("Move this dose alone"), alone),
        vaccines=frozenset([first.slot.vaccine_id]),
    )
