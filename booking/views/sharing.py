"""Day and place of an appointment as a text to pass on, which opens nothing."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from booking.models import Reservation
from booking.views.common import own_reservation
from booking.views.reservations import EXPECTED
from eligibility.sessions import signed_in
from waiting_room.decorators import booking_page
from web.times import moment


@require_safe
@booking_page(own_reservation)
def share(
    request: HttpRequest, reservation: Reservation, reservations: list[Reservation]
) -> HttpResponse:
    """The text, with the person's name if the reader chose it (`name`)."""
    if reservation.status not in EXPECTED:
        return redirect("reservation", number=reservation.number)
    session = signed_in(request)
    # Who looked it up by number and phone learns no name here.
    may_name = session is not None and session.person_id == reservation.person_id
    with_name = may_name and "name" in request.GET
    context = {
        "number": reservation.number,
        "text": text_of(reservation, with_name=with_name),
        "may_name": may_name,
        "with_name": with_name,
    }
    return render(request, "booking/share.html", context)


def text_of(reservation: Reservation, *, with_name: bool) -> str:
    """Four lines without a number or an address of the portal: they give nobody access."""
    place = reservation.slot.place
    values = {
        "when": moment(reservation.slot.starts_at),
        "clinic": place.full_name,
        "address": place.address,
    }
    if not with_name:
        return _("Vaccination\n%(when)s\n%(clinic)s\n%(address)s") % values
    values["name"] = reservation.person.name
    return _("Vaccination of %(name)s\n%(when)s\n%(clinic)s\n%(address)s") % values
